"""Ports for programs whose address has to be known before they listen."""

from __future__ import annotations

import random
import socket

__all__ = ["free_ports", "is_free"]

# Below the range that Linux takes ports of outgoing connections from (ip_local_port_range starts at 32768). Inside of
# it, somebody who asks whether the port answers yet can be given that very port, and then talks to himself.
_RANGE = range(20_000, 32_000)


def free_ports(count: int = 1) -> int:
    """The first of `count` ports in a row of 127.0.0.1 that were free a moment ago."""
    while True:
        first = random.choice(_RANGE)  # noqa: S311 - no secret
        if all(is_free(port) for port in range(first, first + count)):
            return first


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: what an ended connection still holds is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
