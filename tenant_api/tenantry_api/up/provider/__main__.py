"""`python -m tenantry_api.up.provider`: the development provider, until SIGTERM."""

from __future__ import annotations

import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn
import yaml

from tenantry_api.up.provider.app import make_app
from tenantry_api.up.provider.keys import load_or_create
from tenantry_api.up.provider.settings import Settings, load_users
from tenantry_api.up.provider.state import Provider

__all__ = ["main"]


def main() -> int:
    """0 after SIGTERM; 2 when a setting is wrong, with a line that says which and why."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    log = structlog.get_logger("tenantry.provider")
    try:
        settings = Settings()
        listener = _bind(settings)
        provider = _make(settings, _issuer(settings, listener))
    except (OSError, ValueError, yaml.YAMLError) as error:
        log.error("provider_refused_to_start", reason=str(error))  # noqa: TRY400  # the reason is enough
        return 2
    log.warning("development_provider_ready", issuer=provider.issuer, users=_described(provider))
    _serve(provider, listener)
    return 0


def _serve(provider: Provider, listener: socket.socket) -> None:
    server = uvicorn.Server(uvicorn.Config(make_app(provider), access_log=False, log_config=None))

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # For a signal that comes before uvicorn listens for it, and for the same signal once more: uvicorn raises it again
    # when it is done, which would end a clean stop with the signal's exit code.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=[listener])


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family)


def _issuer(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    issuer = f"http://{host}:{listener.getsockname()[1]}"
    if settings.oidc_issuer not in {"", issuer}:
        raise ValueError(
            f"TENANTRY_OIDC_ISSUER names {settings.oidc_issuer}, a real issuer: the development provider, in which "
            f"anybody can be anybody, does not run beside it. Unset one of the two."
        )
    return issuer


def _make(settings: Settings, issuer: str) -> Provider:
    return Provider(
        issuer=issuer,
        client_url=settings.public_url.rstrip("/"),
        key=load_or_create(settings.provider_key_file),
        users=load_users(settings.provider_users_file),
    )


def _described(provider: Provider) -> list[str]:
    return [f"{user.username} <{user.email}> {', '.join(user.groups) or '-'}" for user in provider.users.values()]


if __name__ == "__main__":
    sys.exit(main())
