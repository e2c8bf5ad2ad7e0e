"""The connection to a backend: one HTTP client, streaming both ways, with memory that does not grow with the body.

A request is sent once. Only a connection that could not be made is tried again, since then no byte was sent.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from tenantry_api.errors import backend_broke_off
from tenantry_api.facts import Action
from tenantry_api.forward.answer import BROKEN, Answer, answer_of
from tenantry_api.forward.backends import Backends, ProjectKey
from tenantry_api.forward.headers import RawHeaders, backend_headers
from tenantry_api.snapshot import Backend

__all__ = ["Forwarder"]

# Seconds. Below the keep-alive of every server that runs a backend: a pooled connection is dropped by us,
# not by them while we write to it.
_KEEP_ALIVE = 3.0
_CONNECT = 3.0
# A name is looked up again after this long: what stood behind it may be another pod by then.
_NAMES = 2
# A machine that went away says nothing. Its kernel is asked, where a backend thinks for long: that it is gone shows
# after about 20 seconds, not after `_READ`.
_PROBES = {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 2} if sys.platform == "linux" else {}
# Between two reads. A search over a large project may think this long before its first byte.
_READ = 300.0
# The most that is read ahead of a client that takes its time, twice over.
_READ_AHEAD = 2**18

_NOT_REACHED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


def _watched_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _PROBES.items():
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


class Forwarder:
    """Sends canonical requests to backends. Lives on the event loop, between `start` and `stop`."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEP_ALIVE, ttl_dns_cache=_NAMES, socket_factory=_watched_socket
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_READ),
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )
        # aiohttp sends PUT, DELETE and GET again when a pooled connection turns out to be closed. It cannot
        # know whether the backend acted on the first. There is no public switch; a test pins this one.
        self._session._retry_connection = False  # noqa: SLF001

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        key: ProjectKey,
        action: Action,
        headers: RawHeaders,
        body: AsyncIterator[bytes] | None = None,
        *,
        patience: float | None = None,
    ) -> Answer:
        """Send `action`, with `body` in place of its own when that is streamed. `patience` is in seconds.

        Raises `BackendAway` (503) when no backend could be reached, `Interrupted` (502) when one was and broke off.
        """
        deadline = self._backends.deadline(patience)
        while True:
            backend = await self._backends.running(key, deadline)
            try:
                response = await self._request(backend, action, headers, body)
            except _NOT_REACHED:
                await self._backends.unreached(key, deadline)
            except BROKEN as error:
                raise backend_broke_off() from error
            else:
                return answer_of(response, action.file)

    async def _request(
        self, backend: Backend, action: Action, headers: RawHeaders, body: AsyncIterator[bytes] | None
    ) -> aiohttp.ClientResponse:
        assert self._session is not None
        assert backend.secret is not None
        return await self._session.request(
            action.method,
            URL(f"{backend.address}{action.path}{'?' if action.query else ''}{action.query}", encoded=True),
            data=action.body if body is None else body,
            headers=backend_headers(headers, action, backend.secret),
            allow_redirects=False,
        )
