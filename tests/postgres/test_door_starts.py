"""How the door's process begins and ends: a wrong setting is one line, a signal at any time a clean stop."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.door import door_settings
from tests.support.door_process import address_in, door_environment, door_process, ready_door, until_ready
from tests.support.postgres import CatalogDatabase
from tests.support.wait import until

Environment = dict[str, str]
PATHS = ("/healthz", "/readyz", "/metrics", "/login", "/api/v1/me", "/w/vision/p/segmentation/version")


@pytest.fixture
def environment(catalog: CatalogDatabase, tmp_path: Path) -> Environment:
    return door_environment(door_settings(catalog, tmp_path))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_clean_stop(number: signal.Signals, environment: Environment, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with door_process(environment, log) as process:
        address_in(log)
        process.send_signal(number)
        assert process.wait(timeout=30) == 0, log.read_text()


def test_a_door_that_leaves_says_so_and_serves_for_a_moment_longer(environment: Environment, tmp_path: Path) -> None:
    log = tmp_path / "log"
    delayed = environment | {"TENANTRY_STOP_DELAY": "3"}
    with ready_door(delayed, log) as (url, process), httpx2.Client() as client:
        assert "connection" not in client.get(f"{url}/healthz").headers
        process.send_signal(signal.SIGTERM)
        told = until(lambda: got if (got := client.get(f"{url}/readyz")).status_code == 503 else None, what="the news")
        assert list(told.json()["reasons"]) == ["staying"]
        answer = client.get(f"{url}/w/vision/p/segmentation/version")
        assert (answer.status_code, answer.headers["connection"]) == (401, "close")
        assert process.wait(timeout=30) == 0, log.read_text()


def test_a_second_signal_does_not_wait(environment: Environment, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ready_door(environment | {"TENANTRY_STOP_DELAY": "600"}, log) as (url, process):
        process.send_signal(signal.SIGTERM)
        until(lambda: httpx2.get(f"{url}/readyz").status_code == 503, what="the news")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, log.read_text()


def test_a_signal_during_the_start_is_a_clean_stop(environment: Environment, tmp_path: Path) -> None:
    """The door waits for its key, which comes through a pipe, when it is told to stop."""
    pipe, log = tmp_path / "pipe", tmp_path / "log"
    os.mkfifo(pipe)
    key = Path(environment["TENANTRY_SIGNING_KEY_FILE"]).read_bytes()
    with door_process(environment | {"TENANTRY_SIGNING_KEY_FILE": str(pipe)}, log) as process:
        with pipe.open("wb") as writer:
            process.send_signal(signal.SIGTERM)
            writer.write(key)
        assert process.wait(timeout=30) == 0, log.read_text()


def test_how_it_does_is_told_at_a_port_of_its_own_and_nothing_else_is(environment: Environment, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with door_process(environment | {"TENANTRY_METRICS_LISTEN": "127.0.0.1:0"}, log):
        door, apart = address_in(log), address_in(log, name="metrics")
        until_ready(apart)
        told = {place: {path: httpx2.get(place + path).status_code for path in PATHS} for place in (door, apart)}
    assert list(told[door].values()) == [200, 404, 404, 200, 401, 401]
    assert list(told[apart].values()) == [200, 200, 200, 404, 404, 404]


def told(environment: Environment, tmp_path: Path) -> list[dict[str, str]]:
    """What a door says that refuses to start."""
    log = tmp_path / "log"
    with door_process(environment, log) as process:
        assert process.wait(timeout=30) == 2, log.read_text()
    return [json.loads(line) for line in log.read_text().splitlines()]


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def damaged(home: Path) -> str:
    (home / "record").mkdir()
    (home / "record" / f"{0:020d}.wal").write_bytes(b"\0" * 100)
    return str(home / "record")


# The setting, what is wrong with it, and what the one line says.
WRONG: dict[str, tuple[str, Callable[[Path], str], str]] = {
    "no key": ("SIGNING_KEY_FILE", lambda home: str(home / "none"), "No such file or directory; put the key back"),
    "a bad key": ("SIGNING_KEY_FILE", lambda home: written(home / "bad", "?"), "not an unencrypted PEM private key"),
    "a file for a folder": ("RECORD_DIRECTORY", lambda home: written(home / "file", ""), "must be able to write there"),
    "a damaged record": ("RECORD_DIRECTORY", damaged, "keep the directory as it is"),
    "no place for checkpoints": ("CHECKPOINT_DIRECTORY", lambda home: written(home / "file", ""), "File exists"),
    "a foreign address": ("LISTEN", lambda _: "192.0.2.1:80", "name another address of this machine"),
    "a foreign address for metrics": (
        "METRICS_LISTEN",
        lambda _: "192.0.2.1:80",
        "name another address of this machine",
    ),
    "no address": ("LISTEN", lambda _: "80", "must be host:port"),
    "no issuer": ("OIDC_ISSUER", lambda _: "login", "must be the URL that the sign-in provider calls itself"),
    "no database": ("CATALOG_URL", lambda _: "s3cret@host", "must be postgresql://user:password@host:port/database"),
    "a bad port": ("CATALOG_URL", lambda _: "postgresql://a:s3cret@h:x/d", "must be postgresql://user:password@host"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_one_line(name: str, environment: Environment, tmp_path: Path) -> None:
    setting, value, words = WRONG[name]
    (line,) = told(environment | {f"TENANTRY_{setting}": value(tmp_path)}, tmp_path)
    assert line["setting"] == f"TENANTRY_{setting}"
    assert words in line["problem"]
    assert "s3cret" not in str(line)


def test_a_port_that_is_taken_is_one_line(environment: Environment, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        (line,) = told(environment | {"TENANTRY_LISTEN": address}, tmp_path)
    assert (line["setting"], line["problem"].partition(";")[0]) == (
        "TENANTRY_LISTEN",
        f"{address}: Address already in use",
    )
