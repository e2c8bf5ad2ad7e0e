"""What can go wrong in the door, and how it is told: MLflow's shape under /w/, RFC 9457 elsewhere."""

from __future__ import annotations

from http import HTTPStatus

import orjson

from tenantry_api.facts import Refusal

__all__ = [
    "PROBLEM_JSON",
    "Refused",
    "TenantryError",
    "Unavailable",
    "backend_unavailable",
    "catalog_stale",
    "mlflow_error",
    "problem",
    "record_unavailable",
]

PROBLEM_JSON = "application/problem+json"


class TenantryError(Exception):
    """The base of every error that this package raises on purpose."""


class Refused(TenantryError):  # noqa: N818 - a refusal is an answer, not an error
    """A step said no. The pipeline records the refusal and answers with it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Unavailable(Refused):
    """Not now: the answer is 503, and a client may try again after `retry_after` seconds."""

    def __init__(self, refusal: Refusal, retry_after: int) -> None:
        super().__init__(refusal)
        self.retry_after = retry_after


def _unavailable(reason: str, message: str, retry_after: int) -> Unavailable:
    return Unavailable(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", reason, message), retry_after)


def catalog_stale() -> Unavailable:
    return _unavailable(
        "catalog_stale", "Access rules cannot be read at the moment, so nothing is allowed. Try again shortly.", 2
    )


def record_unavailable() -> Unavailable:
    return _unavailable(
        "record_unavailable", "The audit log cannot be written at the moment, so nothing is allowed. Try again.", 5
    )


def backend_unavailable(detail: str) -> Unavailable:
    return _unavailable("backend_unavailable", f"The project's backend is not available: {detail} Try again.", 5)


def mlflow_error(refusal: Refusal) -> bytes:
    """`{"error_code", "message"}`, as MLflow's clients expect of any answer that is not a success."""
    return orjson.dumps({"error_code": refusal.code, "message": refusal.message})


def problem(status: int, title: str, detail: str, **members: object) -> bytes:
    """A problem document (RFC 9457, section 3). `members` are its extension members."""
    return orjson.dumps({"type": "about:blank", "status": status, "title": title, "detail": detail, **members})
