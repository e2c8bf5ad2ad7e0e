"""Values are documented, checked, and refused with their name where they do not fit together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hack import generate_chart_docs

from tests.support.helm import CHART, KUBERNETES, MINIMAL, helm, refusal

_SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

# Values, and what helm says of them.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt value": ({"publicURL": "https://x"}, "additional properties 'publicURL' not allowed"),
    "a misspelt value further down": ({"oidc": {"issuerUrl": "x"}}, "additional properties 'issuerUrl' not allowed"),
    "no address": ({"publicUrl": ""}, "at '/publicUrl': '' does not match pattern"),
    "an address with a path": ({"publicUrl": "https://x.org/mlflow"}, "at '/publicUrl'"),
    "an address without a scheme": ({"publicUrl": "x.org"}, "at '/publicUrl'"),
    "no database": ({"database": {"existingSecret": ""}}, "at '/database/existingSecret'"),
    "no key for the record": ({"audit": {"signingKeySecret": ""}}, "at '/audit/signingKeySecret'"),
    "no identity provider": ({"oidc": {"issuer": ""}}, "at '/oidc/issuer'"),
    "a password in place of a Secret": ({"database": {"existingSecret": "postgresql://u:p@h/d"}}, "/existingSecret'"),
    "a log that dies with its pod": (
        {"tenantApi": {"persistence": {"enabled": False}}},
        "at '/tenantApi/persistence/enabled': value must be true",
    ),
    "an emptyDir": ({"tenantApi": {"persistence": {"emptyDir": {}}}}, "additional properties 'emptyDir' not allowed"),
    "two ways in": (
        {"ingress": {"enabled": True}, "httpRoute": {"enabled": True, "parentRefs": [{"name": "g"}]}},
        "at '/httpRoute/enabled': value must be false",
    ),
    "a route from nowhere": ({"httpRoute": {"enabled": True}}, "at '/httpRoute/parentRefs': minItems"),
    "IAM without its administrator": ({"storage": {"existingSecret": ""}}, "at '/storage/existingSecret'"),
    "MinIO without its administrator": (
        {"storage": {"driver": "minio-admin", "existingSecret": "", "endpoint": "http://minio:9000"}},
        "at '/storage/existingSecret'",
    ),
    "MinIO without its address": ({"storage": {"driver": "minio-admin"}}, "at '/storage/endpoint': minLength"),
    "an administrator that nobody asks for": (
        {"storage": {"driver": "given"}},
        "at '/storage/existingSecret': value must be ''",
    ),
    "an IAM API of nobody": (
        {"storage": {"driver": "given", "existingSecret": "", "iamEndpoint": "http://iam"}},
        "at '/storage/iamEndpoint': value must be ''",
    ),
    "an identity beside a key": ({"storage": {"ownIdentity": True}}, "at '/storage/existingSecret': value must be ''"),
    "an identity of nobody": (
        {"storage": {"driver": "given", "existingSecret": "", "ownIdentity": True}},
        "at '/storage/ownIdentity': value must be false",
    ),
    "an unknown driver": ({"storage": {"driver": "nfs"}}, "at '/storage/driver': value must be one of"),
    "kinds of others taken away": ({"crds": {"install": False, "keep": False}}, "at '/crds/keep': value must be true"),
    "a namespace of no workspace": ({"operator": {"watchNamespaces": ["vision"]}}, "at '/operator/watchNamespaces/0'"),
    "a namespace twice": ({"operator": {"watchNamespaces": ["ws-a", "ws-a"]}}, "at '/operator/watchNamespaces'"),
    "a digest that is none": ({"backend": {"image": {"digest": "sha256:1"}}}, "at '/backend/image/digest'"),
    "a tag in the repository": (
        {"operator": {"image": {"repository": "tenantry-operator:1"}}},
        "at '/operator/image/repository'",
    ),
    "a setting beside its value": (
        {"operator": {"extraEnv": [{"name": "TENANTRY_PUBLIC_URL", "value": "https://x"}]}},
        "at '/operator/extraEnv/0/name': 'not' failed",
    ),
    "a variable without a name": ({"tenantApi": {"extraEnv": [{"value": "x"}]}}, "missing property 'name'"),
    "a variable that is a number": (
        {"tenantApi": {"extraEnv": [{"name": "LIMIT", "value": 5}]}},
        "at '/tenantApi/extraEnv/0/value': got number, want string",
    ),
    "a spread over nothing": (
        {"operator": {"topologySpreadConstraints": [{"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}]}},
        "at '/operator/topologySpreadConstraints/0': missing property 'topologyKey'",
    ),
    "a time that is none": ({"httpRoute": {"timeouts": {"request": "30 min"}}}, "at '/httpRoute/timeouts/request'"),
    "no replica": ({"tenantApi": {"replicas": 0}}, "at '/tenantApi/replicas': minimum"),
    "a port that is none": ({"networkPolicy": {"database": {"ports": [0]}}}, "at '/networkPolicy/database/ports/0'"),
    "root's group": ({"tenantApi": {"fsGroup": 0}}, "at '/tenantApi/fsGroup': minimum"),
    "an installation that is no label": ({"installation": "a" * 64}, "at '/installation': maxLength"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_by_its_name(case: str) -> None:
    values, message = REFUSED[case]
    assert message in refusal(values)


def test_what_has_to_be_given_is_listed_at_once() -> None:
    said = helm("template", "tenantry", str(CHART), "--kube-version", KUBERNETES).stderr
    for value in (
        "publicUrl",
        "database/existingSecret",
        "storage/existingSecret",
        "oidc/issuer",
        "audit/signingKeySecret",
    ):
        assert f"at '/{value}'" in said


def test_a_name_that_makes_no_label_is_refused_with_its_remedy() -> None:
    long = helm(
        *("template", "a" * 53, str(CHART), "--namespace", "b" * 40, "--kube-version", KUBERNETES),
        *("--values", str(MINIMAL)),
    )
    assert "longer than the 63 characters of a label; set a shorter one" in long.stderr


def test_an_older_kubernetes_is_refused() -> None:
    refused = helm("template", "t", str(CHART), "--kube-version", "1.29.0", "--values", str(MINIMAL))
    assert "requires kubeVersion" in refused.stderr


def test_every_value_has_a_comment() -> None:
    assert [value.path for value in generate_chart_docs.values() if value.leaf and not value.comment] == []


def test_what_cannot_change_later_says_so() -> None:
    """It becomes a StatefulSet's volumeClaimTemplates."""
    claims = [it for it in generate_chart_docs.values() if it.path.startswith("tenantApi.persistence.")]
    said = {it.path.rpartition(".")[2] for it in claims if "only at the first install" in it.comment}
    assert said == {"storageClassName", "size", "accessModes", "annotations"}


def test_the_schema_knows_the_values_and_no_others() -> None:
    """But for a limit of CPU, which may be set and is not: it slows down what the node has time for."""
    written = {value.path for value in generate_chart_docs.values() if value.leaf}
    known = set(_leaves(_SCHEMA, ()))
    assert written - known == set()
    assert {path for path in known - written if not path.endswith(".limits.cpu")} == set()


def test_every_group_of_values_is_closed() -> None:
    """What is misspelt must not be taken for nothing. `global` is shared with other charts, amounts have any name."""
    open_groups = {path for path, group in _groups(_SCHEMA, ()) if group.get("additionalProperties") is not False}
    amounts = {
        f"{part}.resources.{kind}" for part in ("operator", "tenantApi", "migration") for kind in ("requests", "limits")
    }
    assert open_groups == {"global", *amounts}


def test_the_page_of_values_is_fresh() -> None:
    assert generate_chart_docs.main(["--check"]) == 0


def test_a_stale_page_is_named_with_its_remedy(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate_chart_docs, "PAGE", tmp_path / "chart-values.md")
    assert generate_chart_docs.main(["--check"]) == 1
    assert "run python hack/generate_chart_docs.py" in capsys.readouterr().err
    assert generate_chart_docs.main([]) == 0
    assert generate_chart_docs.main(["--check"]) == 0


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return _SCHEMA["definitions"][reference.rpartition("/")[2]] if reference else schema


def _groups(schema: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object with properties of its own."""
    schema = _resolved(schema)
    if "properties" in schema:
        yield ".".join(path), schema
        for key, it in schema["properties"].items():
            yield from _groups(it, (*path, key))


def _leaves(schema: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    schema = _resolved(schema)
    if "properties" not in schema:
        yield ".".join(path)
    for key, it in schema.get("properties", {}).items():
        yield from _leaves(it, (*path, key))
