"""What `tenantry up` does in the foreground: start, tell, look after, stop."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import yaml
from rich.console import Console
from rich.markup import escape

from tenantry_api.cli.table import age, print_table
from tenantry_api.up.machine import Machine, Options, PortTaken
from tenantry_api.up.postgres import PostgresMissing
from tenantry_api.up.processes import ProcessFailed
from tenantry_api.up.projects import Projects
from tenantry_api.up.state import StateInUse

__all__ = ["print_projects", "run"]

_CANNOT_START = (FileNotFoundError, PortTaken, PostgresMissing, ProcessFailed, StateInUse)


def run(options: Options) -> int:
    """Return the exit code: 0 after a signal, 1 when it cannot start, having said why."""
    console = Console(highlight=False, markup=False, soft_wrap=True, stderr=True)
    stopping = _on_signal()
    machine = Machine(options, report=console.print, progress=lambda what: _step(console, what))
    try:
        machine.start()
        _greet(machine, options)
        while not stopping.wait(0.5):
            machine.tend()
    except _CANNOT_START as error:
        console.print(str(error), style="red")
        return 1
    except _Stopped:
        pass
    finally:
        if machine.processes():
            console.print("Stopping ...")
        machine.stop()
    return 0


class _Stopped(BaseException):
    """A signal came while we were starting; like KeyboardInterrupt, for SIGTERM and SIGHUP as well."""


def _on_signal() -> threading.Event:
    """The first signal ends whatever we wait for; later ones change nothing, since we are stopping already."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()
            raise _Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return stopping


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    """Say what is awaited while it is, and how long it took: a spinner on a terminal, lines elsewhere."""
    begun = time.monotonic()
    with console.status(f"{what} ..."):
        if not console.is_terminal:
            console.print(f"{what} ...")
        yield
    console.print(f"{what}: ready ({time.monotonic() - begun:.1f} s)")


def _greet(machine: Machine, options: Options) -> None:
    out = Console(highlight=False, markup=False, soft_wrap=True)
    print_projects(machine.projects)
    out.print(f"\nTenantry: {machine.url}")
    if options.issuer is None:
        out.print("Development users, no password asked:")
        for user in yaml.safe_load(options.users.read_text())["users"]:
            out.print(f"  {user['username']:8} {user['email']:22} {', '.join(user['groups']) or '-'}")
    first = next(iter(machine.projects.rows()), None)
    if first is not None:
        out.print("\nTrack an experiment, with a token from the page Tokens:")
        out.print(f"  export MLFLOW_TRACKING_URI={machine.projects.url_of(first)}")
        out.print("  export MLFLOW_TRACKING_TOKEN=tnt_...")
        out.print("  python -c 'import mlflow; mlflow.log_metric(\"accuracy\", 0.9)'")
    out.print("\nCtrl-C stops everything.")
    sys.stdout.flush()


def print_projects(projects: Projects) -> None:
    """NAME READY VERSION URL AGE, and the blocker of what is not ready."""
    rows = []
    for row in projects.rows():
        ready = "True" if row.ready else f"False ({escape(row.blocker) or 'waiting'})"
        name = f"{row.workspace}/{row.name}"
        rows.append((name, ready, row.mlflow_version, projects.url_of(row), age(row.created_at.isoformat())))
    print_table(("NAME", "READY", "VERSION", "URL", "AGE"), rows)
