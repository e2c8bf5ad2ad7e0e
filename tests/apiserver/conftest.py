"""One API server a file of tests, with our kinds: it is too large to stay for the tests of other folders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.apiserver import ApiServer, api_server
from tests.support.kinds import install, kinds, remove
from tests.support.requirement import missing


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    """Has both kinds, a workspace's namespace and another. The namespaces stay: to end, one takes longer than we do."""
    with api_server() as server:
        if any(kinds(server).values()):
            missing("apiserver", "the cluster that was given has Tenantry's kinds: give the tests one of their own")
        install(server)
        for name in ("vision", "ws-vision"):
            server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        yield server
        remove(server)
