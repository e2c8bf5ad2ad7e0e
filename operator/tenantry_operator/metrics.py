"""The operator's figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from tenantry_operator.ages import Ages

__all__ = ["Metrics"]


class Metrics:
    """`writes` are the calls to the API server that change something, by verb and kind: at rest all but the Lease's
    stand still. `due` says how many keys wait. Credentials are to be replaced `every` so often.
    """

    def __init__(
        self, writes: Mapping[tuple[str, str], int], due: Callable[[], float], ages: Ages, every: timedelta
    ) -> None:
        self.registry = CollectorRegistry()
        self.leader = Gauge(
            "tenantry_operator_leader", "1 while this operator holds the Lease and acts.", registry=self.registry
        )
        self._show(
            "tenantry_operator_keys_due",
            "Workspaces and projects that wait to be looked at; NaN while standing by.",
            due,
        )
        self._show(
            "tenantry_operator_credentials_oldest_age_seconds",
            "Age of the oldest current credential of any project; NaN while standing by.",
            ages.oldest,
        )
        self._show(
            "tenantry_operator_credentials_overdue",
            "Projects with a credential that is older than the schedule wants.",
            lambda: ages.older_than(every),
        )
        self._show(
            "tenantry_operator_credentials_overlapping",
            "Projects with a replaced credential that still works.",
            ages.overlapping,
        )
        self.registry.register(_Writes(writes))

    def _show(self, name: str, words: str, read: Callable[[], float]) -> None:
        Gauge(name, words, registry=self.registry).set_function(read)


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
