"""`tenantry up`: the whole of Tenantry on this machine, in the foreground."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import yaml
from rich.console import Console

from tenantry_api.up.machine import Issuer, Machine, Options, PortTaken
from tenantry_api.up.postgres import PostgresMissing
from tenantry_api.up.processes import ProcessFailed
from tenantry_api.up.projects import Projects
from tenantry_api.up.state import StateInUse

__all__ = ["project_table", "up"]

_CANNOT_START = (FileNotFoundError, PortTaken, PostgresMissing, ProcessFailed, StateInUse)


def up(
    *,
    manifests: Annotated[Path, typer.Option(help="Folder of manifests (and users.yaml, without --issuer).")] = Path(),
    port: Annotated[int, typer.Option(help="Where people connect; 0 takes any free port.", min=0, max=65534)] = 8080,
    state: Annotated[Path, typer.Option(help="Folder that keeps all data between two runs.")] = Path(".tenantry"),
    issuer: Annotated[str, typer.Option(help="A real OpenID issuer in the place of the development one.")] = "",
    client_id: Annotated[str, typer.Option(help="The client's name at that issuer.")] = "tenantry",
    client_secret: Annotated[
        str, typer.Option(envvar="TENANTRY_OIDC_CLIENT_SECRET", help="Its secret: better by environment.")
    ] = "",
) -> None:
    """Run everything on this machine: PostgreSQL, the operator, the door and a development identity provider.

    Stays in the foreground. Ctrl-C stops everything; the data stays, and the next start finds it again.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True, stderr=True)
    real = Issuer(issuer, client_id, client_secret or None) if issuer else None
    options = Options(state=state, manifests=manifests, port=port, issuer=real)
    stopping = _on_signal()
    machine = Machine(options, report=console.print, progress=lambda what: _step(console, what))
    try:
        machine.start()
        _greet(machine, options)
        while not stopping.wait(0.5):
            machine.tend()
    except _CANNOT_START as error:
        console.print(str(error), style="red")
        raise typer.Exit(1) from error
    except _Stopped:
        pass
    finally:
        if machine.processes():
            console.print("Stopping ...")
        machine.stop()


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
    out.print(project_table(machine.projects))
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


def project_table(projects: Projects) -> str:
    """NAME READY VERSION URL AGE, and the blocker of what is not ready. Never cut, however narrow the terminal."""
    rows = [("NAME", "READY", "VERSION", "URL", "AGE")]
    for row in projects.rows():
        ready = "True" if row.ready else f"False ({row.blocker or 'waiting'})"
        age = f"{(datetime.now(UTC) - row.created_at).total_seconds():.0f}s"
        rows.append((f"{row.workspace}/{row.name}", ready, row.mlflow_version, projects.url_of(row), age))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
