"""How long things take to be there, and what they weigh."""

from __future__ import annotations

import os
import statistics
import time
from itertools import islice

from bench.client import Client
from bench.report import Figure, at_most, percentile
from bench.site import Site

__all__ = ["measure_cold", "measure_fourth", "measure_memory"]

_FIFTY, _ACTIVE, _COLD = 50, 5, 20
_FIRST = "/api/2.0/mlflow/experiments/search?max_results=1"


def measure_fourth(site: Site, token: str) -> list[Figure]:
    """From the file's appearance to the first answer that the stock client takes; imported before the clock starts."""
    os.environ["MLFLOW_TRACKING_TOKEN"] = token
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  # seconds that no other figure should pay
    from mlflow.tracking import MlflowClient  # noqa: PLC0415

    taken = []
    for number in range(5):
        name = f"fourth-{number}"
        client = MlflowClient(f"{site.machine.url}{site.path(name)}")
        begun = time.monotonic()
        site.add_project(name)
        while True:
            try:
                client.search_experiments()
                break
            except MlflowException:
                if time.monotonic() - begun > 60:  # noqa: PLR2004  # it is not coming
                    raise
                time.sleep(0.01)
        taken.append(time.monotonic() - begun)
    return [
        at_most(
            "manifest applied to first mlflow call, of 5", statistics.median(taken), 2, "s", f" (max {max(taken):.2f})"
        )
    ]


def measure_memory(site: Site, token: str) -> list[Figure]:
    """Fifty projects, of which five were asked for something. Call it before any other project was woken."""
    for number in range(_FIFTY - 3):
        site.add_project(f"many-{number:02}")
    begun = time.monotonic()
    site.wait_until_ready()
    ready = time.monotonic() - begun
    for number in range(_ACTIVE):
        _first(site, token, f"many-{number:02}")
    sizes = site.memory()
    one = statistics.median(server.memory_full_info().pss / 1e6 for server in site.servers())
    parts = [Figure(f"PSS of {name}", f"{size:.0f} MB") for name, size in sorted(sizes.items())]
    return [
        Figure(f"{_FIFTY - 3} more projects to Ready", f"{ready:.1f} s"),
        *parts,
        at_most("PSS of one active backend", one, 60, "MB"),
        at_most(f"PSS of all, {_FIFTY} projects, {_ACTIVE} active", sum(sizes.values()), 900, "MB"),
    ]


def measure_cold(site: Site, token: str) -> list[Figure]:
    """The first request to backends that are stopped."""
    names = (f"many-{number:02}" for number in range(_ACTIVE, _FIFTY))
    taken = [_first(site, token, name) for name in islice(names, _COLD)]
    return [
        Figure(f"first request to a stopped backend, p50 of {_COLD}", f"{percentile(taken, 50):.0f} ms"),
        at_most(f"first request to a stopped backend, p95 of {_COLD}", percentile(taken, 95), 500, "ms"),
    ]


def _first(site: Site, token: str, name: str) -> float:
    with Client("127.0.0.1", site.port, site.path(name), {"Authorization": f"Bearer {token}"}) as client:
        return client.timed_get(_FIRST)
