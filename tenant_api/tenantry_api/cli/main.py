"""The `tenantry` command. Each area brings its own module; this one only mounts them."""

from __future__ import annotations

import importlib.metadata

import typer

from tenantry_api.cli import audit, get, token
from tenantry_api.cli.login import login
from tenantry_api.cli.up import up

__all__ = ["app"]

app = typer.Typer(
    name="tenantry",
    help="Isolated MLflow backends behind one audited door.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # Locals hold tokens and passwords.
)
app.command()(up)
app.add_typer(audit.app, name="audit")
app.add_typer(get.app, name="get")
app.command()(login)
app.add_typer(token.app, name="token")


@app.command()
def version() -> None:
    """Print the version of this program."""
    typer.echo(importlib.metadata.version("tenantry"))
