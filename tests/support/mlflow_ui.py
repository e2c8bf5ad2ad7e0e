"""Walk MLflow's own UI in a real browser and write down what it asked for, what failed and what it complained of.

The same walk runs against a bare MLflow and through the door, so that "as a bare MLflow shows it" is a comparison and
not an opinion.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page, Response

__all__ = ["Seen", "Story", "pages_of", "walk"]

# What MLflow itself prints when nothing is wrong.
_BENIGN = re.compile(r"ResizeObserver loop")
_ID = re.compile(r"[0-9a-f]{32}|tr-[0-9a-f]+|m-[0-9a-f]+|\d+")


@dataclass(frozen=True)
class Story:
    """What the pages show: ids of things that a client has logged before the walk."""

    experiment: str
    runs: tuple[str, ...]
    model: str
    prompt: str
    trace: str


@dataclass
class Seen:
    """One page: its text, and what happened on the wire. Ids are folded, so that two servers can be compared."""

    name: str
    text: str = ""
    failed: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    complaints: set[str] = field(default_factory=set)
    requests: int = 0


def pages_of(story: Story) -> dict[str, tuple[str, str]]:
    """Name → (hash route, a text that the page has to show)."""
    experiment, (first, second) = story.experiment, story.runs
    compared = f"runs={json.dumps([first, second])}&experiments={json.dumps([experiment])}"
    return {
        "experiments": ("/experiments", "digits"),
        "runs": (f"/experiments/{experiment}/runs", "digits"),
        "run": (f"/experiments/{experiment}/runs/{first}", "accuracy"),
        "run metrics": (f"/experiments/{experiment}/runs/{first}/model-metrics", "accuracy"),
        "artifacts": (f"/experiments/{experiment}/runs/{first}/artifacts/notes.txt", "a note on the digits"),
        "compare": (f"/compare-runs?{compared}", "accuracy"),
        "models": ("/models", story.model),
        "model": (f"/models/{story.model}", "champion"),
        "version": (f"/models/{story.model}/versions/1", "champion"),
        "traces": (f"/experiments/{experiment}/traces", '{"x": 1}'),
        "trace": (f"/experiments/{experiment}/traces?selectedEvaluationId={story.trace}", "predict"),
        "prompts": ("/prompts", story.prompt),
        "prompt": (f"/prompts/{story.prompt}", "Hello"),
    }


@dataclass(frozen=True)
class _Stop:
    """One page of the walk: where it is, and a text that shows that its data is there."""

    name: str
    url: str
    expected: str


def walk(page: Page, base: str, story: Story, shots: Path) -> dict[str, Seen]:
    """Open each page below `base` (no trailing slash), wait for its text, take a picture of it."""
    shots.mkdir(parents=True, exist_ok=True)
    stops = [_Stop(name, f"{base}/#{route}", expected) for name, (route, expected) in pages_of(story).items()]
    return {stop.name: _visit(page, base, stop, shots) for stop in stops}


def _visit(page: Page, base: str, stop: _Stop, shots: Path) -> Seen:
    seen = Seen(stop.name)
    listeners = {
        "response": lambda response: _note(seen, base, response),
        "console": lambda message: _complain(seen, message),
        "pageerror": lambda error: seen.complaints.add(fold(str(error))),
    }
    for event, listener in listeners.items():
        page.on(event, listener)  # type: ignore[call-overload]
    page.goto("about:blank")
    page.goto(stop.url)
    _settle(page, stop.expected)
    seen.text = page.inner_text("body")
    page.screenshot(path=shots / f"{stop.name.replace(' ', '-')}.png")
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return seen


def _settle(page: Page, expected: str) -> None:
    """Wait for the text, then for the network; the caller judges the text, so a miss is not an error here."""
    try:
        page.get_by_text(expected).locator("visible=true").first.wait_for(timeout=30_000)
        page.wait_for_load_state("networkidle", timeout=3_000)
    except Error:
        return


def _note(seen: Seen, base: str, response: Response) -> None:
    if not response.url.startswith("http"):
        return
    seen.requests += 1
    if not response.url.startswith(f"{base}/"):
        seen.outside.add(response.url)
    if response.status >= 400:
        path = urlsplit(response.url).path.removeprefix(urlsplit(base).path)
        seen.failed.add(f"{response.request.method} {fold(path)} {response.status}")


def _complain(seen: Seen, message: ConsoleMessage) -> None:
    # A failed request is told by `failed` already, with its path; the console repeats it without.
    if message.type == "error" and not _BENIGN.search(message.text) and "Failed to load resource" not in message.text:
        seen.complaints.add(fold(message.text))


def fold(text: str) -> str:
    """The same text for two servers: ids and numbers replaced."""
    return _ID.sub("…", re.sub(r"https?://[^/\s]+(/w/[^/]+/p/[^/]+)?", "", text))
