"""ServiceAccounts of a cluster, and how a test's program asks as one of them."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.support.apiserver import ApiServer

__all__ = ["kubeconfig_of"]


def kubeconfig_of(server: ApiServer, namespace: str, account: str, file: Path) -> Path:
    """Write one with the token that the account's pods have."""
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made = server.ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", asked)
    written = yaml.safe_load(server.kubeconfig.read_text())
    written["users"][0]["user"] = {"token": made.body["status"]["token"]}
    file.write_text(yaml.safe_dump(written))
    return file
