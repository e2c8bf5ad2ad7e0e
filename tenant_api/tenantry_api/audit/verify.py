"""Checks an export offline: the bundle's bytes, a public key, and nothing else.

What it decides: that the records are, byte for byte and in order, those under the root in the signed checkpoint; that
the manifest is signed and fits; and, given an older checkpoint which the auditor kept, that nothing before it was
changed or cut. What it does not: that the log is complete up to now (ask for a newer export), nor what an intent
without an outcome came to (it may have happened; that is not a failure of the log).

One hash is signed, not each record. To name the record that was changed, the bundle lists the hash of every leaf, and
the list is under the same root. Whoever changes the list with the record is found all the same, but then the record
cannot be named, and the finding says so.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO

import orjson

from tenantry_api.audit.bundle import CHECKPOINT, EVENTS, FORMAT, LEAVES, MANIFEST, SIGNATURE, Bundle
from tenantry_api.audit.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from tenantry_api.audit.note import NoteInvalid, VerifierKey, check
from tenantry_api.audit.tree import EMPTY, leaf_hash, root_of

__all__ = ["Finding", "Report", "verify"]

# A leaf is shorter than this; a longer line is none.
_LINE_LIMIT = 65_536
_SLICE = 4_096


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was signed. `index` counts from 0; `event` is the id at that place."""

    what: str
    index: int | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """`unfinished` and `orphaned` say something about requests, not about the log: they are no findings."""

    origin: str
    size: int
    # How many records there are of each stage.
    stages: Mapping[str, int]
    findings: tuple[Finding, ...]
    # Ids of intents without an outcome: the request may have happened.
    unfinished: tuple[str, ...]
    # Ids of outcomes without an intent before them.
    orphaned: tuple[str, ...]

    @property
    def intact(self) -> bool:
        return not self.findings


def verify(bundle: Bundle, key: VerifierKey, since: bytes | None = None) -> Report:
    """Check everything that can be checked, and report all that is wrong. Raises BundleUnreadable.

    `since` is an older checkpoint of the same log, as the auditor kept it.
    """
    try:
        checkpoint = read_checkpoint(bundle.read(CHECKPOINT))
    except NoteInvalid as error:
        return Report("", 0, {}, (Finding(f"{CHECKPOINT} is not a checkpoint: {error}"),), (), ())
    older = _older(since, checkpoint.origin, key)
    records = _Records(older.size if isinstance(older, Checkpoint) else -1)
    with bundle.open(EVENTS) as events, bundle.open(LEAVES) as listed:
        records.read(events, listed)
    findings = (
        *_record_findings(bundle, records, checkpoint),
        *_checkpoint_findings(bundle, key),
        *_manifest_findings(bundle, key, checkpoint, records),
        *_older_findings(older, records),
    )
    unfinished, orphaned = tuple(records.open), tuple(records.orphaned)
    return Report(checkpoint.origin, records.tree.size, records.stages, findings, unfinished, orphaned)


class _Records:
    """One pass over the records and the list of their hashes, in bounded memory."""

    def __init__(self, older_size: int) -> None:
        self._older_size = older_size
        self.older_root: bytes | None = None
        self.tree = EMPTY
        # The first place where a record does not have the hash that is listed for it.
        self.differs: int | None = None
        self.digests = {EVENTS: hashlib.sha256(), LEAVES: hashlib.sha256()}
        self.stages: Counter[str] = Counter()
        # Intents that wait for their outcome, in their order.
        self.open: dict[str, None] = {}
        self.orphaned: list[str] = []

    def read(self, events: IO[bytes], listed: IO[bytes]) -> None:
        while lines := list(islice(_lines(events), _SLICE)):
            expected = list(islice(_lines(listed), len(lines)))
            self._take(lines, expected)
            self.digests[EVENTS].update(b"".join(lines))
            self.digests[LEAVES].update(b"".join(expected))
        if rest := list(islice(_lines(listed), 1)):
            self._note_difference(self.tree.size)
            self.digests[LEAVES].update(b"".join(chain(rest, _lines(listed))))

    def _take(self, lines: list[bytes], expected: list[bytes]) -> None:
        hashes = [leaf_hash(line.removesuffix(b"\n")) for line in lines]
        found = [_listed(one) for one in hashes]
        if found != expected:
            pairs = enumerate(zip(found, [*expected, *[b""] * len(found)], strict=False))
            self._note_difference(self.tree.size + next(nth for nth, (one, other) in pairs if one != other))
        behind = self._older_size - self.tree.size
        if 0 <= behind <= len(hashes):
            self.older_root = self.tree.extended(hashes[:behind]).root
        self.tree = self.tree.extended(hashes)
        for line in lines:
            self._follow(line)

    def _note_difference(self, index: int) -> None:
        if self.differs is None:
            self.differs = index

    def _follow(self, line: bytes) -> None:
        """Pair intents with outcomes. A line that is not ours is found by its hash, not here."""
        stage, event = _stage_and_id(line)
        self.stages[stage] += 1
        if stage == "intent":
            self.open[event] = None
        elif stage == "outcome" and self.open.pop(event, event) is not None:
            self.orphaned.append(event)


def _record_findings(bundle: Bundle, records: _Records, checkpoint: Checkpoint) -> Iterator[Finding]:
    """Whether the records are the signed ones; if not, where they begin to differ."""
    right = records.tree.size == checkpoint.size and records.tree.root == checkpoint.root
    if records.differs is not None and right:
        yield Finding(f"{LEAVES} was changed: its line is not the hash of this record", records.differs)
    elif records.differs is not None:
        yield _difference(bundle, records.differs)
        with bundle.open(LEAVES) as listed:
            if _root_of_list(listed) != checkpoint.root:
                yield Finding(f"{LEAVES} is not what was signed either, so records before this one may be wrong, too")
    elif not right:
        yield Finding(
            f"{records.tree.size} records are not the {checkpoint.size} that were signed, and {LEAVES} was changed "
            "with them, so the first bad one cannot be named"
        )


def _difference(bundle: Bundle, index: int) -> Finding:
    """What happened at `index`, as the neighbours show it."""
    with bundle.open(EVENTS) as events, bundle.open(LEAVES) as listed:
        lines = list(islice(_lines(events), index, index + 2))
        wanted = [*islice(_lines(listed), index, index + 2), b"", b""][:2]
    found = [*(_listed(leaf_hash(line.removesuffix(b"\n"))) for line in lines), b"", b""][:2]
    if not lines:
        return Finding("the log was cut: the record here and all behind it are missing", index)
    event = _stage_and_id(lines[0])[1]
    if not wanted[0]:
        return Finding("the record was added: the signed log ends before it", index, event)
    if found[0] == wanted[1] and found[1] == wanted[0]:
        return Finding("the record changed places with the next", index, event)
    if found[0] == wanted[1]:
        return Finding("a record was taken out here: this one is the next", index, event)
    if found[1] == wanted[0]:
        return Finding("the record was put in: the next is the one that belongs here", index, event)
    return Finding("the record was changed", index, event)


def _checkpoint_findings(bundle: Bundle, key: VerifierKey) -> Iterator[Finding]:
    try:
        open_checkpoint(bundle.read(CHECKPOINT), key)
    except NoteInvalid as error:
        yield Finding(f"{CHECKPOINT} is not signed with the key that was given: {error}")


def _manifest_findings(
    bundle: Bundle, key: VerifierKey, checkpoint: Checkpoint, records: _Records
) -> Iterator[Finding]:
    text = bundle.read(MANIFEST)
    try:
        check(text, bundle.read(SIGNATURE), checkpoint.origin, key)
    except NoteInvalid as error:
        yield Finding(f"{MANIFEST} is not signed with the key that was given: {error}")
        return
    said = orjson.loads(text)
    if said["format"] != FORMAT:
        yield Finding(f"{MANIFEST} is of the format {said['format']!r}; this is a verifier of {FORMAT!r}")
        return
    if (said["origin"], said["first"], said["count"]) != (checkpoint.origin, 0, checkpoint.size):
        yield Finding(f"{MANIFEST} was made for another checkpoint")
    found = {name: digest.hexdigest() for name, digest in records.digests.items()}
    found[CHECKPOINT] = hashlib.sha256(bundle.read(CHECKPOINT)).hexdigest()
    for name, digest in found.items():
        if said["files"][name] != digest:
            yield Finding(f"{name} is not the file that {MANIFEST} describes")


def _older(note: bytes | None, origin: str, key: VerifierKey) -> Checkpoint | str | None:
    """The checkpoint that the auditor kept, or why it is of no use."""
    if note is None:
        return None
    try:
        kept = open_checkpoint(note, key)
    except NoteInvalid as error:
        return f"the older checkpoint is not signed with the key that was given: {error}"
    return kept if kept.origin == origin else f"the older checkpoint is of {kept.origin!r}, this log is {origin!r}"


def _older_findings(older: Checkpoint | str | None, records: _Records) -> Iterator[Finding]:
    if isinstance(older, str):
        yield Finding(older)
    elif older and older.size > records.tree.size:
        yield Finding(f"the log was cut: it had {older.size} records at the older checkpoint", records.tree.size)
    elif older and older.size and records.older_root != older.root:
        yield Finding(f"the first {older.size} records are not those of the older checkpoint")


def _root_of_list(listed: IO[bytes]) -> bytes:
    """The root over the listed hashes; of no tree, if one of the lines is not a hash."""
    try:
        return root_of(bytes.fromhex(line.decode("ascii").removesuffix("\n")) for line in _lines(listed))
    except ValueError:
        return b""


def _listed(found: bytes) -> bytes:
    return found.hex().encode() + b"\n"


def _stage_and_id(line: bytes) -> tuple[str, str]:
    try:
        event = orjson.loads(line)
        return str(event["stage"]), str(event["id"])
    except (ValueError, KeyError, TypeError):
        return "unreadable", "unreadable"


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(_LINE_LIMIT + 1):
        yield line
