"""A door with some projects, the development provider before it, and Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Tab, chromium, opened_tab
from tests.support.door import CatalogRows, door_settings, running_door
from tests.support.oidc import free_port, running_provider
from tests.support.postgres import CatalogDatabase


@pytest.fixture
def rows(catalog: CatalogDatabase) -> CatalogRows:
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation", display_name="Road segmentation")
    blocker = '[{"type": "Ready", "status": "False", "message": "The bucket cannot be reached."}]'
    rows.project("vision", "detection", display_name="Object detection", ready=False, conditions=blocker)
    rows.project("language", "translation")
    for workspace, role, user in (
        ("vision", "promoter", "alice@example.org"),
        ("language", "contributor", "bob@example.org"),
        ("vision", "auditor", "audrey@example.org"),
        ("language", "auditor", "audrey@example.org"),
    ):
        rows.grant(workspace, role, user)
    return rows


@pytest.fixture
def url(rows: CatalogRows, tmp_path: Path) -> Iterator[str]:
    """Of the door."""
    url = f"http://127.0.0.1:{free_port()}"
    with running_provider(tmp_path, public_url=url) as provider:
        settings = door_settings(
            rows.catalog, tmp_path, public_url=url, listen=url.removeprefix("http://"), oidc_issuer=provider.issuer
        )
        with running_door(settings):
            yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that SCREENSHOTS names, or a temporary one."""
    return Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))


@pytest.fixture
def tab(browser: Browser, shots: Path) -> Iterator[Tab]:
    """At the end, the console and the network have to have been quiet."""
    with opened_tab(browser, shots) as opened:
        yield opened
    assert opened.complaints == []
