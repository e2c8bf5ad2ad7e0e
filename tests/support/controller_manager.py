"""The part of Kubernetes that counts for quotas, and others of its controllers, beside an API server of the tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenantry_api.up.processes import Command, Process
from tests.support.apiserver import ApiServer
from tests.support.requirement import missing
from tests.support.wait import until

__all__ = ["counting"]

_PROGRAM = "kube-controller-manager"
_QUOTAS = "/api/v1/namespaces/default/resourcequotas"


@contextmanager
def counting(server: ApiServer, *others: str) -> Iterator[None]:
    """Until the end of the block, quotas are counted, and other controllers work, such as `deployment-controller`. A
    cluster that was given does all that by itself.
    """
    if "TENANTRY_TEST_KUBECONFIG" in os.environ:
        yield
        return
    process = Process(_command(server, others))
    try:
        _until_it_counts(server, process)
        yield
    finally:
        process.stop()


def _command(server: ApiServer, others: tuple[str, ...]) -> Command:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("KUBEBUILDER_ASSETS") or cache / "tenantry" / "cluster" / "bin")
    if not (folder / _PROGRAM).exists():
        missing("apiserver", f"{folder} has no {_PROGRAM}: run make apiserver, and unset KUBEBUILDER_ASSETS")
    flags = {
        "kubeconfig": server.kubeconfig,
        "controllers": ",".join(("resourcequota-controller", *others)),
        "leader-elect": "false",
        "secure-port": 0,
    }
    argv = (str(folder / _PROGRAM), *(f"--{flag}={value}" for flag, value in flags.items()))
    home = server.kubeconfig.parent
    return Command(_PROGRAM, argv, {"HOME": str(home)}, home / f"{_PROGRAM}.log", signal.SIGKILL)


def _until_it_counts(server: ApiServer, process: Process) -> None:
    quota = {"metadata": {"name": "first"}, "spec": {"hard": {"pods": "1"}}}
    assert server.ask("POST", _QUOTAS, quota).status == 201
    path = f"{_QUOTAS}/first"
    until(
        lambda: process.check() or server.ask("GET", path).body.get("status", {}).get("used"),
        deadline=60,
        what="the first quota to be counted",
    )
    server.ask("DELETE", path)
