"""One API server a session, with our kinds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.apiserver import ApiServer, api_server
from tests.support.kinds import install, kinds, remove
from tests.support.requirement import missing


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[ApiServer]:
    """Has both kinds and the namespace `ws-vision`. Who gives a cluster gives one that nobody else uses."""
    with api_server() as server:
        if any(kinds(server).values()):
            missing("apiserver", "the cluster that was given has Tenantry's kinds: give the tests one of their own")
        install(server)
        for namespace in ("vision", "ws-vision"):
            server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        yield server
        remove(server)
        for namespace in ("vision", "ws-vision"):
            server.ask("DELETE", f"/api/v1/namespaces/{namespace}")
