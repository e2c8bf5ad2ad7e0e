"""The client's own list of what it asked for: one line a request, with the id that the door gave it.

It only looks on: every request and answer passes through as the stock client made and got it.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import requests

__all__ = ["keep", "read"]

_ID = "X-Tenantry-Request-Id"


def keep(file: Path) -> None:
    """From now on, append each request of this process that got an answer to `file`."""
    send = requests.Session.send
    lock = threading.Lock()

    def looked_on(session: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        response = send(session, request, **kwargs)
        line = {
            "id": response.headers.get(_ID),
            "method": request.method,
            "path": request.path_url,
            "status": response.status_code,
        }
        with lock, file.open("a") as ledger:
            ledger.write(json.dumps(line) + "\n")
        return response

    requests.Session.send = looked_on  # type: ignore[method-assign]


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
