"""No byte of an export can be changed, taken out or put in without verification failing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tenantry_api.audit.bundle import FILES, Bundle
from tenantry_api.audit.keys import verifier
from tenantry_api.audit.verify import verify
from tests.support.record import KEY, some_leaves, write_export


@contextmanager
def _export() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield write_export(Path(folder) / "export", some_leaves(2))


def test_every_flipped_byte_of_every_file_is_found() -> None:
    with _export() as export:
        for path in export.iterdir():
            data = path.read_bytes()
            for place in range(len(data)):
                path.write_bytes(data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :])
                assert not verify(Bundle(export), verifier(KEY)).intact, f"{path.name}, byte {place}"
            path.write_bytes(data)
        assert verify(Bundle(export), verifier(KEY)).intact


@given(st.sampled_from(FILES), st.data())
def test_every_cut_and_every_insertion_is_found(name: str, data: st.DataObject) -> None:
    with _export() as export:
        was = (export / name).read_bytes()
        start = data.draw(st.integers(0, len(was)))
        stop = data.draw(st.integers(start, len(was)))
        becomes = was[:start] + data.draw(st.binary(max_size=5)) + was[stop:]
        (export / name).write_bytes(becomes)

        assert verify(Bundle(export), verifier(KEY)).intact == (becomes == was)
