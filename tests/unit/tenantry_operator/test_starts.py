"""A setting that is wrong is one line that names it, and nothing is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The setting, what is wrong with it, and what the one line says.
WRONG = {
    "no database": ("CATALOG_URL", "s3cret@host", "must be postgresql://user:password@host:port/database"),
    "another database": ("PROVISION_URL", "mysql://a:s3cret@h/d", "must be postgresql://user:password@host"),
    "nothing": ("STATE_DIRECTORY", None, "Field required"),
    "a file for a folder": ("STATE_DIRECTORY", "file", "File exists; the operator must be able to write there"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_one_line(name: str, tmp_path: Path) -> None:
    setting, value, words = WRONG[name]
    (tmp_path / "file").touch()
    settings = {
        "CATALOG_URL": "postgresql://operator@127.0.0.1:1/catalog",
        "PROVISION_URL": "postgresql://operator@127.0.0.1:1/postgres",
        "SOURCE_DIRECTORY": "manifests",
        "STATE_DIRECTORY": "state",
        setting: value,
    }
    kept = {key: kept for key, kept in os.environ.items() if not key.startswith("TENANTRY_")}
    given = {f"TENANTRY_{key}": given for key, given in settings.items() if given is not None}
    command = [sys.executable, "-m", "tenantry_operator"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=kept | given, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2, ended.stderr
    (line,) = map(json.loads, ended.stderr.splitlines())
    assert line["setting"] == f"TENANTRY_{setting}"
    assert words in line["problem"]
    assert "s3cret" not in ended.stderr
