"""From the commit before this one to this one, back, and here again, while people work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hack.demo.browser import Person

from tests.support.commands import tenantry
from tests.support.figures import Figure
from tests.support.installation import NAMESPACE, RELEASE, Installation, install
from tests.support.people import ASKED_AGAIN, SERVED, people_at_work
from tests.support.services import PUBLIC_URL
from tests.support.site import Caller, person_at
from tests.support.wait import until

_FEW = 50  # requests


@dataclass(frozen=True)
class Scientist:
    """A process of scientist.py."""

    process: subprocess.Popen[str]
    log: Path

    def look(self) -> int:
        """How many values were logged; all of them are there, and what was made before them."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.told()

    def told(self) -> int:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.log.read_text()[-4000:]
        return int(line)

    def leave(self) -> None:
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.log.read_text()[-4000:]


@dataclass(frozen=True)
class People:
    """Those who came before the upgrade. Nobody of them signs in, or makes a token, a second time."""

    alice: Caller
    bob: Caller
    signed_in: Person
    scientist: Scientist
    # An auditor's token, the export that she has, and the key that she checks it with.
    auditor: str
    export: Path
    key: Path


@pytest.fixture(scope="module")
def people(previous: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("people")
    alice = previous.caller("alice", "vision", "detection")
    bob = previous.caller("bob", "language", "translation")
    auditor, key = previous.token("audrey"), folder / "key.pem"
    with _scientist(alice, folder / "scientist.log") as scientist:
        scientist.told()
        key.write_text(tenantry("audit", "key", "--url", PUBLIC_URL))
        export = _export(auditor, folder / "before")
        yield People(alice, bob, person_at(PUBLIC_URL, "alice"), scientist, auditor, export, key)


def test_an_upgrade_loses_nothing_and_turns_nobody_away(
    people: People, request: pytest.FixtureRequest, figure: Figure
) -> None:
    with _nobody_is_turned_away(people, figure, "upgrade"):
        request.getfixturevalue("installation")
    assert people.signed_in.api("GET", "/api/v1/me")
    figure("upgrade: values that the stock client had logged after it", people.scientist.look(), unit="")


def test_a_rollback_takes_the_programs_back_to_a_catalog_that_went_on(
    people: People, previous: Installation, installation: Installation, figure: Figure
) -> None:
    if len(mlflow := {_mlflow(it) for it in (previous, installation)}) > 1:
        pytest.skip(f"MLflow refuses a database of a newer one: no way back between {' and '.join(sorted(mlflow))}")
    begun = time.monotonic()
    try:
        with _nobody_is_turned_away(people, figure, "rollback"):
            previous.cluster.helm("rollback", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", "5m")
            previous.wait_until_replaced()
            figure("rollback: until all projects are ready", time.monotonic() - begun)
        people.scientist.look()
    finally:  # What follows is about this commit.
        begun = time.monotonic()
        with _nobody_is_turned_away(people, figure, "upgrade again"):
            install(installation.cluster, installation.services)
            installation.wait_until_replaced()
            figure("upgrade again: until all projects are ready", time.monotonic() - begun)
    people.scientist.look()


def test_the_record_goes_on_through_both_versions(people: People, installation: Installation, tmp_path: Path) -> None:
    people.scientist.leave()
    after = _export(people.auditor, tmp_path / "after")
    said = tenantry(
        "audit", "verify", str(after), "--key", str(people.key), "--since", str(people.export / "checkpoint")
    )
    assert said.startswith("intact: ")
    assert "without" not in said
    assert _records(after) > _records(people.export)


@contextmanager
def _nobody_is_turned_away(people: People, figure: Figure, what: str) -> Iterator[None]:
    """People are at work before, during and after; to be asked to wait, as the stock client does, is counted."""
    with people_at_work([people.alice, people.bob]) as answers:
        until(lambda: answers.total() > _FEW, deadline=60, what="people at work")
        yield
        served = answers.total()
        until(lambda: answers.total() > served + _FEW, deadline=60, what="people at work")
    figure(f"{what}: requests meanwhile", answers.total(), unit="")
    figure(f"{what}: of these answered with {ASKED_AGAIN}", answers[ASKED_AGAIN], unit="")
    assert answers.keys() <= {SERVED, ASKED_AGAIN}, answers


@contextmanager
def _scientist(caller: Caller, log: Path) -> Iterator[Scientist]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= {"MLFLOW_TRACKING_TOKEN": caller.token, "DO_NOT_TRACK": "true"}
    environment["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(Path(__file__).with_name("scientist.py")),
        caller.url + caller.project,
    ]
    with (
        log.open("w") as said,
        subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        ) as process,
    ):
        try:
            yield Scientist(process, log)
        finally:
            process.kill()


def _export(token: str, folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TENANTRY_TOKEN", token)
        tenantry("audit", "export", "--workspace", "vision", "--out", str(folder), "--url", PUBLIC_URL)
    return folder


def _mlflow(installation: Installation) -> str:
    pinned = (installation.version.root / "requirements" / "backend.txt").read_text().split()
    return next(it for it in pinned if it.startswith("mlflow=="))


def _records(export: Path) -> int:
    return len((export / "events.jsonl").read_bytes().splitlines())
