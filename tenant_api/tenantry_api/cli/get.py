"""`tenantry get`: what there is, as far as you may see it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from tenantry_api.cli.client import UrlOption, connect
from tenantry_api.cli.table import age, print_table

__all__ = ["app"]

app = typer.Typer(help="List workspaces and projects.", no_args_is_help=True)


@app.command()
def projects(
    url: UrlOption = "",
    workspace: Annotated[str, typer.Option(help="Only this workspace's.")] = "",
) -> None:
    """List the projects that you may see, and why one is not ready."""
    path = f"/workspaces/{workspace}/projects" if workspace else "/projects"
    found = connect(url).call("GET", path)["projects"]
    print_table(("NAME", "READY", "VERSION", "URL", "AGE"), (_row(project) for project in found))


@app.command()
def workspaces(url: UrlOption = "") -> None:
    """List the workspaces that you may see."""
    found = connect(url).call("GET", "/workspaces")["workspaces"]
    rows = ((it["name"], str(it["ready"]), escape(it["display_name"]), age(it["created_at"])) for it in found)
    print_table(("NAME", "READY", "TITLE", "AGE"), rows)


def _row(project: dict[str, Any]) -> tuple[str, ...]:
    ready = str(project["ready"])
    told = f"{ready} ({escape(project['message'])})" if project["message"] else ready
    name = f"{project['workspace']}/{project['name']}"
    return name, told, project["version"], project["url"], age(project["created_at"])
