"""A login and its secret as they are kept: what is current, since when, and what it replaced.

A rotation is two steps with a pause: the new login becomes the current one while the replaced one still works, and
when nobody uses that any more it is retired. What was replaced stands beside the current login, so that an operator
that was killed in between knows where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from tenantry_operator.facts import ArtifactPlan, BucketPlan, DatabasePlan
from tenantry_operator.provision import SecretStore

__all__ = ["Clock", "Credential", "Credentials", "name_of_key", "names_of", "now"]

Clock = Callable[[], datetime]


def now() -> datetime:
    return datetime.now(UTC)


def name_of_key(plan: BucketPlan) -> str:
    """Return what a bucket's key is kept under."""
    return f"bucket.{plan.user}"


def names_of(database: DatabasePlan, artifacts: ArtifactPlan) -> Iterator[str]:
    """Return all that a project's credentials are kept under; there need not be one under each. A login's is its
    database's own.
    """
    yield database.name
    if isinstance(artifacts, BucketPlan):
        yield name_of_key(artifacts)


@dataclass(frozen=True, slots=True)
class Credential:
    """`login` is a role's name or an access key's id."""

    login: str
    secret: SecretStr
    # None for a password that was stored before its time was.
    made_at: datetime | None = None
    # The login that this one took the place of, until that is retired; then empty.
    replaced: str = ""


class Credentials:
    """Thread-safe when the store is."""

    def __init__(self, store: SecretStore, clock: Clock = now) -> None:
        self._store = store
        self._clock = clock

    def read(self, name: str) -> Credential | None:
        text = self._store.read(name)
        return None if text is None else _parse(name, text.get_secret_value())

    def write(self, name: str, login: str, secret: SecretStr, *, replaced: str = "") -> Credential:
        """Make it the current one, from now on."""
        return self._keep(name, Credential(login, secret, self._clock(), replaced))

    def retire(self, name: str) -> None:
        """Forget what the current one replaced."""
        held = self.read(name)
        if held and held.replaced:
            self._keep(name, replace(held, replaced=""))

    def remove(self, name: str) -> None:
        self._store.remove(name)

    def is_overlapping(self, name: str) -> bool:
        """Say whether what the current one replaced is still to be retired."""
        held = self.read(name)
        return held is not None and bool(held.replaced)

    def age(self, name: str) -> timedelta | None:
        """Return how long ago the current one was made; None where there is none, or nobody knows."""
        held = self.read(name)
        return self._clock() - held.made_at if held and held.made_at else None

    def _keep(self, name: str, credential: Credential) -> Credential:
        value = {
            "login": credential.login,
            "secret": credential.secret.get_secret_value(),
            "made_at": credential.made_at.isoformat() if credential.made_at else None,
            "replaced": credential.replaced,
        }
        self._store.write(name, SecretStr(json.dumps(value)))
        return credential


def _parse(name: str, text: str) -> Credential:
    if not text.startswith("{"):
        # As passwords were stored before they could be rotated: of the role of this name.
        return Credential(name, SecretStr(text))
    value = json.loads(text)
    made_at = value["made_at"] and datetime.fromisoformat(value["made_at"])
    return Credential(value["login"], SecretStr(value["secret"]), made_at, value["replaced"])
