"""One API server a file of tests, with our kinds: it is too large to stay for the tests of other folders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from tenantry_crds.meta import SUPPORTED_MLFLOW_VERSIONS
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.template import Templates, migrate
from tests.support.apiserver import ApiServer, api_server
from tests.support.cluster_operator import Installed
from tests.support.kinds import install, kinds, remove
from tests.support.postgres import PostgresServer, catalog_on
from tests.support.requirement import missing
from tests.support.s3 import VersityServer, running_versity


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[ApiServer]:
    """Has both kinds, a workspace's namespace and another. The namespaces stay: to end, one takes longer than we do."""
    with api_server() as server:
        if any(kinds(server).values()):
            missing("apiserver", "the cluster that was given has Tenantry's kinds: give the tests one of their own")
        install(server)
        for name in ("vision", "ws-vision"):
            server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        yield server
        remove(server)


@pytest.fixture(scope="session")
def versity() -> Iterator[VersityServer]:
    with running_versity() as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_schema(postgres_server: PostgresServer) -> None:
    """Made here and now: on a cluster a Job makes it, and no pod runs here."""
    administrator = Administrator(SecretStr(postgres_server.admin_url))
    Templates(administrator, migrate).ensure(SUPPORTED_MLFLOW_VERSIONS[-1])


@pytest.fixture(scope="module")
def installed(
    kubernetes: ApiServer,
    postgres_server: PostgresServer,
    versity: VersityServer,
    mlflow_schema: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installed]:
    """An installation with a fresh catalog and nothing in it."""
    with catalog_on(postgres_server) as catalog:
        place = Installed(kubernetes, postgres_server, catalog, versity, tmp_path_factory.mktemp("operators"))
        kubernetes.ask("POST", "/api/v1/namespaces", {"metadata": {"name": place.installation}})
        yield place
