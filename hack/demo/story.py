"""`make demo`: the whole of Tenantry on this machine, told as a story in six steps. Exit 0 only if all of it holds.

Everything is started for the story alone, in a folder of its own and on free ports, and gone afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import ledger
import requests
from browser import Person

from tenantry_api.cli.foreground import print_projects
from tenantry_api.up.machine import Machine, Options
from tenantry_api.up.processes import ProcessFailed

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent / "samples"
TENANTRY = Path(sys.executable).with_name("tenantry")
PROJECT = ("vision", "segmentation")


class Story:
    """Each step leaves on `self` what later ones need, and fails by an exception that says what does not hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        options = Options(state=folder / "state", manifests=SAMPLES, port=0)
        self.machine = Machine(options, report=print, progress=self._detail)
        self.tokens: dict[str, str] = {}
        # The ids of all requests for the project, as the door gave them to the clients.
        self.asked: list[str] = []

    def start_postgres(self) -> None:
        self.machine.start_database()
        print(f"    PostgreSQL {self.machine.postgres.version} on loopback, with a generated password")

    def reconcile(self) -> None:
        self.machine.start_programs()
        self.machine.wait_for_projects()
        print_projects(self.machine.projects)
        rows = self.machine.projects.rows()
        assert len(rows) == 3, "there are three sample projects"  # noqa: PLR2004  # what hack/samples has
        assert all(row.ready for row in rows), "all projects are ready"

    def sign_in(self) -> None:
        for username in ("alice", "bob", "audrey"):
            person = Person(self.machine.url, username)
            person.sign_in()
            self.tokens[username] = person.create_token("demo")
            print(f"    {username} signed in with code + PKCE and made a token")

    def train(self) -> None:
        self._client("train.py", "alice", self.folder / "alice.ledger", self.folder / "result.json")

    def intrude(self) -> None:
        self._client("intruder.py", "bob", self.folder / "bob.ledger", self.folder / "result.json")

    def audit(self) -> None:
        self._refused_to_read_runs("audrey")
        bundle = self._export()
        self._compare(bundle)
        self._verify(bundle, expected=0)
        copy, identifier = self._flip_a_byte(bundle)
        said = self._verify(copy, expected=1)
        assert identifier in said, f"verify does not name the record {identifier}"

    def _refused_to_read_runs(self, username: str) -> None:
        """Signed in and entitled to the log, and still not to a single run."""
        run = json.loads((self.folder / "result.json").read_text())["run"]
        headers = {"Authorization": f"Bearer {self.tokens[username]}"}
        answer = requests.get(
            f"{self.tracking_uri}/api/2.0/mlflow/runs/get", {"run_id": run}, headers=headers, timeout=30
        )
        assert answer.status_code == HTTPStatus.FORBIDDEN, f"{username} got {answer.status_code} for a run"
        self.asked.append(answer.headers["X-Tenantry-Request-Id"])
        print(f"    {username} may not read a run ({answer.json()['error_code']})")

    def _export(self) -> Path:
        bundle = self.folder / "export"
        done = self._tenantry("audit", "export", "--workspace", PROJECT[0], "--out", bundle, username="audrey")
        assert done.returncode == 0, f"the export failed: {done.stdout}{done.stderr}"
        key = requests.get(f"{self.machine.url}/api/v1/key", timeout=30).json()["keys"][0]
        (self.folder / "key.pem").write_text(key["pem"])
        return bundle

    def _compare(self, bundle: Path) -> None:
        """One to one: each request that a client made has one record, and each record of a request one request."""
        for username in ("alice", "bob"):
            self.asked += [line["id"] for line in ledger.read(self.folder / f"{username}.ledger")]
        events = [json.loads(line) for line in (bundle / "events.jsonl").read_text().splitlines()]
        begun = [event["id"] for event in events if event["stage"] in {"intent", "refusal"}]
        ended = [event["id"] for event in events if event["stage"] in {"outcome", "refusal"}]
        print(f"    requests made: {len(self.asked)}, records found: {len(begun)}, lines in the log: {len(events)}")
        assert sorted(begun) == sorted(self.asked), "requests and records do not match one to one"
        assert sorted(ended) == sorted(begun), "a request has no outcome"

    def _verify(self, bundle: Path, *, expected: int) -> str:
        done = self._tenantry("audit", "verify", bundle, "--key", self.folder / "key.pem")
        for line in (done.stdout + done.stderr).splitlines():
            print(f"    {line}")
        assert done.returncode == expected, f"verify ended with {done.returncode}, not {expected}"
        return done.stdout + done.stderr

    def _flip_a_byte(self, bundle: Path) -> tuple[Path, str]:
        """In a copy, one bit of a record in the middle: a digit of its time becomes another."""
        copy = self.folder / "forged"
        shutil.copytree(bundle, copy)
        lines = (copy / "events.jsonl").read_bytes().splitlines(keepends=True)
        victim = len(lines) // 2
        position = lines[victim].index(b'"time":"') + len(b'"time":"2026-01-0')
        lines[victim] = lines[victim][:position] + bytes([lines[victim][position] ^ 1]) + lines[victim][position + 1 :]
        (copy / "events.jsonl").write_bytes(b"".join(lines))
        print(f"    one byte of record {victim} is flipped in a copy")
        return copy, json.loads(lines[victim])["id"]

    @property
    def tracking_uri(self) -> str:
        return f"{self.machine.url}/w/{PROJECT[0]}/p/{PROJECT[1]}"

    def _client(self, program: str, username: str, *files: Path) -> None:
        """A process of its own, which knows of Tenantry an address and a token."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        environment["MLFLOW_TRACKING_URI"] = self.tracking_uri
        environment["MLFLOW_TRACKING_TOKEN"] = self.tokens[username]
        log = self.folder / f"{username}.log"
        with log.open("w") as errors:
            done = subprocess.run(
                [sys.executable, HERE / program, *files],
                env=environment,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        assert done.returncode == 0, f"{program} failed:\n{log.read_text()}"

    def _tenantry(self, *arguments: str | Path, username: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TENANTRY_")}
        if username is not None:
            environment |= {"TENANTRY_URL": self.machine.url, "TENANTRY_TOKEN": self.tokens[username]}
        return subprocess.run(
            [TENANTRY, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def _detail(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        print(f"    {what}: ready ({time.monotonic() - begun:.1f} s)", flush=True)


def _tell(number: int, title: str, step: Callable[[], None]) -> None:
    print(f"{number}. {title}", flush=True)
    begun = time.monotonic()
    step()
    print(f"   done in {time.monotonic() - begun:.1f} s\n", flush=True)


def main() -> int:
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tenantry-demo-"))
    folder.chmod(0o711)  # PostgreSQL does not run as root, and has to get to its data.
    story = Story(folder)
    steps = {
        "PostgreSQL starts": story.start_postgres,
        "The operator reconciles two workspaces and three projects": story.reconcile,
        "People sign in and make tokens": story.sign_in,
        "Alice trains with the stock MLflow client": story.train,
        "Bob has no grant here": story.intrude,
        "The auditor exports the log and verifies it offline": story.audit,
    }
    try:
        for number, (title, step) in enumerate(steps.items(), 1):
            _tell(number, title, step)
    except (AssertionError, ProcessFailed) as error:
        print(f"This does not hold: {error}", file=sys.stderr)
        return 1
    finally:
        story.machine.stop()
        shutil.rmtree(folder)
    print(f"\nAll of it holds, in {time.monotonic() - begun:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
