"""Who the operator is to the API server."""

from __future__ import annotations

from pathlib import Path

import kopf
import pytest

from tenantry_operator.errors import OperatorError
from tenantry_operator.runtime.kubernetes.login import Login, log_in

_CONFIG = """
apiVersion: v1
kind: Config
current-context: {context}
clusters: [{{name: here, cluster: {{server: "https://api.example.org:6443/"}}}}]
users: [{{name: us, user: {{token: first}}}}]
contexts: [{{name: here, context: {{cluster: here, user: us}}}}]
"""


def test_a_token_that_was_replaced_is_used_within_a_minute() -> None:
    now, token = 0.0, "first"
    login = Login(lambda: kopf.ConnectionInfo(server="https://api.example.org", token=token), clock=lambda: now)
    token, now = "second", 59.0
    assert login.headers() == {"Authorization": "Bearer first"}
    now = 60.0
    assert login.headers() == {"Authorization": "Bearer second"}


def test_a_kubeconfig_says_where_and_who(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(_CONFIG.format(context="here"))
    monkeypatch.setenv("KUBECONFIG", str(config))
    login = Login()
    assert (login.server, login.headers()) == ("https://api.example.org:6443", {"Authorization": "Bearer first"})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "set KUBECONFIG"),
        (_CONFIG.format(context="elsewhere"), "the kubeconfig cannot be used: 'elsewhere'"),
        ("{", "the kubeconfig cannot be used: while parsing"),
    ],
    ids=["none", "a context that is not there", "no YAML"],
)
def test_without_a_way_in_it_says_what_to_do(
    config: str | None, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if config is not None:
        (tmp_path / ".kube").mkdir()
        (tmp_path / ".kube" / "config").write_text(config)
    with pytest.raises(OperatorError, match=words):
        log_in()
