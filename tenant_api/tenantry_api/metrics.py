"""What `/metrics` shows. Every label has a handful of values: no name of a workspace, project or person is one."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics"]

# Seconds. The door adds less than the first two; backends that wake need the last ones.
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)

# By the name of the check in /readyz.
_CHECKS = {
    "catalog": ("tenantry_catalog_fresh", "1 while the catalog can be followed."),
    "record": ("tenantry_record_healthy", "1 while records become durable."),
    "shipping": (
        "tenantry_record_shipping",
        "0 when only a person can get records copied to PostgreSQL again.",
    ),
}


class Metrics:
    """One set per application, so that tests do not share figures."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tenantry_requests",
            "Requests below /w/, by kind of action (`refused`: stopped before one; `failed`: our mistake) and status.",
            ["kind", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "tenantry_request_seconds",
            "Time from the request's head to the end of its answer.",
            ["kind"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._bytes = Counter(
            "tenantry_bytes", "Bytes of bodies, by direction.", ["direction"], registry=self._registry
        )
        self._open = Gauge("tenantry_open_requests", "Requests below /w/ under way.", registry=self._registry)
        self._checks = {name: Gauge(*gauge, registry=self._registry) for name, gauge in _CHECKS.items()}
        self._unsigned = Gauge(
            "tenantry_logs_unsigned", "Logs that are not what was signed before.", registry=self._registry
        )

        self._absent = Gauge(
            "tenantry_doors_absent", "Doors that died, with records that may be nowhere else.", registry=self._registry
        )

    def began(self) -> None:
        self._open.inc()

    def ended(self, kind: str, status: int, seconds: float, *, received: int, sent: int) -> None:
        self._open.dec()
        self._requests.labels(kind, str(status)).inc()
        self._seconds.labels(kind).observe(seconds)
        self._bytes.labels("in").inc(received)
        self._bytes.labels("out").inc(sent)

    def page(self, checks: Mapping[str, bool], *, unsigned: int, absent: int) -> bytes:
        """The page in Prometheus' text format 0.0.4."""
        for name, gauge in self._checks.items():
            gauge.set(checks[name])
        self._unsigned.set(unsigned)
        self._absent.set(absent)
        return generate_latest(self._registry)
