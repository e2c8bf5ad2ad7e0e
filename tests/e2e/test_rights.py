"""The rights that the chart grants, as the tests before this one used them: read from the API server's own log."""

from __future__ import annotations

import pytest

from tests.support.helm import render
from tests.support.installation import NAMESPACE, RELEASE, Installation
from tests.support.rights import ON_A_NODE, before_the_end, granted, refused, used


@pytest.fixture(scope="module")
def log(installation: Installation) -> list[str]:
    return (installation.cluster.home / "log" / "audit.log").read_text().splitlines()


def test_what_only_a_node_asks_of_the_operator_is_used(log: list[str]) -> None:
    """The rest is used in tests/apiserver."""
    assert used(log, _account("operator")) >= ON_A_NODE


@pytest.mark.parametrize("hook", ["migration", "uninstall"])
def test_every_right_of_a_hook_is_used(log: list[str], hook: str) -> None:
    rights = granted(render(namespace=NAMESPACE).objects, f"{RELEASE}-{hook}")
    assert rights
    assert rights - used(log, _account(hook)) == set()


@pytest.mark.parametrize("part", ["tenant-api", "migration", "uninstall"])
def test_nothing_is_refused(log: list[str], part: str) -> None:
    assert refused(log, _account(part)) == set()


def test_nothing_is_refused_to_an_operator_that_stays(log: list[str]) -> None:
    assert used(before_the_end(log), _account("operator"))
    assert refused(before_the_end(log), _account("operator")) == set()


def _account(part: str) -> str:
    return f"{NAMESPACE}:{RELEASE}-{part}"
