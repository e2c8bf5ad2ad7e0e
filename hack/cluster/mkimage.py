#!/usr/bin/env python3
"""Make an image archive for containerd from files of this machine: no registry, no container engine.

Programs bring the shared libraries that they need. There is one layer; times and owners are fixed, so what is equal
gets an equal digest.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

# On Debian these are links into /usr; a file is always written under its name there.
MERGED = {name: f"usr/{name}" for name in ("bin", "sbin", "lib", "lib64")}
SKIP = ("usr/share/doc/*", "usr/share/man/*", "usr/share/lintian/*", "usr/share/locale/*", "*/__pycache__*")
MEDIA = "application/vnd.oci.image."
# Name in the image → file of this machine.
Files = dict[str, Path]


def inside(path: str) -> str:
    top, _, rest = path.lstrip("/").partition("/")
    return f"{MERGED[top]}/{rest}" if top in MERGED else path.lstrip("/")


def of_packages(packages: Iterable[str], skip: Iterable[str]) -> Files:
    listed = subprocess.run(["dpkg", "-L", *packages], capture_output=True, text=True, check=True).stdout
    found = {inside(line): Path(line) for line in listed.splitlines() if line.startswith("/")}
    return {
        name: path
        for name, path in found.items()
        if (path.is_symlink() or path.is_file()) and not any(fnmatch.fnmatch(name, glob) for glob in skip)
    }


def libraries(files: Files) -> Files:
    """What the dynamic programs and libraries among `files` are loaded with, the loader included."""
    programs = [str(path) for path in files.values() if path.is_file() and _is_elf(path)]
    if not programs:
        return {}
    # One that is static makes ldd fail, and needs nothing.
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    found = set(re.findall(r"(?:=> |^\t)(/\S+) \(0x", said, re.MULTILINE))
    return {inside(path): Path(path).resolve() for path in found}


def _is_elf(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(4) == b"\x7fELF"


def layer(files: Files) -> bytes:
    buffer, folders = io.BytesIO(), {"tmp": 0o1777}
    for name in files:
        folders |= {str(parent): 0o755 for parent in list(PurePath(name).parents)[:-1]}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(folders):
            tar.addfile(_entry(name, tarfile.DIRTYPE, folders[name]))
        for name, target in MERGED.items() if "usr" in folders else ():
            link = _entry(name, tarfile.SYMTYPE, 0o777)
            link.linkname = target
            tar.addfile(link)
        for name in sorted(files):
            _add(tar, name, files[name])
    return buffer.getvalue()


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = kind, mode
    return info


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    if path.is_symlink():
        link = _entry(name, tarfile.SYMTYPE, 0o777)
        link.linkname = str(path.readlink())
        tar.addfile(link)
        return
    content = path.read_bytes()
    info = _entry(name, tarfile.REGTYPE, path.stat().st_mode & 0o7777)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def archive(name: str, content: bytes, config: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    """The files of an OCI layout: a manifest that names `content` as its one layer, and this image by `name`."""
    root, written = _descriptor("layer.v1.tar", content)
    yield written
    machine = {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux"}
    rootfs = {"type": "layers", "diff_ids": [root["digest"]]}
    described, written = _descriptor("config.v1+json", _json(machine | {"config": config, "rootfs": rootfs}))
    yield written
    manifest = {"schemaVersion": 2, "mediaType": MEDIA + "manifest.v1+json", "config": described, "layers": [root]}
    top, written = _descriptor("manifest.v1+json", _json(manifest))
    yield written
    named = top | {"annotations": {"io.containerd.image.name": name}}
    yield "index.json", _json({"schemaVersion": 2, "manifests": [named]})
    yield "oci-layout", b'{"imageLayoutVersion": "1.0.0"}'


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _descriptor(kind: str, content: bytes) -> tuple[dict[str, object], tuple[str, bytes]]:
    digest = hashlib.sha256(content).hexdigest()
    described = {"mediaType": MEDIA + kind, "digest": f"sha256:{digest}", "size": len(content)}
    return described, (f"blobs/sha256/{digest}", content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("name")
    parser.add_argument("--file", action="append", default=[], metavar="SOURCE:TARGET")
    parser.add_argument("--package", action="append", default=[], help="all files of an installed Debian package")
    parser.add_argument("--skip", action="append", default=[*SKIP], help="a pattern of names that packages leave out")
    parser.add_argument("--entrypoint", action="append", default=[])
    parser.add_argument("--user", default="65532")
    given = parser.parse_args()

    files = of_packages(given.package, given.skip) if given.package else {}
    files |= {inside(target): Path(source) for source, target in (pair.split(":") for pair in given.file)}
    config = {"Entrypoint": given.entrypoint, "Env": ["PATH=/usr/bin:/usr/sbin"], "User": given.user}
    with tarfile.open(given.out, "w") as tar:
        for name, content in archive(given.name, layer(libraries(files) | files), config):
            info = _entry(name, tarfile.REGTYPE, 0o644)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


if __name__ == "__main__":
    main()
