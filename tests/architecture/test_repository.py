"""Rules of the code itself: what can be counted. What takes words stands in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("crds", "operator", "tenant_api")
SETTINGS = (
    "tenantry_api.settings",
    "tenantry_api.up.provider.settings",
    "tenantry_operator.settings",
)
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60


def _python_files() -> list[Path]:
    folders = (*SOURCE_ROOTS, "tests", "hack", "bench")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_import_contracts_hold() -> None:
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_source_roots_are_not_packages() -> None:
    """A package named `operator` would shadow Python's own."""
    assert [root for root in SOURCE_ROOTS if (ROOT / root / "__init__.py").exists()] == []
    assert hasattr(importlib.import_module("operator"), "itemgetter")


def test_no_file_is_too_long() -> None:
    too_long = {
        str(path.relative_to(ROOT)): count
        for path in _python_files()
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert too_long == {}


def test_no_function_is_too_long() -> None:
    too_long = {
        f"{path.relative_to(ROOT)}:{node.name}": length
        for path in _python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    }
    assert too_long == {}


def test_no_module_is_named_for_nothing() -> None:
    vague = {"utils", "helpers", "common", "misc"}
    assert [path for path in _python_files() if vague & {path.stem, path.parent.name}] == []


def test_locks_hold_names_and_hashes_but_no_address() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        assert "://" not in lock.read_text(), lock
        pins = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==", lock.read_text(), re.MULTILINE | re.IGNORECASE)
        assert pins
        assert lock.read_text().count("--hash=sha256:") >= len(pins), lock


def test_every_dependency_has_a_reason_and_a_bound() -> None:
    lines = re.findall(r'^  "[a-z].*$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    dependencies = [line for line in lines if re.match(r'  "[a-z0-9-]+(\[\w+\])?[>=]=', line)]
    assert len(dependencies) > 30
    assert [line for line in dependencies if "#" not in line] == []


@pytest.mark.parametrize("module", SETTINGS)
def test_every_setting_is_documented(module: str) -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    names = list(_variables(module))
    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_document_names_no_setting_that_is_not_there() -> None:
    known = {name for module in SETTINGS for name in _variables(module)}
    written = set(re.findall(r"^\| `(TENANTRY_\w+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert written - known == set()


def test_a_message_names_settings_that_there_are() -> None:
    """As whoever installed with the chart knows them, and whoever set the environment."""
    values, settings = ((ROOT / "docs" / name).read_text() for name in ("chart-values.md", "settings.md"))
    named = [
        found
        for root in SOURCE_ROOTS
        for path in (ROOT / root).rglob("*.py")
        for found in re.findall(r"([a-zA-Z.]+) of the chart \((TENANTRY_[A-Z_, ]+)\)", path.read_text())
    ]
    assert len(named) > 5
    assert [value for value, _ in named if f"`{value}`" not in values] == []
    assert [it for _, variables in named for it in variables.split(", ") if f"`{it}`" not in settings] == []


def test_the_environment_is_read_in_settings_alone() -> None:
    allowed = re.compile(
        r"/(settings|environment)\.py$|/up/|/cli/|tenantry_catalog/migrate\.py$|tenantry_backend/|/runtime/process/"
    )
    readers = [
        str(path.relative_to(ROOT))
        for root in SOURCE_ROOTS
        for path in (ROOT / root).rglob("*.py")
        if re.search(r"os\.environ|os\.getenv", path.read_text()) and not allowed.search(str(path))
    ]
    assert readers == []


def test_links_of_documents_lead_somewhere() -> None:
    documents = [path for path in _tracked() if path.suffix == ".md"]
    broken = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in documents
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / link).exists()
    ]
    assert broken == []


def test_a_link_into_a_document_leads_to_one_of_its_headings() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {link}#{heading}"
        for document in _tracked()
        if document.suffix == ".md"
        for link, heading in re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", document.read_text())
        if heading not in _headings(document.parent / link if link else document)
    ]
    assert broken == []


def _headings(document: Path) -> set[str]:
    """As GitHub links to them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_project_names_no_place_of_one_machine() -> None:
    place = re.compile(rb"/work/|/root/\.|/home/[a-z]+/|/tmp/[a-z]+\d*/")
    assert [path for path in _tracked() if path != Path(__file__) and place.search(path.read_bytes())] == []


@pytest.mark.parametrize("script", [".ci/run", *sorted(str(it.relative_to(ROOT)) for it in ROOT.glob("hack/**/*.sh"))])
def test_scripts_can_be_run(script: str) -> None:
    first = (ROOT / script).read_text().splitlines()[0]
    shell = first.removeprefix("#!/usr/bin/env ").removeprefix("#!/bin/")
    if not first.startswith("#!"):  # Scripts of a folder read it.
        shell = "bash"
    else:
        assert (ROOT / script).stat().st_mode & 0o111
    assert subprocess.run([shell, "-n", ROOT / script], check=False).returncode == 0


def test_make_alone_lists_its_targets() -> None:
    listed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make ([\w-]+)", listed, re.MULTILINE) == [
        "demo",
        "up",
        "test",
        "test-apiserver",
        "apiserver",
        "test-e2e",
        "cluster",
        "images",
        "check",
        "bench",
        "fmt",
        "clean",
    ]


def _variables(module: str) -> Iterator[str]:
    """The environment variables of every settings model in the module."""
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == module:
            prefix = str(value.model_config.get("env_prefix", "")).upper()
            yield from (prefix + name.upper() for name in value.model_fields)
