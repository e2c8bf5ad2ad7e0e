"""Ports that are handed out before anybody listens on them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tenantry_api.up.ports import free_ports, is_free

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


@pytest.mark.skipif(not _OUTGOING.exists(), reason="only Linux says so here")
def test_no_port_is_one_that_an_outgoing_connection_may_be_given() -> None:
    # Connecting to such a port before its server listens can succeed: with oneself.
    first = int(_OUTGOING.read_text().split()[0])
    assert all(free_ports(2) + 1 < first for _ in range(200))
