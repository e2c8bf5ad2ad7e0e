"""A real Kubernetes node for the tests: one that was given and stays, or one of their own from `make cluster`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.requirement import missing, required
from tests.support.version import CACHE, PRESENT
from tests.support.wait import until

__all__ = ["LOG", "Cluster", "Failed", "running_cluster"]

_ROOT = Path(__file__).parents[2]
_SCRIPTS = _ROOT / "hack" / "cluster"
_BIN = CACHE / "cluster" / "bin"
# Where the last node's logs are kept.
LOG = CACHE / "cluster" / "log"


class Failed(Exception):
    """A command did not succeed. Says which, and what it printed."""


@dataclass(frozen=True)
class Cluster:
    """What people with an administrator's kubeconfig do. `home` is the node's own folder, its logs in `home/log`."""

    home: Path

    @property
    def kubeconfig(self) -> Path:
        return self.home / "admin.kubeconfig"

    def kubectl(self, *arguments: str, stdin: str = "", deadline: float = 120) -> str:
        """What it printed. Raises Failed, also after `deadline` seconds."""
        return self._run([_BIN / "kubectl", *arguments], stdin, deadline)

    def helm(self, *arguments: str, stdin: str = "", deadline: float = 300) -> str:
        return self._run([_BIN / "helm", *arguments], stdin, deadline)

    def node(self, *command: str, deadline: float = 120) -> str:
        """Run a command on the node itself, as root."""
        return self._run([_SCRIPTS / "node-exec.sh", *command], "", deadline)

    def load(self, archives: Iterable[Path]) -> None:
        """Give the node the images that it has not got yet: tags move, so an archive's time decides."""
        for archive in archives:
            loaded = self.home / f"{archive.parent.name}-{archive.stem}.loaded"
            stamp = str(archive.stat().st_mtime_ns)
            if not loaded.exists() or loaded.read_text() != stamp:
                self.node("ctr", "-n", "k8s.io", "images", "import", "--local", str(archive))
                loaded.write_text(stamp)

    def apply(self, *objects: dict[str, Any] | str) -> None:
        """Objects, or manifests as text. They go over standard input: a Secret shows in no list of processes."""
        texts = [it if isinstance(it, str) else json.dumps(it) for it in objects]
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin="\n---\n".join(texts))

    def get(self, kind: str, name: str = "", namespace: str = "", selector: str = "") -> Any:
        """One object, or without a name the list of them. Raises Failed."""
        return json.loads(self.kubectl("get", kind, *_where(name, namespace, selector), "-o", "json"))

    def find(self, kind: str, name: str, namespace: str = "") -> Any | None:
        """The object, or None where there is none."""
        found = self.kubectl("get", kind, *_where(name, namespace), "-o", "json", "--ignore-not-found")
        return json.loads(found) if found else None

    def delete(self, kind: str, name: str, namespace: str = "", *, wait: bool = True, deadline: float = 120) -> None:
        """Absent is well too."""
        asked = (*_where(name, namespace), "--ignore-not-found", f"--wait={str(wait).lower()}")
        self.kubectl("delete", kind, *asked, deadline=deadline)

    def rolled_out(self, what: str, namespace: str, deadline: float = 120) -> None:
        """Wait until all replicas of `deployment/…` or `statefulset/…` are ready."""
        self.kubectl("-n", namespace, "rollout", "status", what, f"--timeout={deadline:.0f}s", deadline=deadline + 10)

    def conditions(self, kind: str, name: str, namespace: str = "") -> dict[str, tuple[str, str, str]]:
        """Type → status, reason and message; empty where there is no object or no status yet."""
        found = self.find(kind, name, namespace) or {}
        listed = found.get("status", {}).get("conditions", [])
        return {it["type"]: (it["status"], it.get("reason", ""), it.get("message", "")) for it in listed}

    def pod_ended(self, name: str, namespace: str, deadline: float = 120) -> tuple[bool, str]:
        """Wait until the pod has run to its end; whether it succeeded, and all that it printed."""

        def phase() -> str:
            return str(self.get("pod", name, namespace)["status"].get("phase"))

        until(lambda: phase() in {"Succeeded", "Failed"}, deadline=deadline, what=f"the end of pod {namespace}/{name}")
        return phase() == "Succeeded", self.kubectl("-n", namespace, "logs", name, "--all-containers")

    def _run(self, command: list[str | Path], stdin: str, deadline: float) -> str:
        environment = os.environ | {
            "KUBECONFIG": str(self.kubeconfig),
            "CLUSTER_DIR": str(self.home),
            "KUBECACHEDIR": str(self.home / "kubectl-cache"),
        }
        said = " ".join([Path(command[0]).name, *map(str, command[1:])])
        try:
            done = subprocess.run(
                command, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=deadline
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{said}: not done after {deadline} s") from error
        if done.returncode:
            raise Failed(f"{said}: exit code {done.returncode}\n{done.stderr}{done.stdout}"[-6000:])
        return done.stdout


def _where(name: str, namespace: str, selector: str = "") -> list[str]:
    arguments = [name] if name else []
    if namespace:
        arguments += ["-n", namespace]
    if selector:
        arguments += ["-l", selector]
    return arguments


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A node with the three images. Skips, or fails where REQUIRE names `e2e`, when it cannot be had."""
    if given := os.environ.get("TENANTRY_TEST_KUBECONFIG"):
        cluster = Cluster(Path(given).resolve().parent)
        if not (cluster.home / "up").exists():
            missing("e2e", f"{given} is not the kubeconfig of a node that hack/cluster/up.sh started")
        cluster.load(PRESENT.images)
        yield cluster
        return
    if not required("e2e"):
        missing("e2e", "these take minutes and a node of their own: run make test-e2e")
    _need()
    home = Path(tempfile.mkdtemp(prefix="tenantry-node-"))
    environment = os.environ | {"CLUSTER_DIR": str(home), "KEEP_LOGS": str(LOG)}
    try:
        subprocess.run([_SCRIPTS / "up.sh"], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)
        cluster = Cluster(home)
        cluster.load(PRESENT.images)
        yield cluster
    finally:
        subprocess.run([_SCRIPTS / "down.sh"], env=environment, check=True, timeout=120)


def _need() -> None:
    if os.geteuid() != 0:
        missing("e2e", "a node takes root: run make test-e2e as root, or name a node's in TENANTRY_TEST_KUBECONFIG")
    for path in (_BIN / "kubelet", _BIN / "helm", *PRESENT.images):
        if not path.exists():
            missing("e2e", f"{path.name} is not built: run make cluster")
    for program in ("runc", "nft", "ip"):
        if shutil.which(program) is None:
            missing("e2e", f"{program} is not installed: run hack/cluster/needs.sh")
