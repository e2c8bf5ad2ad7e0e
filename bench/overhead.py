"""What the door costs: the same requests through it and past it, in turn, so that both meet the same machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench.client import Client
from bench.report import Figure, at_least, at_most, percentile, spread
from bench.site import Site

__all__ = ["measure_added", "measure_ratio"]

_PROJECT = "segmentation"
_API = "/api/2.0/mlflow"
_PAIRS = 7
# Enough to keep the one process of MLflow busy, as real clients do.
_CLIENTS = 4
_READS, _BATCHES = 50, 20
_SINGLE = 300


def measure_ratio(site: Site, token: str) -> list[Figure]:
    """Requests a second, door over direct: 1 is a door that costs nothing."""
    through = Ways(site, token)
    run = through.make_run()
    reads = through.ratios(lambda client: client.get(f"{_API}/runs/get?run_id={run}"), _READS)
    batches = through.ratios(lambda client: client.post(f"{_API}/runs/log-batch", _batch(run)), _BATCHES)
    return [
        at_least("runs/get, door/direct", statistics.median(reads), 0.95, detail=spread(reads)),
        at_least("log-batch of 100, door/direct", statistics.median(batches), 0.9, detail=spread(batches)),
    ]


class Ways:
    """The two ways to one project's server."""

    def __init__(self, site: Site, token: str) -> None:
        self.door = ("127.0.0.1", site.port, site.path(_PROJECT), {"Authorization": f"Bearer {token}"})
        with Client(*self.door) as client:
            client.get(f"{_API}/experiments/search?max_results=1")  # Wakes it.
        backend = site.backend(_PROJECT)
        self.direct = (backend.host, backend.port, "", {"X-Tenantry-Backend-Secret": backend.secret})

    def make_run(self) -> str:
        with Client(*self.door) as client:
            experiment = client.post(f"{_API}/experiments/create", {"name": f"bench-{time.time_ns()}"})["experiment_id"]
            run = client.post(f"{_API}/runs/create", {"experiment_id": experiment, "start_time": 1})
        return str(run["run"]["info"]["run_id"])

    def ratios(self, ask: Callable[[Client], object], count: int) -> list[float]:
        self._rate(self.door, ask, count)
        self._rate(self.direct, ask, count)
        return [self._rate(self.door, ask, count) / self._rate(self.direct, ask, count) for _ in range(_PAIRS)]

    def _rate(self, way: tuple[str, int, str, dict[str, str]], ask: Callable[[Client], object], count: int) -> float:
        def work(_number: int) -> None:
            with Client(*way) as client:
                for _ in range(count):
                    ask(client)

        begun = time.perf_counter()
        with ThreadPoolExecutor(_CLIENTS) as pool:
            list(pool.map(work, range(_CLIENTS)))
        return _CLIENTS * count / (time.perf_counter() - begun)


def measure_added(site: Site, token: str) -> list[Figure]:
    """Milliseconds that the door adds to a server that answers at once, one request after another."""
    null = subprocess.Popen([sys.executable, "-m", "bench.null"], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert null.stdout is not None
    port = int(null.stdout.readline())
    real = site.backend(_PROJECT)
    try:
        _send_to(site, f"http://127.0.0.1:{port}")
        return _added(site, token, port)
    finally:
        _send_to(site, f"http://{real.host}:{real.port}")
        null.kill()
        null.wait()


def _added(site: Site, token: str, port: int) -> list[Figure]:
    read = f"{_API}/runs/get?run_id={'0' * 32}"
    ways = {
        "door": Client("127.0.0.1", site.port, site.path(_PROJECT), {"Authorization": f"Bearer {token}"}),
        "null": Client("127.0.0.1", port),
    }
    figures = []
    for what, ask in {
        "read": lambda client: client.timed_get(read),
        "write": lambda client: client.timed_post(f"{_API}/runs/log-batch", _batch("0" * 32)),
    }.items():
        p50, p99 = [], []
        for pair in range(_PAIRS + 1):
            times = {name: [ask(client) for _ in range(_SINGLE)] for name, client in ways.items()}
            if pair:  # The first warms up.
                p50.append(percentile(times["door"], 50) - percentile(times["null"], 50))
                p99.append(percentile(times["door"], 99) - percentile(times["null"], 99))
        goal = at_most(f"added to a {what}, p50", statistics.median(p50), 1, "ms", spread(p50))
        figures += [goal, Figure(f"added to a {what}, p99", f"{statistics.median(p99):.2f} ms{spread(p99)}")]
    return figures


def _send_to(site: Site, address: str) -> None:
    site.sql("UPDATE catalog.backend SET address = %s WHERE project = %s AND state = 'running'", address, _PROJECT)
    time.sleep(1)  # The door hears of it at once; its own backstop is a second.


def _batch(run: str) -> dict[str, object]:
    now = time.time_ns() // 1_000_000
    metrics = [{"key": f"m{number}", "value": 0.5, "timestamp": now, "step": 0} for number in range(100)]
    return {"run_id": run, "metrics": metrics, "params": [], "tags": []}
