"""A provider, and a door that sends people to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tenantry_api.engine import async_engine
from tenantry_api.identify import Identifier
from tenantry_api.identify.workload import Workloads
from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.oidc import Person, Provider, free_port, running_provider
from tests.support.postgres import CatalogDatabase


@dataclass(frozen=True)
class SignInDoor:
    url: str
    provider: Provider
    rows: CatalogRows


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One for all tests that leave its key alone: every code, token and device is a test's own."""
    with running_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
def person() -> Iterator[Person]:
    with Person() as somebody:
        yield somebody


@pytest.fixture
async def identifier(provider: Provider, catalog: CatalogDatabase) -> AsyncIterator[Identifier]:
    """The step of the pipeline alone, with a real database and a real provider behind it."""
    engine = async_engine(catalog.api_url, application="test")
    yield Identifier(
        engine,
        public_url=provider.client_url,
        issuer=provider.issuer,
        client_id="tenantry",
        workloads=Workloads(dict, provider.client_url),
    )
    await engine.dispose()


@pytest.fixture
def door(catalog: CatalogDatabase, tmp_path: Path) -> Iterator[SignInDoor]:
    url = f"http://127.0.0.1:{free_port()}"
    with running_provider(tmp_path, public_url=url) as provider, door_with(provider, catalog, tmp_path) as door:
        yield door


@contextmanager
def door_with(
    provider: Provider, catalog: CatalogDatabase, directory: Path, **settings: object
) -> Iterator[SignInDoor]:
    """A whole door; alice's group contributes in vision, audrey's audits it."""
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.project("language", "translation")
    rows.execute(
        'INSERT INTO catalog."grant" (workspace, role, effect, subject_kind, subject) VALUES '
        "('vision', 'contributor', 'allow', 'group', 'vision-ml'), "
        "('vision', 'auditor', 'allow', 'group', 'compliance')"
    )
    url = provider.client_url
    own = {"public_url": url, "listen": url.removeprefix("http://"), "oidc_issuer": provider.issuer}
    with running_door(door_settings(catalog, directory, **own, **settings)):
        yield SignInDoor(url, provider, rows)
