"""The page for a person whose project is not there yet. It looks again by itself, until it is the project.

Only those see it who may open the project: it is the answer to a request that was allowed. What the operator says of
a start is made of pods, hosts and ends of logs: the page tells it to those who look after the project, who can do
something about it, and gives everybody else a reference to tell them.
"""

from __future__ import annotations

from http import HTTPStatus

from tenantry_api.authorize import Authorizer
from tenantry_api.errors import BackendAway, Refused
from tenantry_api.exchange import Reply
from tenantry_api.facts import Permission
from tenantry_api.ledger import Admitted
from tenantry_api.snapshot import SnapshotHolder
from tenantry_api.web.rendering import html, page_headers

__all__ = ["WakingPage"]

# Seconds between two looks.
_SOON, _LATER = 2, 10
# Seconds after which a start takes longer than it should.
_LONG = 30

# How far it is, by the state of the backend. One that runs is up, and this door has not reached it yet.
_STEPS = ("Waking up", "Starting", "Opening")
_STEP = {"running": 2, "starting": 1}


class WakingPage:
    """Made once; called for each request that a backend was not there for."""

    def __init__(self, oidc_issuer: str, snapshots: SnapshotHolder, authorizer: Authorizer) -> None:
        self._headers = page_headers(oidc_issuer, connect="'self'")
        self._snapshots = snapshots
        self._authorizer = authorizer

    def __call__(self, admitted: Admitted, away: BackendAway) -> Reply:
        failed = away.state == "failed"
        again = _LATER if failed else _SOON
        page = html(
            "waking.html",
            here=_address(admitted),
            again=again,
            failed=failed,
            long=_LONG,
            name=self._name(admitted),
            reference=str(admitted.call.id),
            said=away.message if self._looks_after(admitted) else "",
            state=away.state,
            step=_STEP.get(away.state, 0),
            steps=_STEPS,
            target=admitted.target,
        )
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE, self._raw(again, str(admitted.call.id)), page.encode())

    def _raw(self, again: int, request_id: str) -> list[tuple[bytes, bytes]]:
        headers = {
            **self._headers,
            "Content-Type": "text/html; charset=utf-8",
            "Retry-After": str(again),
            # The page's script looks for it.
            "X-Tenantry-Page": "waking",
            "X-Tenantry-Request-Id": request_id,
        }
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def _name(self, admitted: Admitted) -> str:
        try:
            project = self._snapshots.current().projects.get(admitted.key)
        except Refused:
            project = None
        return admitted.target.project if project is None else project.display_name

    def _looks_after(self, admitted: Admitted) -> bool:
        try:
            return self._authorizer.decide(admitted.principal, *admitted.key, Permission.WORKSPACE_MANAGE).allowed
        except Refused:
            # The catalog went away in between: the page is still an answer, with less on it.
            return False


def _address(admitted: Admitted) -> str:
    query = admitted.action.query
    return f"{admitted.call.path}?{query}" if query else admitted.call.path
