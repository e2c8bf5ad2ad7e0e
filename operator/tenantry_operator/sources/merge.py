"""From the files as they are and what was in force to what is in force. Pure.

What was once good stays in force until there is a better version of it, or its manifest is gone from a file that is
otherwise sound: a slip of the pen takes no project away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey
from tenantry_operator.sources.files import File, key_of

__all__ = ["InForce", "complaints", "merge"]


@dataclass(frozen=True, slots=True)
class InForce:
    """A resource, the file that it stands or stood in, and what is wrong with a newer version."""

    resource: Workspace | Project
    origin: str
    removed: bool = False
    problem: str = ""


def merge(known: Mapping[Key, InForce], files: Iterable[File]) -> dict[Key, InForce]:
    """Return what is in force now; what is gone is marked as removed."""
    by_path = {file.path: file for file in files}
    merged = {}
    for key, found in _found(by_path.values()).items():
        was = known.get(key)
        merged[key] = next((one for one in found if was and one.origin == was.origin), found[0])
    for key, was in known.items():
        origin = by_path.get(was.origin, File(was.origin))
        stands_there = key in merged and merged[key].origin == was.origin
        if origin.problems and not stands_there and not was.removed:
            merged[key] = replace(was, problem=_first_problem(origin))
        elif key not in merged:
            merged[key] = replace(was, removed=True, problem="")
    return merged


def complaints(merged: Mapping[Key, InForce], files: Iterable[File]) -> Iterator[tuple[str, str, str]]:
    """Return everything that a person should correct: file, field, reason."""
    files = tuple(files)
    for file in files:
        yield from ((file.path, problem.field, problem.reason) for problem in file.problems)
    for key, found in _found(files).items():
        chosen = merged[key].origin
        for path in [one.origin for one in found if one.origin != chosen] or [chosen] * (len(found) - 1):
            yield path, "metadata.name", f"{_title(key)} is declared in {chosen} already, which stays in force"
    for key, one in merged.items():
        if isinstance(key, ProjectKey) and not one.removed and not _declared(merged, WorkspaceKey(key.workspace)):
            reason = f"workspace {key.workspace} of project {key.project} is not declared: add a Workspace of this name"
            yield one.origin, "metadata.namespace", reason


def _found(files: Iterable[File]) -> dict[Key, list[InForce]]:
    found: defaultdict[Key, list[InForce]] = defaultdict(list)
    for file in files:
        for resource in file.resources:
            found[key_of(resource)].append(InForce(resource, file.path))
    return found


def _declared(merged: Mapping[Key, InForce], key: Key) -> bool:
    return key in merged and not merged[key].removed


def _first_problem(file: File) -> str:
    problem = file.problems[0]
    return f"{file.path}: {problem.field} {problem.reason}" if problem.field else f"{file.path} {problem.reason}"


def _title(key: Key) -> str:
    return f"{'project' if isinstance(key, ProjectKey) else 'workspace'} {key}"
