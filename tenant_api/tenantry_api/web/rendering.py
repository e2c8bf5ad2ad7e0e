"""Render a page, with the headers that every page has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

__all__ = ["TEMPLATES", "html", "page_headers", "render"]

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """`values` as in `html`."""
    headers = page_headers(request.app.state.services.settings.oidc_issuer)
    return HTMLResponse(html(template, here=request.url.path, **values), status, headers=headers)


def html(template: str, *, here: str, **values: object) -> str:
    """`values` over what the frame needs when nobody is signed in; `here` is the page's path."""
    frame = {"csrf": None, "here": here, "me": None, "may_audit": False, "now": datetime.now(UTC)}
    return TEMPLATES.get_template(template).render(frame | values)


def page_headers(oidc_issuer: str, *, connect: str = "'none'") -> dict[str, str]:
    """Scripts and styles from our own files alone; a form's redirect may also go to the issuer, to sign out there.

    `connect` is whom the page's scripts may ask.
    """
    issuer = urlsplit(oidc_issuer)
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {connect}; "
        "base-uri 'none'; "
        f"frame-ancestors 'none'; form-action 'self' {issuer.scheme}://{issuer.netloc}"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _when(at: datetime | None) -> str:
    """In UTC, as records have it; a page does not know where its reader is."""
    return "never" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


TEMPLATES.filters["when"] = _when
