"""The names of what is made for a project outside of Tenantry: stable, at most 63 bytes, different for each project.

Data is found again by these names alone, so they never change: the manifest may go and come back, the state of the
operator may be lost.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from tenantry_operator.facts import ProjectKey

__all__ = ["DRAFT", "TEMPLATE_ROLE", "bucket_name", "database_name", "draft_name", "template_name", "user_id"]

# PostgreSQL cuts names at 63 bytes without a word. What is being made carries this suffix until it is complete.
DRAFT: Final = "~new"
_MOST: Final = 63 - len(DRAFT)
_PART: Final = 18

TEMPLATE_ROLE: Final = "tenantry_mlflow"

# No distribution, container engine or systemd hands out uids from here on (systemd's UIDS-GIDS.md), up to 2³¹.
_FIRST_UID: Final = 0x7000_0000
_UIDS: Final = 0x0FFF_FFFE


def database_name(key: ProjectKey) -> str:
    """Return the name of the database and of the role that logs in to it.

    Names of workspaces and projects hold no underscore, so `tnt_<workspace>_<project>` says which is which. Where it
    is too long, both are cut and 64 bits of their hash follow; a third underscore sets these names apart.
    """
    whole = f"tnt_{key.workspace}_{key.project}"
    if len(whole) <= _MOST:
        return whole
    return f"tnt_{key.workspace[:_PART]}_{key.project[:_PART]}_{_digest(key)[:16]}"


def bucket_name(key: ProjectKey) -> str:
    """Return the name of the project's bucket. Hyphens stand in names and between them: 64 bits of hash decide."""
    return f"tnt-{key.workspace[:_PART]}-{key.project[:_PART]}-{_digest(key)[:16]}"


def draft_name(name: str) -> str:
    """Return the name that a database bears while it is made. No project's name holds a tilde."""
    return name + DRAFT


def template_name(mlflow_version: str) -> str:
    """Return the name of the migrated, empty database of an MLflow version."""
    return f"{TEMPLATE_ROLE}_{mlflow_version}"


def user_id(key: ProjectKey) -> int:
    """Return the uid of the project's server, one of 268 million: two of 100 projects share one with p = 2e-5."""
    return _FIRST_UID + int(_digest(key)[:15], 16) % _UIDS


def _digest(key: ProjectKey) -> str:
    return sha256(str(key).encode()).hexdigest()
