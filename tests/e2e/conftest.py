"""One node, one installation with two workspaces and three projects, for all tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.cluster import LOG, Cluster, running_cluster
from tests.support.figures import Figure
from tests.support.installation import Installation, install, keep_what_is_said, make_tenants
from tests.support.services import Services, start_services

_FIGURES = pytest.StashKey[list[str]]()
# What breaks things comes last.
_ORDER = ("test_tenants", "test_isolation", "test_rotation", "test_lifecycle", "test_chaos")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _ORDER.index(item.path.stem) if item.path.stem in _ORDER else -1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def figure(pytestconfig: pytest.Config) -> Figure:
    """Keeps a figure for the end of the run."""
    kept = pytestconfig.stash.setdefault(_FIGURES, [])

    def keep(what: str, value: float, unit: str = "s") -> None:
        kept.append(f"{value:7.2f} {unit}  {what}" if unit else f"{value:7.0f}    {what}")

    return keep


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster
        if request.session.testsfailed:
            keep_what_is_said(cluster, LOG)


@pytest.fixture(scope="session")
def services(cluster: Cluster) -> Services:
    return start_services(cluster)


@pytest.fixture(scope="session")
def installation(cluster: Cluster, services: Services, figure: Figure) -> Installation:
    begun = time.monotonic()
    installed = install(cluster, services)
    figure("helm install, until the door answers", time.monotonic() - begun)
    make_tenants(cluster)
    figure("kubectl apply of three projects, until all are ready", installed.wait_until_ready())
    return installed
