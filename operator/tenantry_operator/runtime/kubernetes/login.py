"""Who the operator is to the API server: the pod's ServiceAccount, or else the user of a kubeconfig."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

import kopf
import yaml

from tenantry_operator.errors import OperatorError

__all__ = ["Login", "log_in"]

# Tokens of ServiceAccounts are replaced long before they end: client-go looks as often.
_FRESH_SECONDS: Final = 60.0


class Login:
    """Thread-safe. Knows the token of a minute ago at worst."""

    def __init__(
        self, ask: Callable[[], kopf.ConnectionInfo] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask, self._clock = ask or log_in, clock
        self._lock = Lock()
        self._known, self._asked_at = self._ask(), clock()

    @property
    def server(self) -> str:
        return self._known.server.rstrip("/")

    def trusted(self) -> ssl.SSLContext:
        """Trust the cluster's own authority, and show the client's certificate if there is one."""
        return self._known.as_ssl_context()

    def headers(self) -> dict[str, str]:
        with self._lock:
            if self._clock() - self._asked_at >= _FRESH_SECONDS:
                self._known, self._asked_at = self._ask(), self._clock()
            return self._known.as_http_headers()


def log_in() -> kopf.ConnectionInfo:
    """Raises OperatorError where neither is to be found. Of a kubeconfig, tokens, passwords and certificates count: no
    plugins.
    """
    settings = kopf.OperatorSettings()
    try:
        found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    except (kopf.LoginError, OSError, KeyError, yaml.YAMLError) as error:
        raise OperatorError(f"the kubeconfig cannot be used: {error}") from error
    if found is None:
        raise OperatorError("no way to the API server: run as a pod with a ServiceAccount's token, or set KUBECONFIG")
    return found
