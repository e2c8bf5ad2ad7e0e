"""A whole installation with the sample manifests; the tests of one file share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench.site import Site, folder, running

from tests.support.mlflow import need_mlflow
from tests.support.site import Caller


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    need_mlflow()
    with folder() as place, running(place) as (site, _seconds):
        yield site


@pytest.fixture(scope="module")
def alice(site: Site) -> Caller:
    """A contributor in vision, at vision/segmentation."""
    return Caller(site.machine.url, site.token("alice"))
