"""`tenantry login`: sign in with a browser anywhere, and keep a token here."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from tenantry_api.cli import credentials, device_flow
from tenantry_api.cli.client import DEFAULT_URL, Client, UrlOption

__all__ = ["login"]


def login(
    url: UrlOption = "",
    name: Annotated[str, typer.Option(help="What the token shall be called in your list of tokens.")] = "",
) -> None:
    """Sign in and store a token for this user of this machine.

    Prints an address and a code: open the address in any browser, compare the code, sign in. The token is stored in
    ~/.config/tenantry/credentials (mode 0600), expires after 30 days, and can be revoked like any other.
    """
    stored = credentials.load()
    server = Client(url or stored.current or DEFAULT_URL)
    told = server.call("GET", "/sign-in")
    issuer, device, verifier = device_flow.start(told["issuer"], told["client_id"])
    _ask(device)
    identity = device_flow.id_token(issuer, device, verifier, told["client_id"])
    wanted = {"name": name or f"login on {socket.gethostname()}"}
    created = Client(server.url, identity).call("POST", "/tokens", wanted)
    credential = credentials.Credential(token=created["token"], expires_at=created["expires_at"])
    credentials.save(stored.with_(server.url, credential))
    me = Client(server.url, credential.token).call("GET", "/me")
    typer.echo(f"Signed in at {server.url} as {me['name']}, until {credential.expires_at:%Y-%m-%d %H:%M} UTC.")


def _ask(device: device_flow.Device) -> None:
    """On stderr, so that it is seen when the output goes elsewhere."""
    typer.echo("Open this address in a browser:\n", err=True)
    typer.secho(f"    {device.verification_uri_complete or device.verification_uri}\n", err=True, bold=True)
    typer.echo(f"and compare (or enter) the code {device.user_code}. Waiting ...", err=True)
