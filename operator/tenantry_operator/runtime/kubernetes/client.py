"""Calls to the API server, in JSON. It alone knows how one is made, paced and what its errors mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import urllib3

from tenantry_operator.errors import OperatorError
from tenantry_operator.plan.objects.metadata import MANAGER
from tenantry_operator.runtime.kubernetes.kinds import KINDS, Ref, path_of, ref_of
from tenantry_operator.runtime.kubernetes.login import Login
from tenantry_operator.runtime.kubernetes.pace import Pace

__all__ = ["Client", "ClusterAway", "ClusterRefused", "Document", "connect"]

Document = dict[str, Any]

_JSON: Final = "application/json"
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=30)
# Objects in one answer of a list: somebody else's may be a megabyte each, and what is parsed at once stays small.
_PAGE: Final = 25
# Calls a second of what has a pace of its own.
_APART: Final = 10.0
# Kept open: one for each watch, and one for each call at a time.
_CONNECTIONS: Final = 32
_CONFLICT: Final = 409
_GONE: Final = frozenset({404, 410})
_AWAY: Final = frozenset({408, 409, 429, 500, 502, 503, 504})


class ClusterAway(OperatorError):
    """The API server does not answer, or asks to come back later."""


class ClusterRefused(OperatorError):
    """The API server has judged: what was asked for is wrong or not allowed. `status` is HTTP's, `reason` its own."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class _Request(NamedTuple):
    method: str
    path: str
    query: list[tuple[str, str]]
    body: Mapping[str, Any] | None = None
    content: str = _JSON


class Client:
    """Thread-safe. Counts its writes by verb and kind in `writes`, for the metrics and for tests."""

    def __init__(self, login: Login, pace: Pace, timeout: urllib3.Timeout = _TIMEOUT) -> None:
        self._login, self._timeout = login, timeout
        self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS, ssl_context=login.trusted(), retries=False)
        self._pace = pace
        self.writes: dict[tuple[str, str], int] = {}

    def apart(self, seconds: float) -> Client:
        """Return another whose calls end after so many seconds and wait for no other's; it counts its writes here."""
        other = Client(self._login, Pace(_APART), urllib3.Timeout(total=seconds))
        other.writes = self.writes
        return other

    def get(self, ref: Ref) -> Document | None:
        try:
            return self._ask("GET", path_of(ref.kind, ref.namespace, ref.name))
        except ClusterRefused as error:
            if error.status in _GONE:
                return None
            raise

    def pages(self, kind: str, namespace: str = "", labels: str = "") -> Iterator[tuple[str, list[Document]]]:
        """Return a list page by page: its version, the same on each page, and the objects."""
        query = [("limit", str(_PAGE)), *([("labelSelector", labels)] if labels else [])]
        more = ""
        while True:
            answer = self._ask("GET", path_of(kind, namespace), query=[*query, *([("continue", more)] if more else [])])
            metadata = answer["metadata"]
            yield metadata["resourceVersion"], answer["items"]
            more = metadata.get("continue", "")
            if not more:
                return

    def watch(self, kind: str, namespace: str, labels: str, version: str, seconds: int) -> Iterator[Document]:
        """Return what changes after `version`, for `seconds` at most. ClusterRefused 410: list again."""
        query = [
            ("watch", "true"), ("resourceVersion", version), ("labelSelector", labels),
            ("allowWatchBookmarks", "true"), ("timeoutSeconds", str(seconds)),
        ]  # fmt: skip
        # The server ends it; what is silent for longer is dead.
        timeout = urllib3.Timeout(connect=_TIMEOUT.connect_timeout, read=seconds + 30)
        response = self._send(_Request("GET", path_of(kind, namespace), query), timeout)
        with closing(response):
            if response.status != 200:  # noqa: PLR2004
                raise _error(response.status, response.read())
            yield from _events(response)

    def apply(self, document: Mapping[str, Any]) -> Document:
        """Server-side apply with our field manager: what we applied before and no longer do is removed."""
        return self._write(
            "PATCH", ref_of(document["kind"], document), document, "application/apply-patch+yaml", forced=True
        )

    def create(self, document: Mapping[str, Any]) -> Document:
        kind, namespace = document["kind"], document["metadata"].get("namespace", "")
        self._count("POST", kind)
        return self._ask("POST", path_of(kind, namespace), document, [("fieldManager", MANAGER)])

    def replace(self, ref: Ref, document: Mapping[str, Any]) -> Document:
        """With the version that was read, so that a change in between is a conflict."""
        return self._write("PUT", ref, document, _JSON)

    def merge(self, ref: Ref, change: Mapping[str, Any], subresource: str = "") -> Document:
        return self._write("PATCH", ref, change, "application/merge-patch+json", below=subresource)

    def delete(self, ref: Ref) -> None:
        """Nothing happens when it is not there."""
        try:
            self._write("DELETE", ref, {"propagationPolicy": "Background"}, _JSON)
        except ClusterRefused as error:
            if error.status not in _GONE:
                raise

    def raw(self, path: str) -> Document:
        """Return what is served at an address that is no object's."""
        return self._ask("GET", path)

    def _write(
        self, method: str, ref: Ref, body: Mapping[str, Any], content: str, *, forced: bool = False, below: str = ""
    ) -> Document:
        self._count(method, ref.kind)
        path = path_of(ref.kind, ref.namespace, ref.name, below)
        query = [("fieldManager", MANAGER)] if method != "DELETE" else []
        return self._ask(method, path, body, [*query, *([("force", "true")] if forced else [])], content)

    def _count(self, method: str, kind: str) -> None:
        assert kind in KINDS
        self.writes[method, kind] = self.writes.get((method, kind), 0) + 1

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: list[tuple[str, str]] | None = None,
        content: str = _JSON,
    ) -> Document:
        with self._pace.turn():
            response = self._send(_Request(method, path, query or [], body, content), self._timeout)
            said = _all_of(response)
        if response.status >= 300:  # noqa: PLR2004  the first that is no success
            raise _error(response.status, said)
        return _object(said)

    def _send(self, request: _Request, timeout: urllib3.Timeout) -> urllib3.BaseHTTPResponse:
        # The cluster's signing keys have a type of their own.
        headers = {"Accept": f"{_JSON}, */*;q=0.5", "Content-Type": request.content} | self._login.headers()
        body = None if request.body is None else json.dumps(request.body).encode()
        address = self._login.server + request.path + (f"?{urlencode(request.query)}" if request.query else "")
        try:
            return self._pool.request(
                request.method,
                address,
                body=body,
                headers=headers,
                timeout=timeout,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ClusterAway(f"the API server does not answer: {type(error).__name__}") from error


def connect(per_second: float) -> Client:
    """As the pod's ServiceAccount, or else with the kubeconfig of `KUBECONFIG` or the usual place."""
    return Client(Login(), Pace(per_second))


def _all_of(response: urllib3.BaseHTTPResponse) -> bytes:
    try:
        return response.read()
    except urllib3.exceptions.HTTPError as error:
        raise ClusterAway(f"the API server's answer broke off: {type(error).__name__}") from error


def _object(said: bytes) -> Document:
    try:
        answer: Document = json.loads(said)
    except ValueError as error:
        raise ClusterAway("the API server's answer is no JSON: see what stands before it") from error
    return answer


def _events(stream: Any) -> Iterator[Document]:
    """One JSON object a line; a line may come in pieces."""
    rest = b""
    try:
        for piece in stream.stream(amt=None, decode_content=False):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                event: Document = json.loads(line)
                if event["type"] == "ERROR":
                    raise _error(event["object"].get("code", 500), json.dumps(event["object"]).encode())
                yield event
    except urllib3.exceptions.HTTPError as error:
        raise ClusterAway(f"a watch broke off: {type(error).__name__}") from error


def _error(status: int, content: bytes) -> OperatorError:
    reason, message = _words(content)
    if status in _AWAY and not (status == _CONFLICT and reason == "AlreadyExists"):
        return ClusterAway(f"the API server answers {status} {reason}: {message}")
    return ClusterRefused(status, reason, message)


def _words(content: bytes) -> tuple[str, str]:
    try:
        answer = json.loads(content)
        return str(answer.get("reason", "")), str(answer.get("message", ""))
    except ValueError:
        return "", content[:200].decode(errors="replace")
