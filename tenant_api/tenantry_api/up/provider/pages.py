"""The provider's pages, and the headers that keep them to themselves."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from tenantry_api.up.provider.state import Provider

__all__ = ["page", "provider_of", "style", "trouble"]

_HERE = Path(__file__).parent
# One look for the provider and for the door's own pages.
_STYLE = _HERE.parents[1] / "web" / "static" / "tenantry.css"
_TEMPLATES = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined)


def provider_of(request: Request) -> Provider:
    provider: Provider = request.app.state.provider
    return provider


def page(provider: Provider, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    html = _TEMPLATES.get_template(template).render(issuer=provider.issuer, **values)
    return HTMLResponse(html, status, headers=_headers(provider))


def trouble(provider: Provider, message: str) -> HTMLResponse:
    """For what may not be redirected back: we do not know whether the client is who it says."""
    return page(provider, "trouble.html", status=400, message=message)


async def style(_request: Request) -> Response:
    return FileResponse(_STYLE, media_type="text/css")


def _headers(provider: Provider) -> dict[str, str]:
    # A form's redirect is held to form-action too, so the client's address stands beside our own.
    policy = (
        f"default-src 'none'; style-src 'self'; form-action 'self' {provider.client_url}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
