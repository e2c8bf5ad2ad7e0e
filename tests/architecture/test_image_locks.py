"""What an image installs is what its extra needs, in the versions that the tests ran with."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = ("operator", "api", "backend")
# `name==version ; marker \` and the hashes below it.
PIN = re.compile(r"^(?P<pin>[a-z0-9][^\\\n]*?) \\\n(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)


def pins(lock: str) -> dict[Requirement, list[str]]:
    """Each pin with its hashes. Versions for another Python are pins of their own."""
    found = PIN.finditer((ROOT / "requirements" / lock).read_text())
    return {Requirement(one["pin"]): sorted(re.findall(r"--hash=(\S+)", one["hashes"])) for one in found}


def applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def unused() -> set[str]:
    """What the backend's image leaves out, from the Makefile."""
    listed = re.search(r"^UNUSED := ((?:.*\\\n)*.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed is not None
    return set(listed[1].replace("\\", " ").split())


def needed(requirements: Iterable[Requirement], without: set[str]) -> set[str]:
    """The names of these and of all that they need, in this environment, as installed."""
    names: set[str] = set()
    left = [(one, extra) for one in requirements for extra in ("", *one.extras)]
    seen = set()
    while left:
        requirement, extra = left.pop()
        name = canonicalize_name(requirement.name)
        if name in without or (name, extra) in seen:
            continue
        seen.add((name, extra))
        names.add(name)
        theirs = [Requirement(line) for line in importlib.metadata.requires(name) or ()]
        left += [(one, more) for one in theirs if applies(one, extra) for more in ("", *one.extras)]
    return names


@pytest.mark.parametrize("lock", ["build.txt", *(f"{extra}.txt" for extra in EXTRAS)])
def test_an_image_has_the_versions_that_were_tested(lock: str) -> None:
    tested = {str(pin): hashes for pin, hashes in pins("all.txt").items()}
    names = {(pin.name, str(pin.specifier)): hashes for pin, hashes in pins("all.txt").items()}
    assert pins(lock)
    assert tested
    for pin, hashes in pins(lock).items():
        assert names.get((pin.name, str(pin.specifier))) == hashes, f"{lock}: {pin}: run make lock"


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_image_has_what_its_extra_needs_and_no_more(extra: str) -> None:
    declared = [Requirement(line) for line in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra])]
    without = unused() if extra == "backend" else set()
    installed = {canonicalize_name(pin.name) for pin in pins(f"{extra}.txt") if applies(pin)}
    assert installed == needed(declared, without), "run make lock"
