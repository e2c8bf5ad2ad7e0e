"""The real helm, from the user's cache or the machine, and what it makes of our chart."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.requirement import missing

__all__ = ["CHART", "KUBERNETES", "MINIMAL", "Rendered", "helm", "pods", "refusal", "render", "render_anew"]

CHART = Path(__file__).parents[2] / "charts" / "tenantry"
MINIMAL = CHART / "ci" / "minimal-values.yaml"
# Without a cluster to ask, helm has to be told which one to write for.
KUBERNETES = "1.36.0"
_TEMPLATES = {"Deployment", "StatefulSet", "Job"}


@dataclass(frozen=True)
class Rendered:
    text: str

    @functools.cached_property
    def objects(self) -> tuple[dict[str, Any], ...]:
        return tuple(it for it in yaml.safe_load_all(self.text) if it)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [it for it in self.objects if it["kind"] == kind]

    def one(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = (it for it in self.all(kind) if it["metadata"]["name"] == name)
        return found


def helm(*arguments: str, values: str = "") -> subprocess.CompletedProcess[str]:
    """`values` is what it reads from a file called `-`."""
    command = [_program(), *arguments]
    # Its environment can change what it does.
    clean = {key: it for key, it in os.environ.items() if not key.startswith("HELM_")}
    return subprocess.run(command, input=values, capture_output=True, text=True, check=False, timeout=60, env=clean)


def render(
    values: Mapping[str, Any] | None = None, *, release: str = "tenantry", namespace: str = "tenantry"
) -> Rendered:
    """The chart with the least values there can be, and these. It has to be accepted. Kept for the next who asks."""
    return _kept(json.dumps(values or {}), release, namespace)


def render_anew(values: str, release: str = "tenantry", namespace: str = "tenantry") -> Rendered:
    """The same, from values as text."""
    done = _template(values, release, namespace)
    assert done.returncode == 0, done.stderr
    return Rendered(done.stdout)


def refusal(values: Mapping[str, Any]) -> str:
    """What helm says to these values, which it has to refuse."""
    done = _template(json.dumps(values), "tenantry", "tenantry")
    assert done.returncode != 0, done.stdout
    return done.stderr


def pods(rendered: Rendered) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each pod that comes of it, with the name of its object."""
    for it in rendered.objects:
        if it["kind"] in _TEMPLATES:
            yield it["metadata"]["name"], it["spec"]["template"]
        elif it["kind"] == "Pod":
            yield it["metadata"]["name"], it


_kept = functools.lru_cache(render_anew)


def _template(values: str, release: str, namespace: str) -> subprocess.CompletedProcess[str]:
    options = ("--namespace", namespace, "--kube-version", KUBERNETES, "--values", str(MINIMAL), "--values", "-")
    return helm("template", release, str(CHART), *options, values=values)


def _program() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "tenantry" / "cluster" / "bin" / "helm"
    found = str(built) if built.exists() else shutil.which("helm")
    if not found:
        missing("helm", f"neither {built} nor a helm in PATH: run hack/cluster/build.sh")
    return found
