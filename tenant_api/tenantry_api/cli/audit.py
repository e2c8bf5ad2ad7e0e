"""`tenantry audit`: export a workspace's log, and check an export offline."""

from __future__ import annotations

import tempfile
import zipfile
from enum import IntEnum
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console

from tenantry_api.audit.bundle import FILES, Bundle, BundleUnreadable
from tenantry_api.audit.note import KeyUnreadable, read_key
from tenantry_api.audit.verify import Report, verify
from tenantry_api.cli import credentials
from tenantry_api.cli.client import DEFAULT_URL, Client, UrlOption, connect, stop

__all__ = ["app"]

# How many ids of unfinished requests are printed; the number is always said.
_SHOWN = 5

app = typer.Typer(help="Export a workspace's audit log, and check an export offline.", no_args_is_help=True)
_out = Console(highlight=False, soft_wrap=True)
_err = Console(highlight=False, soft_wrap=True, stderr=True)


class Exit(IntEnum):
    """What `tenantry audit verify` found, for scripts."""

    INTACT = 0
    TAMPERED = 1
    UNREADABLE = 2


@app.command()
def export(
    *,
    workspace: Annotated[str, typer.Option(help="Whose log.")],
    out: Annotated[Path, typer.Option(help="Folder for the files of the export: new, or empty.")],
    url: UrlOption = "",
) -> None:
    """Save a workspace's whole audit log, signed, so that it can be checked without us.

    It needs the role auditor in the workspace, and it is itself recorded in that log.
    """
    if out.exists() and any(out.iterdir()):
        raise stop(f"{out} is not empty: name a new folder")
    client = connect(url)
    with tempfile.TemporaryFile() as archive:
        for piece in client.download("POST", f"/workspaces/{workspace}/audit/exports"):
            archive.write(piece)
        _unpack(archive, out)
    _out.print(f"{out}: the log of {workspace}. Check it with the public key that you keep:", markup=False)
    _out.print(f"  tenantry audit verify {out} --key KEY.pem", markup=False)


@app.command()
def key(url: UrlOption = "") -> None:
    """Print the public key that exports are checked with, as PEM.

    Save it once, and compare it with what the people who run the installation tell you on another way: a key that came
    with an export, or that changed later, proves nothing.
    """
    server = Client(url or credentials.load().current or DEFAULT_URL)
    for found in server.call("GET", "/key")["keys"]:
        typer.echo(found["pem"], nl=False)


@app.command(name="verify")
def verify_(
    bundle: Annotated[Path, typer.Argument(help="An export: the folder, or the zip file that the API gave.")],
    *,
    key: Annotated[Path, typer.Option(help="The installation's public key: PEM, or a verifier key's line.")],
    since: Annotated[
        Path | None, typer.Option(help="An older checkpoint of this log that you kept: the log must still extend it.")
    ] = None,
) -> None:
    """Check an export offline: that no record was changed, taken out, added or moved since it was signed.

    It needs the export and the public key, no network and no server. Exit code 0: intact. 1: not what was signed, and
    the first bad record is named. 2: the export or the key cannot be read.

    To find out later whether the log was cut, keep the file `checkpoint` of this export, and give it as --since when
    you check the next one.
    """
    try:
        older = since.read_bytes() if since else None
        report = verify(Bundle(bundle), read_key(key.read_bytes()), older)
    except (OSError, BundleUnreadable, KeyUnreadable) as error:
        _err.print(str(error), markup=False)
        raise typer.Exit(Exit.UNREADABLE) from error
    _print(report)
    raise typer.Exit(Exit.INTACT if report.intact else Exit.TAMPERED)


def _print(report: Report) -> None:
    counts = ", ".join(f"{count} {stage}" for stage, count in sorted(report.stages.items()))
    if report.intact:
        _out.print(f"[green]intact[/green]: {report.origin}, {report.size} records ({counts})")
    else:
        _out.print(f"[red]NOT INTACT[/red]: {report.origin}, {report.size} records ({counts})")
    for finding in report.findings:
        place = "" if finding.index is None else f"record {finding.index}: "
        event = "" if finding.event is None else f" (event {finding.event})"
        _out.print(f"  {place}{finding.what}{event}", markup=False)
    _print_requests("requests without an outcome (they may have happened)", report.unfinished)
    _print_requests("outcomes without a request", report.orphaned)


def _print_requests(what: str, ids: tuple[str, ...]) -> None:
    if ids:
        more = ", ..." if len(ids) > _SHOWN else ""
        _out.print(f"  {what}: {len(ids)}: {', '.join(ids[:_SHOWN])}{more}", markup=False)


def _unpack(archive: IO[bytes], out: Path) -> None:
    """Only the files that an export has, whatever the archive says."""
    try:
        with zipfile.ZipFile(archive) as files:
            out.mkdir(parents=True, exist_ok=True)
            for name in FILES:
                files.extract(name, out)
    except (zipfile.BadZipFile, KeyError) as error:
        raise stop(f"the answer is not an export: {error}") from error
