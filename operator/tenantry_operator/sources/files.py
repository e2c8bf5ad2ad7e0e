"""The manifests in a directory, as they are now: what is declared where, and what is wrong with what. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tenantry_crds.manifest import InvalidManifest, Problem, parse
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey

__all__ = ["File", "Files", "key_of"]

_SUFFIXES: Final = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class File:
    """One file, by its path below the directory: its good documents, and what is wrong with the others."""

    path: str
    resources: tuple[Workspace | Project, ...] = ()
    problems: tuple[Problem, ...] = ()


class Files:
    """Parses a file again when its size or time has changed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[Path, tuple[tuple[int, int, int], File]] = {}

    def read(self) -> tuple[File, ...]:
        """Return every file below the directory, by path. Raises OSError when the directory cannot be read."""
        if not self._directory.is_dir():
            raise NotADirectoryError(f"{self._directory} is not a directory: create it")
        self._known = dict(self._look())
        return tuple(file for _, file in self._known.values())

    def _look(self) -> Iterator[tuple[Path, tuple[tuple[int, int, int], File]]]:
        for path in sorted(self._directory.rglob("*")):
            # Editors keep their drafts under hidden names.
            if path.suffix in _SUFFIXES and not path.name.startswith(".") and path.is_file():
                stat = path.stat()
                version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                known = self._known.get(path)
                yield path, known if known and known[0] == version else (version, self._parse(path))

    def _parse(self, path: Path) -> File:
        name = str(path.relative_to(self._directory))
        try:
            documents = [document for document in _load(path) if document is not None]
        except (OSError, UnicodeDecodeError) as error:
            return File(name, problems=(Problem("", f"cannot be read: {error}"),))
        except yaml.YAMLError as error:
            return File(name, problems=(Problem("", f"is not YAML: {' '.join(str(error).split())}"),))
        except Exception as error:  # noqa: BLE001  the outer boundary of what people write: PyYAML lets out any error
            return File(name, problems=(Problem("", f"holds a value that cannot be read: {error}"),))
        # A full disk, or an editor in the middle of its work, leaves an empty file behind.
        if not documents:
            return File(name, problems=(Problem("", "is empty: delete the file if what it declared shall go"),))
        return _judge(name, documents)


def key_of(resource: Workspace | Project) -> Key:
    if isinstance(resource, Workspace):
        return WorkspaceKey(resource.name)
    return ProjectKey(resource.workspace, resource.name)


def _judge(name: str, documents: list[object]) -> File:
    resources: list[Workspace | Project] = []
    problems: list[Problem] = []
    for document in documents:
        if isinstance(document, dict) and not document.keys() & {"apiVersion", "kind"}:
            continue  # Some other YAML that lies here: it does not claim to be a manifest.
        try:
            resources.append(parse(document))
        except InvalidManifest as error:
            problems += (Problem(_place(document, field), reason) for field, reason in error.problems)
    return File(name, tuple(resources), tuple(problems))


def _place(document: object, field: str) -> str:
    """Name the document before its field, as far as it has a name: a file may hold several."""
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        return field
    return " ".join(str(part) for part in (document.get("kind"), document["metadata"].get("name"), field) if part)


class _StrictLoader(yaml.CSafeLoader):
    """YAML's own rule, which PyYAML does not enforce: a key stands once in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # No mapping of Python's can have it as a key; PyYAML says so.
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _load(path: Path) -> Iterator[object]:
    with path.open("rb") as file:
        yield from yaml.load_all(file, _StrictLoader)  # noqa: S506  a safe loader
