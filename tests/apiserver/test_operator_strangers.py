"""What strangers can do to an operator from a namespace of their own, or from a socket: nothing that it notices."""

from __future__ import annotations

import base64
import os
import re
import socket
from pathlib import Path

from tests.support.cluster_operator import Installed, RunningOperator
from tests.support.wait import until

_SECRETS = 100
_SIZE = 900_000
_MOST = 350_000_000


def most_memory(operator: RunningOperator) -> int:
    """In bytes, since it was started."""
    status = Path(f"/proc/{operator.process.pid}/status").read_text()
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) * 1024


def label_large_secrets(installed: Installed) -> None:
    for number in range(_SECRETS):
        labels = {"tenantry.dev/installation": installed.installation, "tenantry.dev/workspace": installed.workspace}
        secret = {
            "metadata": {"name": f"large-{number}", "labels": labels | {"tenantry.dev/project": "roads"}},
            "data": {"a": base64.b64encode(os.urandom(_SIZE)).decode()},
        }
        assert installed.server.ask("POST", "/api/v1/namespaces/vision/secrets", secret).status == 201


def test_secrets_that_carry_our_labels_elsewhere_are_neither_kept_nor_deleted(installed: Installed) -> None:
    label_large_secrets(installed)
    with installed.running() as operator:
        installed.create_workspace()
        installed.create_project("roads")
        installed.until_applied("roads")
        until(lambda: operator.settled, deadline=30, what="the operator to have nothing left to do")
        assert most_memory(operator) < _MOST
    selected = f"?labelSelector=tenantry.dev/workspace={installed.workspace}"
    left = installed.server.ask("GET", f"/api/v1/namespaces/vision/secrets{selected}").body["items"]
    assert len(left) == _SECRETS
    installed.server.ask("DELETE", "/api/v1/namespaces/vision/secrets")


def test_whoever_connects_to_its_pages_and_says_nothing_is_hung_up_on(installed: Installed) -> None:
    with installed.running("operator-1") as operator:
        until(lambda: operator.figures, deadline=30, what="its pages")
        with socket.create_connection(("127.0.0.1", operator.port), timeout=30) as silent:
            assert silent.recv(1) == b""
