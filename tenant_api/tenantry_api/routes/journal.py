"""Record what happens outside of projects: who signed in, which token was made, who read the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from fastapi import Request
from uuid_utils.compat import uuid7

from tenantry_api.facts import INSTALLATION_LOG, Decision, Principal, PrincipalKind, Refusal
from tenantry_api.record.event import Client, Details, Head, notice, refusal
from tenantry_api.record.recorder import Recorder

__all__ = ["ANONYMOUS", "Journal"]

ANONYMOUS = Principal(PrincipalKind.ANONYMOUS, "anonymous")


@dataclass(frozen=True, slots=True)
class Journal:
    """One request's way to the record. `id` is what its events carry, and its answer as X-Tenantry-Request-Id."""

    id: UUID
    recorder: Recorder
    client: Client

    @classmethod
    def of(cls, request: Request, recorder: Recorder) -> Journal:
        """The same for every caller during one request."""
        if not hasattr(request.state, "journal"):
            address = request.client.host if request.client else ""
            client = Client(address, request.headers.get("user-agent", ""))
            request.state.journal = cls(uuid7(), recorder, client)
        journal: Journal = request.state.journal
        return journal

    def head(self, log: str, actor: Principal) -> Head:
        """Of an event that happens now."""
        return Head(self.id, datetime.now(UTC), log, actor, self.client)

    async def notice(self, actor: Principal, operation: str, details: Details, log: str = INSTALLATION_LOG) -> None:
        """Returns when it is durable. Raises RecordUnavailable: then what it is about must not happen."""
        event = notice(self.head(log, actor), operation=operation, details=details)
        await self.recorder.write(event)

    async def refused(
        self, request: Request, why: Refusal, workspace: str | None, decision: Decision | None = None
    ) -> None:
        """`workspace` only if it exists: its log gets the record."""
        actor: Principal = getattr(request.state, "principal", ANONYMOUS)
        event = refusal(
            self.head(workspace or INSTALLATION_LOG, actor),
            workspace=workspace,
            project=None,
            method=request.method,
            path=request.url.path,
            refusal=why,
            decision=decision,
        )
        await self.recorder.write(event)
