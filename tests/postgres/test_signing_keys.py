"""The cluster's signing keys in the catalog: what signs is there, what no longer signs is not."""

from __future__ import annotations

from typing import Any

from tenantry_catalog.engine import sync_engine
from tenantry_operator.signing_keys import publish_keys
from tests.support.postgres import CatalogDatabase

OLD, NEW = {"kid": "old", "kty": "RSA", "n": "1"}, {"kid": "new", "kty": "RSA", "n": "2"}
CLUSTER = "https://kubernetes.default.svc.cluster.local"

# What is published one after the other, and what is then there.
TURNS: list[tuple[str, dict[str, Any], set[tuple[str, str, str]]]] = [
    (CLUSTER, {"old": OLD}, {(CLUSTER, "old", "1")}),
    (CLUSTER, {"old": OLD, "new": NEW}, {(CLUSTER, "old", "1"), (CLUSTER, "new", "2")}),
    (CLUSTER, {"new": NEW | {"n": "3"}}, {(CLUSTER, "new", "3")}),
    ("https://another.example.org", {"new": NEW}, {("https://another.example.org", "new", "2")}),
]


def test_keys_come_change_and_go_with_those_of_the_cluster(catalog: CatalogDatabase) -> None:
    engine = sync_engine(catalog.operator_url, application="test")

    def there() -> set[tuple[str, str, str]]:
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT issuer, kid, jwk ->> 'n' FROM catalog.cluster_key")
            return {tuple(row) for row in rows}

    def revision() -> int:
        with engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT value FROM catalog.revision").scalar_one())

    for issuer, keys, expected in TURNS:
        publish_keys(engine, issuer, keys)
        assert there() == expected
        settled = revision()
        publish_keys(engine, issuer, keys)
        assert revision() == settled
    engine.dispose()
