"""Each program killed without a word while the installation is in use: it is started again, and nobody is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest
from bench.site import Site

from tests.support.recording import Answer
from tests.support.site import Caller, error_of, header_of, on_record, server_of, state_of
from tests.support.wait import until

ASK = "experiments/search?max_results=1"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=12) as pool:
        yield pool


@pytest.fixture(scope="module")
def detection(alice: Caller) -> Caller:
    return replace(alice, project="/w/vision/p/detection")


def tended(site: Site, condition: Callable[[], bool]) -> Callable[[], bool]:
    """The condition, the programs being looked after meanwhile, as `tenantry up` does."""

    def look() -> bool:
        site.machine.tend()
        return condition()

    return look


def answers_of(site: Site, asked: list[Future[Answer]]) -> list[Answer]:
    until(tended(site, lambda: all(it.done() for it in asked)), deadline=60, what="every answer")
    return [it.result() for it in asked]


def test_a_killed_server_says_why_comes_back_and_disturbs_nobody(site: Site, alice: Caller, detection: Caller) -> None:
    run, other = alice.log_run(0.5), detection.log_run(0.25)
    neighbour = server_of(site, "detection").pid
    server_of(site, "segmentation").kill()
    until(lambda: state_of(site, "segmentation")[0] == "failed", what="the backend to be shown as failed")
    assert "SIGKILL" in state_of(site, "segmentation")[1]
    assert detection.loss_of(other) == 0.25
    assert alice.loss_of(run) == 0.5
    assert server_of(site, "detection").pid == neighbour


def test_requests_that_wait_for_a_spawner_outlive_it(site: Site, alice: Caller, threads: ThreadPoolExecutor) -> None:
    """The spawner hangs, then dies, while clients wait for a project that sleeps; servers of others die with it."""
    site.add_project("asleep")
    site.wait_until_ready()
    asleep = replace(alice, project="/w/vision/p/asleep")
    run = alice.log_run(0.5)
    (spawner,) = psutil.Process(site.machine.processes()["operator"]).children()
    spawner.suspend()
    asked = [threads.submit(asleep.mlflow, "GET", ASK) for _ in range(4)]
    until(lambda: site.sql("SELECT 1 FROM catalog.demand WHERE project = 'asleep' AND wanted_at IS NOT NULL"))
    assert not any(it.done() for it in asked)
    servers = site.servers()
    spawner.kill()
    until(lambda: not any(it.is_running() for it in servers), what="the servers to follow the spawner")
    asked += [threads.submit(alice.mlflow, "GET", f"runs/get?run_id={run}") for _ in range(4)]
    answers = answers_of(site, asked)
    assert [answer.status for answer in answers] == [200] * 8, answers
    stages = [[event["stage"] for event in events] for events in on_record(site, answers).values()]
    assert stages == [["intent", "outcome"]] * 8


def test_a_killed_operator_takes_the_servers_along_and_the_door_waits_for_the_next(
    site: Site, alice: Caller, detection: Caller, threads: ThreadPoolExecutor
) -> None:
    runs = {caller: caller.log_run(0.5) for caller in (alice, detection)}
    before, servers = site.machine.processes(), site.servers()
    assert len(servers) >= 2
    psutil.Process(before["operator"]).kill()
    until(lambda: not any(it.is_running() for it in servers), what="the servers to follow the operator")
    asked = [threads.submit(who.mlflow, "GET", f"runs/get?run_id={runs[who]}") for who in (alice, detection) * 3]
    asked += [threads.submit(who.mlflow, "POST", "runs/create", experiment_id="0") for who in (alice, detection)]
    answers = answers_of(site, asked)
    assert {answer.status for answer in answers} == {200}
    after = site.machine.processes()
    assert {name for name in after if after[name] != before[name]} == {"operator"}
    made = json.loads(answers[-1].body)["run"]["info"]["run_id"]
    assert detection.mlflow("GET", f"runs/get?run_id={made}").status == 200


def test_a_killed_postgresql_costs_503s_until_it_is_back(site: Site, alice: Caller) -> None:
    run = alice.log_run(0.125)
    before = site.machine.processes()
    psutil.Process(before["PostgreSQL"]).kill()

    seen = set()

    def refused() -> Answer | None:
        """While the door remembers who asks and where the backend is, MLflow's own answer arrives."""
        answer = alice.mlflow("GET", f"runs/get?run_id={run}")
        seen.add(answer.status)
        return answer if header_of(answer, "Retry-After") else None

    answer = until(refused, deadline=30, what="the door to notice")
    assert error_of(answer) == (503, "TEMPORARILY_UNAVAILABLE")
    assert seen <= {200, 503}

    def back() -> bool:
        return alice.mlflow("GET", f"runs/get?run_id={run}").status == 200

    until(tended(site, back), deadline=60, what="the door to answer again")
    after = site.machine.processes()
    assert {name for name in after if after[name] != before[name]} == {"PostgreSQL"}
    assert alice.loss_of(run) == 0.125
    assert alice.loss_of(alice.log_run(0.0625)) == 0.0625
    (refusal,) = next(iter(on_record(site, [answer]).values()))
    assert (refusal["stage"], refusal["status"]) == ("refusal", 503)
