"""A backend that somebody took over, in the browser of a person who also has rights elsewhere: nothing of it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Tab, opened_tab
from tests.support.door import CatalogRows
from tests.support.upstream import Upstream, sends, upstream
from tests.support.wait import until

RUN_ID = "a" * 32
ELSEWHERE = "/w/language/p/translation/version"
PAGE = f"""<!doctype html><title>quiet</title>
<link rel="stylesheet" href="{ELSEWHERE}"><img src="{ELSEWHERE}"><iframe src="{ELSEWHERE}"></iframe>
<script>
  document.title = "ran"
  const asked = new XMLHttpRequest()
  asked.open("GET", "{ELSEWHERE}", false)
  asked.send()
  document.title = asked.responseText
</script>""".encode()
WORKER = b"self.addEventListener('fetch', event => event.respondWith(new Response('mine')))"
# Each kind of answer that a browser can be sent to.
ADDRESSES = (
    "/",
    "/static-files/lib/notebook-trace-renderer/index.html",
    "/static-files/static/media/default-error.f246ddf367c6fbd67942e5a13382a7f1.svg",
    "/version",
    f"/api/2.0/mlflow/runs/get?run_id={RUN_ID}",
    f"/get-artifact?run_id={RUN_ID}&path=page.html",
)


@contextmanager
def _backend(rows: CatalogRows, workspace: str, project: str) -> Iterator[Upstream]:
    with upstream() as running:
        rows.backend(workspace, project, running.address)
        yield running


@pytest.fixture
def taken(rows: CatalogRows) -> Iterator[Upstream]:
    """It does what its attacker wants."""
    with _backend(rows, "vision", "segmentation") as running:
        yield running


@pytest.fixture
def other(rows: CatalogRows) -> Iterator[Upstream]:
    """A project in another workspace, which Alice may read too."""
    rows.grant("language", "viewer", "alice@example.org")
    with _backend(rows, "language", "translation") as running:
        yield running


@pytest.fixture
def tab(taken: Upstream, other: Upstream, browser: Browser, shots: Path, url: str) -> Iterator[Tab]:
    """Alice is signed in. What is stopped, the browser complains of."""
    with opened_tab(browser, shots) as opened:
        opened.sign_in(url, "Alice Archer")
        yield opened


def test_no_answer_of_a_backend_acts_with_the_session_of_who_looks_at_it(
    tab: Tab, taken: Upstream, other: Upstream, url: str
) -> None:
    acted = {}
    for status in (200, 404, 500):
        taken.answer = sends(PAGE, status, {"Content-Type": "text/html"})
        for address in ADDRESSES:
            tab.page.goto(f"{url}/w/vision/p/segmentation{address}")
            if (title := tab.page.title()) not in {"", "quiet"}:
                acted[status, address] = title
    assert acted == {}
    assert [got.target for got in other.received] == []


def test_no_answer_of_a_backend_becomes_a_service_worker(tab: Tab, taken: Upstream, url: str) -> None:
    """As if a script ran on our origin already: it must not come to stay."""
    taken.answer = sends(WORKER, headers={"Content-Type": "text/javascript"})
    registered = {
        address: tab.page.evaluate(
            "address => navigator.serviceWorker.register(address).then(found => found.scope, () => null)",
            f"{url}/w/vision/p/segmentation{address}",
        )
        for address in ADDRESSES
    }
    assert registered == dict.fromkeys(ADDRESSES)


def test_no_answer_of_a_backend_becomes_a_part_of_our_own_page(  # noqa: PLR0917
    tab: Tab, taken: Upstream, rows: CatalogRows, url: str
) -> None:
    """While a project wakes, our page looks again, and shows what is new."""
    forged = b'<title>Forged</title><main id="waking" data-news="x"><h1>Forged</h1></main>'
    taken.answer = sends(forged, 503, {"Content-Type": "text/html", "Retry-After": "1"})
    rows.backend("vision", "segmentation", None)
    page = tab.page
    page.goto(f"{url}/w/vision/p/segmentation/version")
    expect(page.get_by_role("heading")).to_have_text("Road segmentation is waking up", timeout=15_000)
    rows.backend("vision", "segmentation", taken.address)
    # When the second look comes, the first was dealt with.
    until(lambda: len(taken.received) > 1, deadline=30, what="a second look")
    assert "Forged" not in page.title() + page.inner_text("body")
