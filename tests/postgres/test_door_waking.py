"""A project that sleeps wakes with a request; who waits for it is told how it goes, and nobody else is."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest

from tests.support.door import ALICE, CatalogRows, client_of, recorded
from tests.support.threads import Asked, asked
from tests.support.upstream import Upstream, upstream
from tests.support.wait import until

RUN = "api/2.0/mlflow/runs/get?run_id=" + "a" * 32
CREATE = "api/2.0/mlflow/runs/create"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def rows(rows: CatalogRows) -> CatalogRows:
    rows.backend("vision", "segmentation", None)
    return rows


@pytest.fixture
def backend() -> Iterator[Upstream]:
    """It is up, and the catalog does not say so yet."""
    with upstream() as running:
        yield running


@pytest.fixture
def door(rows: CatalogRows, tmp_path: Path) -> Iterator[httpx2.Client]:
    with client_of(rows, tmp_path) as client:
        yield client


def wanted(rows: CatalogRows) -> None:
    until(lambda: rows.execute("SELECT 1 FROM catalog.demand WHERE wanted_at IS NOT NULL"), what="the demand")


def set_state(rows: CatalogRows, state: str, message: str = "") -> None:
    rows.execute("UPDATE catalog.backend SET state = %s, message = %s, address = NULL", state, message)


def posting(door: httpx2.Client) -> AbstractContextManager[Asked]:
    return asked(lambda: door.post(CREATE, json={"experiment_id": "1"}))


def getting(door: httpx2.Client) -> AbstractContextManager[Asked]:
    return asked(lambda: door.get(RUN))


# ---------------------------------------------------------------- programs


@pytest.mark.parametrize(("ask", "method"), [(getting, "GET"), (posting, "POST")])
def test_a_program_waits_for_as_long_as_the_backend_takes(  # noqa: PLR0917
    door: httpx2.Client,
    rows: CatalogRows,
    backend: Upstream,
    ask: Callable[[httpx2.Client], AbstractContextManager[Asked]],
    method: str,
) -> None:
    with ask(door) as request:
        wanted(rows)
        for message in ("Pulling the image.", "Opening the stores."):
            set_state(rows, "starting", message)
        assert not request.done
        rows.backend("vision", "segmentation", backend.address)
        assert request.answer().status_code == 200
    assert [sent.method for sent in backend.received] == [method]


def test_a_program_that_waited_too_long_may_try_again_and_knows_when(rows: CatalogRows, tmp_path: Path) -> None:
    with client_of(rows, tmp_path, wake_timeout=0.3) as door:
        answer = door.post(CREATE, json={"experiment_id": "1"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"


def test_a_program_whose_backend_fails_is_told_why_without_waiting_on(door: httpx2.Client, rows: CatalogRows) -> None:
    with posting(door) as post:
        wanted(rows)
        set_state(rows, "starting")
        set_state(rows, "failed", "The image cannot be pulled: not found.")
        answer = post.answer(within=5)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert "The image cannot be pulled: not found." in answer.json()["message"]


def test_a_backend_that_does_not_start_is_a_503_in_the_operators_words(rows: CatalogRows, tmp_path: Path) -> None:
    set_state(rows, "failed", "The database refuses its role.")
    with client_of(rows, tmp_path, wake_timeout=0.3) as door:
        for answer in (door.get(RUN), door.post(CREATE, json={"experiment_id": "1"})):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert "The database refuses its role." in answer.json()["message"]
            _, end = recorded(rows, answer, 2)
            assert (end["stage"], end["status"], end["completed"]) == ("outcome", 503, False)


def test_a_backend_that_failed_before_gets_its_time_to_start_again(
    rows: CatalogRows, backend: Upstream, tmp_path: Path
) -> None:
    set_state(rows, "failed", "The node went away.")
    with client_of(rows, tmp_path) as door, posting(door) as post:
        wanted(rows)
        set_state(rows, "starting")
        rows.backend("vision", "segmentation", backend.address)
        assert post.answer().status_code == 200


# ---------------------------------------------------------------- a pod that just died


def test_what_could_not_be_sent_waits_for_the_next_pod(
    door: httpx2.Client, rows: CatalogRows, backend: Upstream
) -> None:
    """A Service without a pod refuses; its address stays, so there is no news in the catalog when there is one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    rows.backend("vision", "segmentation", f"http://127.0.0.1:{port}")
    with posting(door) as post:
        wanted(rows)
        assert not post.done
        with upstream(port) as next_pod:
            assert post.answer().status_code == 200
            assert [sent.method for sent in next_pod.received] == ["POST"]


def test_a_name_that_leads_nowhere_yet_is_not_there_yet(
    door: httpx2.Client, rows: CatalogRows, backend: Upstream
) -> None:
    rows.backend("vision", "segmentation", "http://mlflow-segmentation.ws-vision.invalid:8080")
    with posting(door) as post:
        wanted(rows)
        assert not post.done
        rows.backend("vision", "segmentation", backend.address)
        assert post.answer().status_code == 200


# ---------------------------------------------------------------- people


def page(door: httpx2.Client) -> httpx2.Response:
    return door.get("", headers=BROWSER)


def test_a_person_sees_how_far_it_is_on_a_page_that_looks_again(
    door: httpx2.Client, rows: CatalogRows, backend: Upstream
) -> None:
    page(door)
    wanted(rows)
    set_state(rows, "starting", "its pod starts")
    answer = until(lambda: seen if step_in(seen := page(door)) == "Starting" else None, deadline=20, what="the news")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert answer.headers["retry-after"] == "2"
    # Also where scripts do not run, and where the address has a fragment, as MLflow's have.
    assert f'<meta http-equiv="refresh" content="2;url={answer.url.path}">' in answer.text
    assert "segmentation is waking up" in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "<script>" not in answer.text
    rows.backend("vision", "segmentation", backend.address)
    until(lambda: page(door).status_code != 503, what="the project's own page")


def step_in(answer: httpx2.Response) -> str:
    found = re.search('aria-current="step">([^<]*)<', answer.text)
    return found[1] if found else ""


# Who looks, by what they hold in the project, and whether they are shown the operator's words.
LOOKING = {"contributor": False, "promoter": False, "admin": True}


@pytest.mark.parametrize("role", LOOKING)
@pytest.mark.parametrize("state", ["starting", "failed"])
def test_who_looks_after_a_project_alone_is_shown_the_operators_words(
    door: httpx2.Client, rows: CatalogRows, role: str, state: str
) -> None:
    rows.grant("vision", role, "bob@example.org", "segmentation")
    set_state(rows, state, "no route to <10.9.8.7>")
    headers = BROWSER | {"Authorization": f"Bearer {rows.token('bob@example.org')}"}
    answer = until(lambda: seen if is_told(seen := door.get("", headers=headers), state) else None, what="the news")
    assert ("no route to &lt;10.9.8.7&gt;" in answer.text, "10.9.8.7" in answer.text) == (LOOKING[role], LOOKING[role])


def is_told(answer: httpx2.Response, state: str) -> bool:
    return answer.status_code == 503 and (state == "failed") == ("segmentation did not start" in answer.text)


def test_a_start_that_failed_is_looked_at_less_often(door: httpx2.Client, rows: CatalogRows) -> None:
    set_state(rows, "failed", "The database refuses its role.")
    answer = until(lambda: seen if is_told(seen := page(door), "failed") else None, what="the news")
    assert answer.headers["retry-after"] == "10"
    assert answer.headers["x-tenantry-request-id"] in answer.text


def test_the_view_of_the_page_is_on_record(door: httpx2.Client, rows: CatalogRows) -> None:
    page(door)
    begun, ended = until(lambda: found if len(found := rows.events("vision")) > 1 else None, what="the record")
    assert (begun["operation"], begun["actor"]["name"]) == ("ui.index", ALICE)  # type: ignore[index]
    assert (ended["status"], ended["completed"]) == (503, False)


def test_who_may_not_open_the_project_wakes_nobody_and_learns_nothing(door: httpx2.Client, rows: CatalogRows) -> None:
    set_state(rows, "failed", "A secret of the operator's.")
    for person in ("mallory@example.org", None):
        headers = BROWSER | {"Authorization": f"Bearer {rows.token(person)}" if person else ""}
        answer = door.get("", headers=headers)
        assert answer.status_code in {303, 403}
        assert "secret" not in answer.text
    assert rows.execute("SELECT 1 FROM catalog.demand WHERE wanted_at IS NOT NULL") == []
