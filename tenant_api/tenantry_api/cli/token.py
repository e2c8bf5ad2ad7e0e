"""`tenantry token`: create, list and revoke your tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from tenantry_api.cli.client import UrlOption, connect
from tenantry_api.cli.table import age, print_table
from tenantry_api.facts import Permission

__all__ = ["app"]

app = typer.Typer(help="Create, list and revoke your tokens.", no_args_is_help=True)


@app.command()
def create(  # noqa: PLR0917  # the command's options
    name: Annotated[str, typer.Argument(help="For you, to tell your tokens apart.")],
    url: UrlOption = "",
    workspace: Annotated[str | None, typer.Option(help="Bind it to this workspace.")] = None,
    project: Annotated[str | None, typer.Option(help="Bind it to this project of the workspace.")] = None,
    permission: Annotated[list[Permission] | None, typer.Option(help="Bind it to this permission; repeatable.")] = None,
    days: Annotated[int | None, typer.Option(help="Days until it expires; 30 if left out.", min=1, max=365)] = None,
) -> None:
    """Create a token and print it, alone on the first line of the output. It cannot be shown again.

    A token never does more than you may; what it is bound to only takes away.
    """
    wanted: dict[str, Any] = {"name": name, "workspace": workspace, "project": project, "permissions": permission}
    if days is not None:
        wanted["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    created = connect(url).call("POST", "/tokens", wanted)
    typer.echo(created["token"])
    typer.echo(f"{created['id']} expires at {created['expires_at']}", err=True)


@app.command(name="list")
def list_(url: UrlOption = "") -> None:
    """List your tokens, newest first. Their secrets are not kept, so they are not shown."""
    found = connect(url).call("GET", "/tokens")["tokens"]
    print_table(("ID", "NAME", "FOR", "STATE", "AGE", "LAST USED"), (_row(token) for token in found))


@app.command()
def revoke(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="From `tenantry token list`.")], url: UrlOption = ""
) -> None:
    """Revoke a token. It is refused from then on, everywhere within a second."""
    connect(url).call("DELETE", f"/tokens/{quote(identifier, safe='')}")
    typer.echo(f"{identifier} revoked")


def _row(token: dict[str, Any]) -> tuple[str, ...]:
    used = token["last_used_at"]
    last_used = f"{age(used)} ago" if used else "never"
    return (
        token["id"],
        escape(token["name"]),
        _bound_to(token["scope"]),
        _state(token),
        age(token["created_at"]),
        last_used,
    )


def _bound_to(scope: dict[str, Any]) -> str:
    where = "/".join(part for part in (scope["workspace"], scope["project"]) if part) or "everything"
    return where if scope["permissions"] is None else f"{where}: {' '.join(scope['permissions'])}"


def _state(token: dict[str, Any]) -> str:
    if token["revoked_at"]:
        return "revoked"
    return "expired" if datetime.fromisoformat(token["expires_at"]) <= datetime.now(UTC) else "active"
