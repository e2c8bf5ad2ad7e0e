"""Somebody opens a project that sleeps, in Chromium: what they see until MLflow's UI takes the page's place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Tab, opened_tab
from tests.support.door import CatalogRows
from tests.support.mlflow import bare_mlflow

PROJECT = "/w/vision/p/segmentation/"
PLACE = f"{PROJECT}#/experiments/0/runs"
WAKING, FAILED = "Road segmentation is waking up", "Road segmentation did not start"


@pytest.fixture
def asleep(rows: CatalogRows, url: str) -> str:
    rows.backend("vision", "segmentation", None)
    return url


@contextmanager
def opened(browser: Browser, shots: Path, url: str, **options: object) -> Iterator[Tab]:
    """Alice looks."""
    with opened_tab(browser, shots, **options) as tab:
        tab.sign_in(url, "Alice Archer")
        tab.page.goto(url + PLACE)
        expect(tab.page.get_by_role("heading")).to_have_text(WAKING, timeout=15_000)
        yield tab


def is_quiet(tab: Tab) -> bool:
    """The browser complains of nothing but the 503 that the page is."""
    return all("503 (Service Unavailable)" in it for it in tab.complaints)


def say(rows: CatalogRows, state: str, message: str = "") -> None:
    rows.execute("UPDATE catalog.backend SET state = %s, message = %s, address = NULL", state, message)


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("mlflow")
    with bare_mlflow(f"sqlite:///{place}/mlflow.db", place / "artifacts") as url:
        yield url


def test_the_page_becomes_mlflows_ui_by_itself_at_the_place_that_was_asked_for(  # noqa: PLR0917
    browser: Browser, shots: Path, asleep: str, rows: CatalogRows, mlflow: str
) -> None:
    with opened(browser, shots, asleep) as tab:
        tab.shoot("waking")
        assert is_quiet(tab)
        rows.backend("vision", "segmentation", mlflow)
        expect(tab.page).to_have_title("MLflow", timeout=30_000)
        expect(tab.page.get_by_text("Default").first).to_be_visible(timeout=30_000)
        assert tab.page.url.startswith(asleep + PLACE)
        tab.shoot("awake")


def test_the_page_looks_again_without_scripts_too(
    browser: Browser, shots: Path, asleep: str, rows: CatalogRows
) -> None:
    with opened(browser, shots, asleep, java_script_enabled=False) as tab:
        say(rows, "failed")
        expect(tab.page.get_by_role("heading")).to_have_text(FAILED, timeout=15_000)


def test_news_comes_without_taking_the_page_away(browser: Browser, shots: Path, asleep: str, rows: CatalogRows) -> None:
    with opened(browser, shots, asleep) as tab:
        step = tab.page.locator("[aria-current=step]")
        expect(step).to_have_text("Waking up")
        back = tab.page.get_by_role("link", name="Back to my projects")
        back.focus()
        say(rows, "starting")
        expect(step).to_have_text("Starting", timeout=15_000)
        expect(back).to_be_focused()
        say(rows, "failed", "no route to 10.9.8.7")
        expect(tab.page).to_have_title(f"{FAILED} · Tenantry", timeout=15_000)
        expect(tab.page.get_by_role("status")).to_contain_text("An admin of the workspace can see why.")
        expect(tab.page.locator("body")).not_to_contain_text("10.9.8.7")
        tab.shoot("waking-failed")
        assert is_quiet(tab)


def test_a_start_that_takes_long_is_said_to(browser: Browser, shots: Path, asleep: str) -> None:
    with opened(browser, shots, asleep) as tab:
        tab.page.clock.install()
        tab.page.reload()
        late = tab.page.get_by_text("This takes longer than usual.")
        expect(late).to_be_hidden()
        tab.page.clock.run_for("00:40")
        expect(late).to_be_visible(timeout=15_000)
        tab.shoot("waking-long")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["starting", "failed"])
def test_it_is_for_everybody(  # noqa: PLR0917
    browser: Browser, shots: Path, asleep: str, rows: CatalogRows, scheme: str, state: str
) -> None:
    with opened(browser, shots, asleep, color_scheme=scheme, reduced_motion="reduce") as tab:
        page = tab.page
        say(rows, state)
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto("about:blank")
        page.goto(asleep + PROJECT)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, "nothing scrolls sideways"
        assert page.locator("html").get_attribute("lang") == "en"
        assert (page.locator("h1").count(), page.locator("main").count(), page.get_by_role("status").count()) == (
            1,
            1,
            1,
        )
        assert page.locator("[style], script:not([src]), style").count() == 0
        assert page.evaluate("document.getAnimations().length") == 0
        tab.shoot(f"waking-{state}-{scheme}-narrow")
