"""The operator's figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Metrics"]


class Metrics:
    """`writes` are the calls to the API server that change something, by verb and kind: at rest they stand still.
    `due` says how many keys wait.
    """

    def __init__(self, writes: Mapping[tuple[str, str], int], due: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self.leader = Gauge(
            "tenantry_operator_leader", "1 while this operator holds the Lease and acts.", registry=self.registry
        )
        waiting = Gauge(
            "tenantry_operator_keys_due",
            "Workspaces and projects that wait to be looked at; NaN while standing by.",
            registry=self.registry,
        )
        waiting.set_function(due)
        self.registry.register(_Writes(writes))


class _Writes(Collector):
    def __init__(self, writes: Mapping[tuple[str, str], int]) -> None:
        self._writes = writes

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "tenantry_operator_kubernetes_writes", "Calls to the API server that write.", labels=("verb", "kind")
        )
        for (verb, kind), count in dict(self._writes).items():
            family.add_metric((verb, kind), count)
        yield family
