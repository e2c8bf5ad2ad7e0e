"""A backend's answer, whose body is still on its way; its memory does not grow with the body."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterable
from hashlib import sha256
from http import HTTPStatus
from types import TracebackType
from typing import Self
from uuid import UUID

import aiohttp

from tenantry_api.errors import backend_broke_off, ui_altered, ui_missing
from tenantry_api.facts import StockFile
from tenantry_api.forward.headers import RawHeaders, client_headers, stock_headers

__all__ = ["BROKEN", "Answer", "answer_of"]

BROKEN = (aiohttp.ClientError, TimeoutError, OSError)


class Answer:
    """Leaving the block early drops the connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        # None: not known beforehand, or there is no body.
        self.content_length = response.content_length

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After the last byte this is no more than a flag: the connection is back in the pool by then.
        self._response.close()

    def headers(self, request_id: UUID) -> RawHeaders:
        """What the client gets."""
        return client_headers(self._response.raw_headers, request_id=str(request_id))

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises `Interrupted` when the backend stops before the end, or for too long."""
        try:
            async for chunk in self._response.content.iter_any():
                for part in self._accept(chunk):
                    yield part
        except BROKEN as error:
            raise backend_broke_off() from error
        self._end()

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `Interrupted` also when it is longer than `limit` bytes."""
        parts, size = [], 0
        async for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise backend_broke_off()
        return b"".join(parts)

    def _accept(self, chunk: bytes) -> Iterable[bytes]:
        return (chunk,)

    def _end(self) -> None:
        pass


class StockAnswer(Answer):
    """An answer that has to be one file of MLflow's UI: a piece leaves once its hash is known to be right.

    Of what the backend says about it nothing is passed on. `chunks` also raises `Altered`.
    """

    def __init__(self, response: aiohttp.ClientResponse, file: StockFile) -> None:
        super().__init__(response)
        self.content_length = file.size
        self._file = file
        self._pieces = deque(file.pieces)
        self._held = bytearray()

    def headers(self, request_id: UUID) -> RawHeaders:
        return stock_headers(self._file, request_id=str(request_id))

    def _accept(self, chunk: bytes) -> Iterable[bytes]:
        self._held += chunk
        while self._pieces and len(self._held) >= self._pieces[0][0]:
            yield self._genuine(*self._pieces.popleft())
        if self._held and not self._pieces:
            raise ui_altered(self._file)

    def _genuine(self, size: int, digest: bytes) -> bytes:
        piece = bytes(self._held[:size])
        if sha256(piece).digest() != digest:
            raise ui_altered(self._file)
        del self._held[:size]
        return piece

    def _end(self) -> None:
        if self._pieces:
            raise ui_altered(self._file)


def answer_of(response: aiohttp.ClientResponse, file: StockFile | None) -> Answer:
    """`file`: what it has to be. Raises `Interrupted`, and closes the connection, where it cannot be that."""
    if file is None:
        return Answer(response)
    if response.status == HTTPStatus.OK and response.content_length in {None, file.size}:
        return StockAnswer(response, file)
    response.close()
    raise ui_altered(file) if response.status == HTTPStatus.OK else ui_missing(file, response.status)
