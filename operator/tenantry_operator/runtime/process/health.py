"""Ask a server whether it works, the way the door asks it anything: with the secret."""

from __future__ import annotations

import http.client
import select
import time
from collections.abc import Callable
from typing import Final

__all__ = ["answers"]

_HEADER: Final = "X-Tenantry-Backend-Secret"
# Seconds between two looks at whether it is still worth waiting. The answer itself is not polled for.
_LOOK: Final = 0.05


def answers(port: int, secret: str, *, deadline: float, hopeless: Callable[[], bool]) -> bool:
    """Whether `/health` is answered with 200 before the monotonic time `deadline`, or before it is `hopeless`.

    The listening socket is there before the server is, so one request waits in its queue; none is repeated.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health", headers={_HEADER: secret, "Connection": "close"})
        while time.monotonic() < deadline and not hopeless():
            if select.select([connection.sock], [], [], _LOOK)[0]:
                return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False  # It closed the connection: it is on its way out.
    finally:
        connection.close()
    return False
