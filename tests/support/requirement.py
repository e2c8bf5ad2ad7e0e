"""Servers that a test needs: missing means skipped with a reason, unless REQUIRE names it; then it fails."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

__all__ = ["missing", "required"]


def required(server: str) -> bool:
    """Whether the variable REQUIRE (`postgres,mlflow,oidc,browser,apiserver,helm,e2e`) says that it has to be there."""
    return server in os.environ.get("REQUIRE", "").split(",")


def missing(server: str, reason: str) -> NoReturn:
    """Call it when `server` is not there."""
    if required(server):
        pytest.fail(f"REQUIRE names {server}, but: {reason}", pytrace=False)
    pytest.skip(f"{server} is missing: {reason}")
