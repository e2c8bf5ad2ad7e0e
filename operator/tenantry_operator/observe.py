"""What is there: asks the probes, and remembers of each server that it was seen to start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pydantic import SecretStr

from tenantry_crds.meta import ConditionStatus, ConditionType
from tenantry_operator import probe
from tenantry_operator.facts import BucketKey, Observed, Probe, ProjectKey, ProjectPlan
from tenantry_operator.provision import Artifacts
from tenantry_operator.publish import Published
from tenantry_operator.runtime import Running, ServerFailed
from tenantry_operator.servers import Servers

__all__ = ["Applied", "Observer"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of applying a plan: the database's address once it is there, and what went wrong."""

    address: SecretStr | None
    key: BucketKey | None = None
    database_problem: str = ""
    storage_problem: str = ""
    server_problem: Probe | None = None

    def with_server_problem(self, problem: Probe) -> Applied:
        return replace(self, server_problem=problem)


@dataclass(frozen=True, slots=True)
class _Proof:
    """What was found when the server last ran: that it answers, and that it refuses whoever has no secret."""

    answers: Probe
    guarded: Probe


_BLOCKED: Final = Probe(False, "Blocked", "waits for DatabaseReady and StorageReady")
_NOT_SEEN: Final = Probe(False, "NotSeen", "waits for BackendAvailable")
_FENCED: Final = Probe(False, "Fenced", "not started while the annotation tenantry.dev/fence stands")


class Observer:
    """`private` names databases beside the projects' own that no project may enter: the catalog's, the operator's."""

    def __init__(self, servers: Servers, artifacts: Artifacts, private: frozenset[str]) -> None:
        self._servers = servers
        self._artifacts = artifacts
        self._private = private
        self._proofs: dict[ProjectKey, _Proof] = {}

    def observe(
        self, plan: ProjectPlan, applied: Applied, published: Published | None, known: Observed | None
    ) -> Observed:
        """`known` is what was found of this plan a short while ago: while its server is still not there, database and
        storage are not asked again.
        """
        if known:
            proof = self._proof(plan, applied, published)
            if not proof.answers.ok:
                return replace(known, backend=proof.answers)
        database, others = self._within(applied)
        storage = self._storage(plan, applied)
        proof = self._proof(plan, applied, published) if database.ok and storage.ok else self._kept(plan, published)
        isolation = self._isolation(plan, applied, others, proof)
        return Observed(database, storage, isolation=isolation, backend=proof.answers)

    def forget(self, key: ProjectKey) -> None:
        self._proofs.pop(key, None)

    def _proof(self, plan: ProjectPlan, applied: Applied, published: Published | None) -> _Proof:
        """Look at the server if it runs, or if it was never seen to; a sleeping one is left asleep."""
        known = self._proofs.get(plan.key) or _as_published(plan, published)
        if applied.server_problem:
            return _Proof(applied.server_problem, known.guarded if known else _NOT_SEEN)
        if plan.fenced:
            return known or _Proof(_FENCED, _NOT_SEEN)
        if known and known.answers.ok and not self._servers.runs(plan.key):
            return known
        proof = self._proofs[plan.key] = self._look(plan.key, known)
        return proof

    def _kept(self, plan: ProjectPlan, published: Published | None) -> _Proof:
        """Where there is nothing to start a server with, one that was seen to start is as available as it was."""
        known = self._proofs.get(plan.key)
        if known and known.answers.ok:
            return replace(known, guarded=_BLOCKED)
        return _Proof(_held(plan, published).get(ConditionType.BACKEND_AVAILABLE, _BLOCKED), _BLOCKED)

    def _look(self, key: ProjectKey, known: _Proof | None) -> _Proof:
        found = []

        def look(server: Running) -> None:
            found.append(_Proof(probe.answers(server), probe.guarded(server)))

        try:
            self._servers.try_out(key, look)
        except ServerFailed as error:
            return _Proof(Probe(False, error.reason, str(error)), known.guarded if known else _NOT_SEEN)
        return found[0]

    def _within(self, applied: Applied) -> tuple[Probe, Probe]:
        """What the project's role finds: its own database, and that others refuse it."""
        if applied.address is None or applied.database_problem:
            problem = applied.database_problem or "the project's role has no password yet"
            return Probe(False, "NotProvisioned", problem), _BLOCKED
        return probe.from_within(applied.address, self._private)

    def _storage(self, plan: ProjectPlan, applied: Applied) -> Probe:
        if applied.storage_problem:
            return Probe(False, "NotProvisioned", applied.storage_problem)
        return self._artifacts.stores(plan.artifacts, applied.key)

    def _isolation(self, plan: ProjectPlan, applied: Applied, others: Probe, proof: _Proof) -> Probe:
        """Three doors that must be shut; the first that is not is the one to name, or one that nobody could try."""
        if applied.address is None or applied.storage_problem:
            return _BLOCKED
        if not others.ok:
            return others
        confined = self._artifacts.confined(plan.artifacts, applied.key)
        if confined.ok and proof.guarded.ok and confined.reason != probe.REFUSED.reason:
            return replace(confined, message=f"{confined.message}; all else was tried, and refused")
        return proof.guarded if confined.ok else confined


def _as_published(plan: ProjectPlan, published: Published | None) -> _Proof | None:
    """What an earlier run of the operator saw of this version still stands: no need to start every server again."""
    held = _held(plan, published)
    answers = held.get(ConditionType.BACKEND_AVAILABLE)
    return _Proof(answers, probe.REFUSED) if answers and ConditionType.ISOLATION_READY in held else None


def _held(plan: ProjectPlan, published: Published | None) -> dict[ConditionType, Probe]:
    """Return what held of this version of MLflow when it was last published."""
    if published is None or published.mlflow_version != plan.mlflow_version:
        return {}
    return {
        condition.type: Probe(True, condition.reason, condition.message)
        for condition in published.conditions
        if condition.status is ConditionStatus.TRUE
    }
