"""`tenantry up`: the whole of Tenantry on this machine, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["up"]


def up(
    *,
    manifests: Annotated[Path, typer.Option(help="Folder of manifests (and users.yaml, without --issuer).")] = Path(),
    port: Annotated[int, typer.Option(help="Where people connect; 0 takes any free port.", min=0, max=65534)] = 8080,
    state: Annotated[Path, typer.Option(help="Folder that keeps all data between two runs.")] = Path(".tenantry"),
    issuer: Annotated[str, typer.Option(help="A real OpenID issuer in the place of the development one.")] = "",
    client_id: Annotated[str, typer.Option(help="The client's name at that issuer.")] = "tenantry",
    client_secret: Annotated[
        str, typer.Option(envvar="TENANTRY_OIDC_CLIENT_SECRET", help="Its secret: better by environment.")
    ] = "",
) -> None:
    """Run everything on this machine: PostgreSQL, the operator, the door and a development identity provider.

    Stays in the foreground. Ctrl-C stops everything; the data stays, and the next start finds it again.
    """
    # A second of imports (SQLAlchemy, alembic) that no other command should take.
    from tenantry_api.cli.foreground import run  # noqa: PLC0415
    from tenantry_api.up.machine import Issuer, Options  # noqa: PLC0415

    real = Issuer(issuer, client_id, client_secret or None) if issuer else None
    raise typer.Exit(run(Options(state=state, manifests=manifests, port=port, issuer=real)))
