"""What most tests of a door begin with: one project, its backend, and Alice, who may write to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.door import ALICE, CatalogRows, client_of
from tests.support.postgres import CatalogDatabase
from tests.support.upstream import Upstream, upstream


@pytest.fixture
def rows(catalog: CatalogDatabase) -> CatalogRows:
    rows = CatalogRows(catalog)
    rows.project("vision", "segmentation")
    rows.grant("vision", "contributor", ALICE)
    return rows


@pytest.fixture
def backend(rows: CatalogRows) -> Iterator[Upstream]:
    with upstream() as running:
        rows.backend("vision", "segmentation", running.address)
        yield running


@pytest.fixture
def door(rows: CatalogRows, backend: Upstream, tmp_path: Path) -> Iterator[httpx2.Client]:
    """Alice's client, at her project."""
    with client_of(rows, tmp_path) as client:
        yield client
