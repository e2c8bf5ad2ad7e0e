"""Our own pages in Chromium: what a person does with them, and that the browser has nothing to complain of."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import Tab


def test_the_way_in_says_what_it_is(url: str, tab: Tab) -> None:
    tab.page.goto(f"{url}/tokens")
    expect(tab.page).to_have_url(f"{url}/login?return_to=%2Ftokens")
    tab.shoot("login")
    tab.page.get_by_role("link", name="Continue to sign-in").click()
    expect(tab.page.get_by_text("Development only.")).to_be_visible()
    tab.shoot("picker")
    tab.page.get_by_role("button", name="Alice Archer").click()
    expect(tab.page).to_have_url(f"{url}/tokens")


def test_a_person_sees_their_projects_and_what_holds_one_up(url: str, tab: Tab) -> None:
    tab.sign_in(url, "Alice Archer")
    tab.shoot("projects")
    cards = tab.page.get_by_role("article")
    expect(cards).to_have_count(2)
    expect(cards.filter(has_text="Object detection")).to_contain_text("The bucket cannot be reached.")
    ready = cards.filter(has_text="Road segmentation")
    expect(ready.get_by_role("link", name="Open MLflow")).to_have_attribute("href", "/w/vision/p/segmentation/")
    ready.get_by_role("button", name="Copy").click()
    expect(ready.get_by_role("button", name="Copied")).to_be_visible()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[0] == f"export MLFLOW_TRACKING_URI={url}/w/vision/p/segmentation"


def test_a_token_is_made_shown_once_and_revoked(url: str, tab: Tab) -> None:
    tab.sign_in(url, "Alice Archer")
    tab.page.get_by_role("article").filter(has_text="Road segmentation").get_by_role("link", name="Get a token").click()
    tab.page.get_by_label("Name").fill("<b>nightly</b>")
    tab.page.get_by_label("Read runs and models").check()
    tab.page.get_by_role("button", name="Create token").click()
    secret = tab.page.locator("#secret").inner_text()
    assert re.fullmatch(r"tnt_[0-9A-Za-z]{49}", secret)
    expect(tab.page.locator("#usage")).to_contain_text(f"MLFLOW_TRACKING_TOKEN={secret}")
    tab.shoot("token")
    tab.page.goto(f"{url}/tokens")
    assert secret not in tab.page.content()
    row = tab.page.get_by_role("row").filter(has_text="<b>nightly</b>")
    expect(row).to_contain_text("vision/segmentation")
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    tab.shoot("tokens")


def test_an_auditor_reads_filters_and_exports_the_log_and_nothing_else(url: str, tab: Tab) -> None:
    tab.sign_in(url, "Audrey Archivist")
    expect(tab.page.get_by_role("article")).to_have_count(0)
    tab.page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit").click()
    tab.page.get_by_role("link", name="Vision").click()
    expect(tab.page.get_by_role("heading", name="Audit log")).to_be_visible()
    # The search itself is on record; it is in PostgreSQL a moment later.
    tab.page.get_by_label("Operation").fill("audit.search")
    search = tab.page.get_by_role("button", name="Filter")
    search.click()
    expect(tab.page).to_have_url(re.compile("operation=audit.search"))
    search.click()
    expect(tab.page.get_by_role("row").filter(has_text="audrey@example.org").first).to_be_visible()
    tab.page.get_by_text("Record", exact=True).first.click()
    tab.shoot("audit")
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Export signed bundle").click()
    assert re.fullmatch(r"vision-audit-\d{8}T\d{6}Z\.zip", download.value.suggested_filename)


def test_somebody_without_a_grant_is_told_whom_to_ask(url: str, tab: Tab) -> None:
    tab.sign_in(url, "Carol Cooper")
    expect(tab.page.get_by_text("No project is open to you yet.")).to_be_visible()
    expect(tab.page.get_by_role("link", name="Audit")).to_have_count(0)


def test_signing_out_leads_back_to_the_way_in(url: str, tab: Tab) -> None:
    tab.sign_in(url, "Alice Archer")
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page).to_have_url(f"{url}/login?return_to=%2F")


@pytest.mark.parametrize("path", ["/", "/tokens", "/login"])
def test_a_page_has_one_heading_named_controls_no_foreign_scripts_and_fits_a_telephone(
    path: str, url: str, tab: Tab
) -> None:
    """What can be asked of a page without an accessibility engine."""
    tab.sign_in(url, "Alice Archer")
    tab.page.goto(url + path)
    assert tab.page.locator("h1").count() == 1
    assert tab.page.locator("main").count() == 1
    nameless = tab.page.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(e => !e.labels.length).length"
    )
    assert nameless == 0
    foreign = tab.page.evaluate(
        "[...document.querySelectorAll('[src], link[href]')].map(e => e.src || e.href)"
        ".filter(address => !address.startsWith(location.origin + '/static/'))"
    )
    assert foreign == []
    assert tab.page.locator("[style], script:not([src]), style").count() == 0
    tab.page.set_viewport_size({"width": 390, "height": 800})
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390, "a telephone does not scroll sideways"
