"""The operator's calls to the API server."""

from __future__ import annotations

import pytest

from tenantry_operator.runtime.kubernetes import connect
from tests.support.apiserver import ApiServer


def test_a_watch_that_has_nothing_to_tell_lasts_as_long_as_was_asked(
    kubernetes: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
    client = connect(per_second=10)
    version = next(client.pages("Secret", "default"))[0]
    # Longer than a connection may take, and than nothing at all.
    told = [event["type"] for event in client.watch("Secret", "default", "", version, seconds=7)]
    assert set(told) <= {"BOOKMARK"}
