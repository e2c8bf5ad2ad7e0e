"""What can go wrong in the door, and how it is told: MLflow's shape under /w/, RFC 9457 elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import asyncpg
import orjson
from sqlalchemy.exc import SQLAlchemyError

from tenantry_api.facts import Decision, Refusal, StockFile

__all__ = [
    "DATABASE_ERRORS",
    "PROBLEM_JSON",
    "Altered",
    "BackendAway",
    "Interrupted",
    "Refused",
    "TenantryError",
    "backend_away",
    "backend_broke_off",
    "catalog_stale",
    "internal_error",
    "mlflow_error",
    "problem",
    "record_unavailable",
    "ui_altered",
    "ui_missing",
]

PROBLEM_JSON = "application/problem+json"

# What a database that is down, starting or gone in the middle of a query looks like, through SQLAlchemy and asyncpg.
# `InternalClientError`: a connection lost between two messages of a statement surprises asyncpg itself.
# `OSError` has the builtin TimeoutError in it.
DATABASE_ERRORS = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class TenantryError(Exception):
    """The base of every error that this package raises on purpose."""


class Refused(TenantryError):  # noqa: N818 - a refusal is an answer, not an error
    """A step said no: the refusal is recorded, then answered with `headers` besides those that every refusal has."""

    def __init__(
        self, refusal: Refusal, *, decision: Decision | None = None, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.decision = decision
        self.headers = headers


class BackendAway(Refused):
    """The project's backend is not there, or not yet. `state` and `message` are the catalog's, for people."""

    def __init__(self, refusal: Refusal, state: str, message: str) -> None:
        super().__init__(refusal)
        self.state = state
        self.message = message


class Interrupted(Refused):
    """The backend's answer ended before its end, or had to."""


class Altered(Interrupted):
    """What the backend sends as a file of MLflow's UI is something else."""

    def __init__(self, refusal: Refusal, file: StockFile) -> None:
        super().__init__(refusal)
        self.file = file


def catalog_stale() -> Refused:
    return _unavailable(
        "catalog_stale", "Access rules cannot be read at the moment, so nothing is allowed. Try again shortly."
    )


def record_unavailable() -> Refused:
    return _unavailable(
        "record_unavailable", "The audit log cannot be written at the moment, so nothing is allowed. Try again shortly."
    )


def backend_away(state: str, message: str, waited: float) -> BackendAway:
    detail = message or f"it did not answer within {waited:.0f} seconds."
    refused = _unavailable(
        "backend_unavailable", f"The project's backend is not available: {detail} Try again shortly."
    )
    return BackendAway(refused.refusal, state, message)


def backend_broke_off() -> Interrupted:
    return Interrupted(
        _bad_gateway(
            "backend_broke_off",
            "The project's backend broke off the request; whether it was carried out is not known.",
        )
    )


def ui_altered(file: StockFile) -> Altered:
    message = (
        f"The project's backend does not send the UI of MLflow {file.mlflow}: its {file.name} is not the released "
        "file, and is held back. Tell those who run this service; right after a change of the version, reload the page."
    )
    return Altered(_bad_gateway("ui_altered", message), file)


def ui_missing(file: StockFile, status: int) -> Interrupted:
    message = (
        f"The project's backend answers {status} when it is asked for {file.name} of its UI. Reload the page; if that "
        "does not help, the backend's log says why."
    )
    return Interrupted(_bad_gateway("ui_missing", message))


def internal_error() -> Refused:
    message = "A mistake of the service; its log has the details under the id of this request."
    return Refused(Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "internal_error", message))


def _unavailable(reason: str, message: str) -> Refused:
    return Refused(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", reason, message))


def _bad_gateway(reason: str, message: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_GATEWAY, "INTERNAL_ERROR", reason, message)


def mlflow_error(refusal: Refusal) -> bytes:
    """`{"error_code", "message"}`, as MLflow's clients expect of any answer that is not a success."""
    return orjson.dumps({"error_code": refusal.code, "message": refusal.message})


def problem(status: int, title: str, detail: str, **members: object) -> bytes:
    """A problem document (RFC 9457, section 3). `members` are its extension members."""
    return orjson.dumps({"type": "about:blank", "status": status, "title": title, "detail": detail, **members})
