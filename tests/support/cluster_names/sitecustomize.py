"""Stands in for a cluster's DNS in a program of its own: each name of a Service leads to one port on loopback."""

from __future__ import annotations

import os
import socket
from typing import Any

_ask = socket.getaddrinfo


def getaddrinfo(host: Any, port: Any, *others: Any, **named: Any) -> Any:
    if str(host).endswith(".svc"):
        host, port = "127.0.0.1", int(os.environ["TEST_SERVICES"])
    return _ask(host, port, *others, **named)


socket.getaddrinfo = getaddrinfo
