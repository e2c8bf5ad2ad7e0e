"""`tenantry get`: what there is, as far as you may see it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from tenantry_api.cli.client import UrlOption, connect
from tenantry_api.cli.table import age, print_table

__all__ = ["app"]

app = typer.Typer(help="List workspaces, projects, and data without a project.", no_args_is_help=True)


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


@app.command()
def orphans(url: UrlOption = "") -> None:
    """List the projects whose manifest is gone and whose data was kept, in workspaces that you administer or audit."""
    found = connect(url).call("GET", "/orphans")["orphans"]
    columns = ("NAME", "RETIRED", "AGO", "VERSION", "DATABASE", "ARTIFACTS")
    print_table(columns, (_orphan_row(orphan) for orphan in found))


def _orphan_row(orphan: dict[str, Any]) -> tuple[str, ...]:
    name, retired = f"{orphan['workspace']}/{orphan['name']}", orphan["retired_at"]
    places = (escape(orphan["database"] or "-"), escape(orphan["artifacts"] or "-"))
    return name, f"{retired[:16]}Z", age(retired), orphan["version"], *places


def _row(project: dict[str, Any]) -> tuple[str, ...]:
    ready = str(project["ready"])
    told = f"{ready} ({escape(project['message'])})" if project["message"] else ready
    name = f"{project['workspace']}/{project['name']}"
    return name, told, project["version"], project["url"], age(project["created_at"])
