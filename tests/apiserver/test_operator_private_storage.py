"""An object store whose certificate an authority of the house signed: the operator trusts it when it is told to."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.apiserver import ApiServer
from tests.support.cluster_operator import Installed
from tests.support.postgres import PostgresServer, catalog_on
from tests.support.s3 import running_versity
from tests.support.s3_tls import TlsVersityServer


@pytest.fixture
def installed(
    kubernetes: ApiServer, postgres_server: PostgresServer, *, mlflow_schema: None, tmp_path_factory: Any
) -> Iterator[Installed]:
    with catalog_on(postgres_server) as catalog, running_versity(TlsVersityServer) as storage:
        place = Installed(kubernetes, postgres_server, catalog, storage, tmp_path_factory.mktemp("operators"))
        kubernetes.ask("POST", "/api/v1/namespaces", {"metadata": {"name": place.installation}})
        yield place


def test_it_is_said_what_to_set_and_then_backends_trust_it_too(installed: Installed) -> None:
    with installed.running(storage_ca_file=""):
        installed.create_workspace()
        installed.create_project("roads")
        found = installed.until_condition(installed.path("roads"), "StorageReady", status="False")
        assert "the storage's certificate is refused" in found["message"]
        assert "storage.caSecret of the chart (TENANTRY_STORAGE_CA_FILE)" in found["message"]
    with installed.running():
        installed.until_condition(installed.path("roads"), "StorageReady", status="True")
        installed.until_applied("roads")
    path = f"/api/v1/namespaces/{installed.namespace}/secrets/mlflow-roads"
    files = {name: base64.b64decode(text) for name, text in installed.server.ask("GET", path).body["data"].items()}
    assert installed.storage.authority
    assert files["storage-ca.crt"] == installed.storage.authority.read_bytes()
    assert json.loads(files["settings.json"])["s3"]["ca_file"] == "/etc/tenantry/backend/storage-ca.crt"
