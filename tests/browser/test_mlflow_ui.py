"""MLflow's own UI behind the door: every page shows its data, and nothing fails that a bare MLflow answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.site import Site, folder, running
from hack.demo.browser import Person
from playwright.sync_api import Browser, Page

from tests.support.mlflow import bare_mlflow
from tests.support.mlflow_ui import Seen, Story, pages_of, walk

_SEED = Path(__file__).with_name("seed.py")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with folder() as place, running(place) as (site, _seconds):
        yield site


@pytest.fixture(scope="module")
def story(site: Site) -> Story:
    return _seed(f"{site.machine.url}/w/vision/p/segmentation", site.token("alice"))


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1400, "height": 900})


@pytest.fixture(scope="module")
def behind_the_door(site: Site, story: Story, page: Page, shots: Path) -> dict[str, Seen]:
    person = Person(site.machine.url, "alice")
    person.sign_in()
    page.context.add_cookies([{"name": c.name, "value": c.value or "", "url": person.url} for c in person.cookies])
    return walk(page, f"{site.machine.url}/w/vision/p/segmentation", story, shots / "door")


@pytest.fixture(scope="module")
def bare(page: Page, shots: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    place = tmp_path_factory.mktemp("bare")
    with bare_mlflow(f"sqlite:///{place}/mlflow.db", place / "artifacts") as url:
        return walk(page, url, _seed(url), shots / "bare")


def test_every_page_shows_its_data(behind_the_door: dict[str, Seen], story: Story) -> None:
    missing = {
        name: seen.text[:300]
        for name, (_, expected) in pages_of(story).items()
        if expected not in (seen := behind_the_door[name]).text
    }
    assert not missing


def test_no_page_asks_for_anything_outside_of_its_prefix(behind_the_door: dict[str, Seen]) -> None:
    assert {url for seen in behind_the_door.values() for url in seen.outside} == set()
    assert sum(seen.requests for seen in behind_the_door.values()) > 100


def test_nothing_fails_that_a_bare_mlflow_answers(behind_the_door: dict[str, Seen], bare: dict[str, Seen]) -> None:
    failed = {what for seen in behind_the_door.values() for what in seen.failed}
    allowed = {what for seen in bare.values() for what in seen.failed}
    assert failed - allowed == set()


def test_no_page_complains_of_what_a_bare_mlflow_does_not(
    behind_the_door: dict[str, Seen], bare: dict[str, Seen]
) -> None:
    told, allowed = (
        {what for seen in walked.values() for what in seen.complaints} for walked in (behind_the_door, bare)
    )
    assert told - allowed == set()


# Artifact → what its viewer draws, and in which frame.
VIEWS = {
    "figure.pdf": ("", ".mlflow-pdf-viewer canvas"),
    "figure.png": ("", "img[src^='blob:']"),
    "figure.svg": ("", "img[src^='blob:']"),
    "notes.md": ("", "h1:has-text('A heading')"),
    "page.html": ("iframe#html", "text=drawn by a script"),
}


@pytest.mark.parametrize("artifact", VIEWS)
def test_every_viewer_of_artifacts_draws(
    site: Site, story: Story, page: Page, behind_the_door: dict[str, Seen], artifact: str
) -> None:
    run = f"/experiments/{story.experiment}/runs/{story.runs[0]}/artifacts/{artifact}"
    page.goto("about:blank")
    page.goto(f"{site.machine.url}/w/vision/p/segmentation/#{run}")
    frame, drawn = VIEWS[artifact]
    place = page.frame_locator(frame) if frame else page
    place.locator(drawn).first.wait_for(timeout=60_000)


def _seed(tracking_uri: str, token: str = "") -> Story:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": tracking_uri, "MLFLOW_TRACKING_TOKEN": token}
    done = subprocess.run([sys.executable, _SEED], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    return Story(told["experiment"], tuple(told["runs"]), told["model"], told["prompt"], told["trace"])
