"""Debian's Chromium, and a tab in it that remembers what the browser complained of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.requirement import missing

__all__ = ["Tab", "chromium", "opened_tab"]

_CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Without a screen."""
    if not _CHROMIUM.exists():
        missing("browser", f"{_CHROMIUM} is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(_CHROMIUM), args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    page: Page
    shots: Path
    complaints: list[str] = field(default_factory=list)

    def sign_in(self, url: str, name: str) -> None:
        self.page.goto(url)
        self.page.get_by_role("link", name="Continue to sign-in").click()
        self.page.get_by_role("button", name=name).click()
        self.page.wait_for_url(f"{url}/")

    def shoot(self, name: str) -> None:
        self.page.screenshot(path=self.shots / f"{name}.png", full_page=True)


@contextmanager
def opened_tab(browser: Browser, shots: Path, **options: object) -> Iterator[Tab]:
    """In a fresh profile. `options` are Playwright's for a context."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, **options)  # type: ignore[arg-type]
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = Tab(context.new_page(), shots)
    tab.page.on("console", lambda message: tab.complaints.append(message.text))
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    try:
        yield tab
    finally:
        context.close()
