"""One node, one installation with two workspaces and three projects, for all tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.cluster import LOG, Cluster, Failed, running_cluster
from tests.support.figures import Figure
from tests.support.installation import Installation, install, keep_what_is_said, make_tenants
from tests.support.services import Services, start_services
from tests.support.version import PRESENT, Version, previous_version

_FIGURES = pytest.StashKey[list[str]]()
# The upgrade makes what the others find; what breaks things comes late, and what they all left behind is read last.
_TOPICS = ("upgrade", "tenants", "isolation", "rotation", "sleep", "lifecycle", "chaos", "rights")
_ORDER = [f"test_{topic}" for topic in _TOPICS]


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
def previous(cluster: Cluster, services: Services, figure: Figure) -> Installation:
    """The commit before this one, installed as its own tests do it. Who asks for `installation` upgrades it."""
    version = previous_version()
    cluster.load(version.images)
    try:
        return _installed(cluster, services, version, figure)
    except (Failed, AssertionError) as error:
        pytest.fail(f"This is the installation of {version.name}, which the upgrade begins with: {error}", False)


@pytest.fixture(scope="session")
def installation(cluster: Cluster, services: Services, figure: Figure) -> Installation:
    return _installed(cluster, services, PRESENT, figure)


def _installed(cluster: Cluster, services: Services, version: Version, figure: Figure) -> Installation:
    begun = time.monotonic()
    installed = install(cluster, services, version)
    figure(f"{version.name}: helm upgrade --install, until the door answers", time.monotonic() - begun)
    make_tenants(cluster, version)
    figure(f"{version.name}: kubectl apply of three projects, until all are ready", installed.wait_until_replaced())
    return installed
