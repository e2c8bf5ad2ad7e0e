"""Manifests from a directory that is watched: the source for one machine.

What is in force is kept in the state directory too, so that it outlives a restart: the last good version of a manifest
that is broken now, and the deletionPolicy of one that went while nobody looked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

import structlog
import watchfiles

from tenantry_crds.manifest import InvalidManifest, parse
from tenantry_crds.meta import Condition, Phase, Status
from tenantry_crds.project import Project
from tenantry_crds.workspace import Workspace
from tenantry_operator.facts import Key, ProjectKey, WorkspaceKey
from tenantry_operator.sources import Declared
from tenantry_operator.sources.files import Files, key_of
from tenantry_operator.sources.merge import InForce, complaints, merge

__all__ = ["Directory"]

# How long a manifest must be away before it counts as removed: editors replace a file by deleting it first.
_GRACE_SECONDS: Final = 1.0
# Told of a change at once; this often it is looked anyway, for file systems that tell nothing.
_LOOK_MILLISECONDS: Final = 1000

log = structlog.get_logger(__name__)


class Directory:
    """`changed` is called, from any thread, with each key that has to be looked at again."""

    def __init__(self, directory: Path, state: Path, changed: Callable[[Key], None]) -> None:
        self._directory = directory
        self._files = Files(directory)
        self._store = _Store(state)
        self._changed = changed
        self._lock = Lock()
        self._in_force: dict[Key, InForce] = {}
        self._missing_since: dict[Key, float] = {}
        self._complaints: frozenset[tuple[str, str, str]] = frozenset()
        self._complete = False
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="directory", daemon=True)

    def start(self) -> None:
        """Read everything once, then watch."""
        self._in_force = self._store.load()
        self._look()
        self._tell(self.declared())
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        """Return when its thread has ended, also if it never began."""
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def complete(self) -> bool:
        """Whether the directory could be read."""
        return self._complete

    def declared(self) -> Collection[Key]:
        """Return the workspaces first: their projects need them."""
        return sorted(self._in_force, key=lambda key: (isinstance(key, ProjectKey), key))

    def workspace(self, key: WorkspaceKey) -> Declared[Workspace] | None:
        found = self._in_force.get(key)
        if found is None or not isinstance(found.resource, Workspace):
            return None
        return Declared(found.resource, found.removed, found.problem)

    def project(self, key: ProjectKey) -> Declared[Project] | None:
        found = self._in_force.get(key)
        if found is None or not isinstance(found.resource, Project):
            return None
        return Declared(found.resource, found.removed, found.problem)

    def release(self, key: Key) -> None:
        with self._lock:
            found = self._in_force.get(key)
            if found and found.removed:
                self._store.remove(key)
                self._in_force = {other: one for other, one in self._in_force.items() if other != key}

    def protect(self, key: Key, *, wanted: bool) -> None:
        """What is gone from the directory is kept here until its release, whatever it is."""

    def report_workspace(self, key: WorkspaceKey, status: Status) -> None:
        """Files say what people want. How things are, the catalog says."""

    def report_project(self, key: ProjectKey, status: Status) -> None:
        """See `report_workspace`."""

    def report_ready(self, key: Key, ready: Condition, phase: Phase) -> None:
        """See `report_workspace`."""

    def announce(self, key: Key, condition: Condition) -> None:
        """The operator's log has it."""

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                for _ in watchfiles.watch(
                    self._directory, stop_event=self._stop, step=50, debounce=200, yield_on_timeout=True,
                    rust_timeout=_LOOK_MILLISECONDS, raise_interrupt=False,
                ):  # fmt: skip
                    self._tell(self._look())
            except OSError:
                # It is not there, or not readable: `_look` says so, and sees when it is back.
                self._tell(self._look())
                self._stop.wait(_LOOK_MILLISECONDS / 1000)

    def _tell(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._changed(key)

    def _look(self) -> list[Key]:
        """Read the directory, and return what is not as it was."""
        try:
            files = self._files.read()
        except OSError as error:
            self._complain(frozenset({(str(self._directory), "", str(error))}))
            return []
        self._complete = True
        with self._lock:
            before = self._in_force
            self._in_force = self._patiently(before, merge(before, files))
            changed = [key for key, one in self._in_force.items() if before.get(key) != one]
            for key in changed:
                self._store.keep(key, self._in_force[key])
        self._complain(frozenset(complaints(self._in_force, files)))
        return changed

    def _patiently(self, before: dict[Key, InForce], now: dict[Key, InForce]) -> dict[Key, InForce]:
        """Leave what has only just gone in force for the time of grace."""
        gone = {key for key, one in now.items() if one.removed and not before[key].removed}
        self._missing_since = {key: self._missing_since.get(key, time.monotonic()) for key in gone}
        early = {key for key in gone if time.monotonic() - self._missing_since[key] < _GRACE_SECONDS}
        return now | {key: before[key] for key in early}

    def _complain(self, found: frozenset[tuple[str, str, str]]) -> None:
        """Say each once, when it comes and when it goes."""
        for file, field, reason in sorted(found - self._complaints):
            log.warning("manifest refused", file=file, field=field, reason=reason)
        for file, field, _ in sorted(self._complaints - found):
            log.info("manifest corrected", file=file, field=field)
        self._complaints = found


class _Store:
    """One file a resource: its last good version, and the file that it stood in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def load(self) -> dict[Key, InForce]:
        found = {}
        for path in sorted(self._directory.glob("*.json")):
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                resource = parse(kept["resource"])
            except (InvalidManifest, ValueError, KeyError) as error:
                log.warning("last good version is not readable any more", file=path.name, reason=str(error))
                continue
            found[key_of(resource)] = InForce(resource, kept["origin"])
        return found

    def keep(self, key: Key, one: InForce) -> None:
        resource = one.resource.model_dump(mode="json", by_alias=True, exclude_unset=True)
        resource |= {"apiVersion": one.resource.api_version, "kind": one.resource.kind}
        draft = self._path(key).with_suffix(".json~")
        draft.write_text(json.dumps({"origin": one.origin, "resource": resource}), encoding="utf-8")
        draft.rename(self._path(key))

    def remove(self, key: Key) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: Key) -> Path:
        # No name holds an underscore.
        return self._directory / f"{'_'.join(key)}.json"
