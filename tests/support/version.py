"""The two versions of an upgrade: this checkout, and the commit before it as hack/previous.sh keeps it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.requirement import missing

__all__ = ["CACHE", "PRESENT", "Version", "previous_version"]

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenantry"
_PREVIOUS = CACHE / "previous"
_IMAGES = CACHE / "images"


@dataclass(frozen=True)
class Version:
    """A chart, the images that belong to it, and the manifests that its own tests install it with."""

    name: str
    root: Path
    tag: str
    archives: Path

    @property
    def chart(self) -> Path:
        return self.root / "charts" / "tenantry"

    @property
    def manifests(self) -> Path:
        return self.root / "tests" / "e2e" / "manifests"

    @property
    def images(self) -> tuple[Path, ...]:
        return tuple(self.archives / f"tenantry-{name}.tar" for name in ("operator", "api", "backend"))


PRESENT = Version("this commit", Path(__file__).parents[2], "dev", _IMAGES)


def previous_version() -> Version:
    """Skips where there is no commit before this one, and where nobody has built it; the latter fails under REQUIRE."""
    commit = _PREVIOUS / "commit"
    if not commit.exists():
        missing("e2e", "the images of the commit before this one are not built: run hack/previous.sh")
    if not (short := commit.read_text().strip()):
        pytest.skip("there is no commit before this one here, as in a shallow clone: nothing to upgrade from")
    return Version(f"the commit before, {short}", _PREVIOUS / "source", "previous", _IMAGES / "previous")
