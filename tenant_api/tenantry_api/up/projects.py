"""What the operator has published about each project, read as the catalog's owner: for tables and for waiting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
import yaml
from psycopg.rows import class_row

from tenantry_api.up.catalog import DATABASE
from tenantry_api.up.postgres import Postgres

__all__ = ["ProjectRow", "Projects"]

_SELECT = """
    SELECT workspace, name, ready, mlflow_version, created_at, conditions
    FROM catalog.project WHERE retired_at IS NULL ORDER BY workspace, name
"""


@dataclass(frozen=True, slots=True)
class ProjectRow:
    workspace: str
    name: str
    ready: bool
    mlflow_version: str
    created_at: datetime
    conditions: list[dict[str, object]]

    @property
    def blocker(self) -> str:
        """The first condition that is false, for people; empty when all hold."""
        false = (f"{it['reason']}: {it['message']}" for it in self.conditions if it.get("status") == "False")
        return next(false, "")


class Projects:
    def __init__(self, postgres: Postgres, url: str) -> None:
        self._address = postgres.url(DATABASE)
        self._url = url

    def rows(self) -> list[ProjectRow]:
        with psycopg.connect(self._address, row_factory=class_row(ProjectRow)) as connection:
            return connection.execute(_SELECT).fetchall()

    def waiting(self, manifests: Path) -> bool:
        """Whether a manifest's project is not published yet, or is neither ready nor blocked."""
        published = {(row.workspace, row.name): row for row in self.rows()}
        for key in _declared(manifests):
            row = published.get(key)
            if row is None or not (row.ready or row.blocker):
                return True
        return False

    def url_of(self, row: ProjectRow) -> str:
        return f"{self._url}/w/{row.workspace}/p/{row.name}"


def _declared(manifests: Path) -> Iterator[tuple[str, str]]:
    """Projects of files that can be read at all; what is wrong with the others is the operator's to say."""
    for file in sorted(manifests.glob("*.yaml")):
        try:
            documents = list(yaml.safe_load_all(file.read_text()))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
        for document in documents:
            if isinstance(document, dict) and document.get("kind") == "Project":
                metadata = document.get("metadata") or {}
                yield str(metadata.get("namespace", "")).removeprefix("ws-"), str(metadata.get("name", ""))
