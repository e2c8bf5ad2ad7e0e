"""How the inner checks say no: they raise; `match` and `finish` catch, so what leaves the package is a `Refusal`."""

from __future__ import annotations

from tenantry_api.facts import Refusal

__all__ = ["RefusedError", "forbidden", "invalid", "malformed", "refuse", "unknown"]


class RefusedError(Exception):
    """Carries the refusal from the check that found it to the function that returns it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(status: int, code: str, reason: str, message: str) -> RefusedError:
    return RefusedError(Refusal(status=status, code=code, reason=reason, message=message))


def malformed(reason: str, message: str) -> RefusedError:
    """The bytes are not a request that every parser reads alike."""
    return refuse(400, "MALFORMED_REQUEST", reason, message)


def invalid(reason: str, message: str) -> RefusedError:
    """The request reads, but a value in it is not one that MLflow's own client would send."""
    return refuse(400, "INVALID_PARAMETER_VALUE", reason, message)


def forbidden(reason: str, message: str) -> RefusedError:
    return refuse(403, "PERMISSION_DENIED", reason, message)


def unknown(reason: str, message: str) -> RefusedError:
    return refuse(404, "ENDPOINT_NOT_FOUND", reason, message)
