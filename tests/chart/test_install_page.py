"""docs/install.md is what somebody types: its values and manifests are accepted, its Secrets are the ones read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tenantry_crds.manifest import parse
from tests.support.helm import CHART, KUBERNETES, Rendered, helm, render_anew

_PAGE = (Path(__file__).parents[2] / "docs" / "install.md").read_text()
_README = (CHART / "README.md").read_text()
# A command, over as many lines as it takes.
_HELM = r"^    helm (?:install|upgrade) (?:.*\\\n)*.*"
_FILES: dict[str, str] = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", _PAGE, re.DOTALL))


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    return render_anew(_FILES["values.yaml"])


def _secrets(value: object) -> set[tuple[str, str]]:
    """Each Secret and key that is read, wherever it stands."""
    if isinstance(value, list):
        return {found for it in value for found in _secrets(it)}
    if not isinstance(value, dict):
        return set()
    reference: Any = value.get("secretKeyRef")
    named = {(reference["name"], reference["key"])} if reference else set()
    mounted = {(value["secretName"], it["key"]) for it in value.get("items", [])} if "secretName" in value else set()
    return named | mounted | {found for it in value.values() for found in _secrets(it)}


def test_the_secrets_of_the_page_are_those_that_are_read(rendered: Rendered) -> None:
    written = {
        (name, key)
        for name, files in re.findall(r"create secret generic (\S+) ((?:\\\n|.)*)", _PAGE)
        for key in re.findall(r"--from-file=(\S+)", files)
    }
    # The Ingress controller reads its certificate by itself.
    assert _secrets(list(rendered.objects)) == written


def test_the_manifests_of_the_page_are_valid() -> None:
    kinds = [type(parse(document)).__name__ for document in yaml.safe_load_all(_FILES["vision.yaml"])]
    assert kinds == ["Workspace", "Project"]


def test_the_images_that_are_built_are_those_that_are_run(rendered: Rendered) -> None:
    built = set(re.findall(r"Dockerfile:(\S+?)[ ;]", _PAGE))
    assert built == {"operator", "api", "backend"}
    assert set(re.findall(r"registry\.example\.org/tenantry-([\w-]+):", rendered.text)) == built


def test_what_the_page_calls_by_name_is_there(rendered: Rendered) -> None:
    names = {it["metadata"]["name"] for it in rendered.objects}
    called = set(re.findall(r"(?:job|svc)[ /](tenantry-[\w-]+)", _PAGE))
    assert called == {"tenantry-migration", "tenantry-tenant-api"}
    assert called <= names


def test_helm_waits_for_longer_than_the_migration_may_take() -> None:
    migration = yaml.safe_load((CHART / "values.yaml").read_text())["migration"]
    typed = [it for page in (_PAGE, _README) for it in re.findall(_HELM, page, re.MULTILINE)]
    whole = [it for it in typed if "…" not in it]
    assert len(whole) == 4
    for command in whole:
        minutes = re.search(r"--timeout (\d+)m", command)
        assert minutes, command
        assert int(minutes[1]) * 60 > migration["activeDeadlineSeconds"], command


def test_without_hooks_the_migration_can_be_had_by_itself(tmp_path: Path) -> None:
    """The commands of the page, as they are typed there."""
    values = tmp_path / "values.yaml"
    values.write_text(_FILES["values.yaml"])
    typed = [it.replace("\\\n", "") for it in re.findall(r"^    helm template ((?:.*\\\n)*.*) >", _PAGE, re.MULTILINE)]
    migration, rest = (_template(it.replace("charts/tenantry", str(CHART)), values) for it in typed)
    assert [it["metadata"]["name"] for it in migration.all("Job")] == ["tenantry-migration"]
    assert {it["metadata"]["labels"]["app.kubernetes.io/component"] for it in migration.objects} == {"migration"}
    assert rest.all("Job") == rest.all("Pod") == []
    assert "helm.sh/hook" not in rest.text


def _template(arguments: str, values: Path) -> Rendered:
    words = [str(values) if word == "values.yaml" else word for word in arguments.split()]
    done = helm("template", *words, "--kube-version", KUBERNETES)
    assert done.returncode == 0, done.stderr
    return Rendered(done.stdout)


def test_every_value_that_the_page_names_exists(rendered: Rendered) -> None:
    page = (Path(__file__).parents[2] / "docs" / "chart-values.md").read_text()
    groups = "crds|operator|tenantApi|backend|database|storage|oidc|audit|networkPolicy|ingress|httpRoute|global"
    named = set(re.findall(rf"[` ]((?:{groups})(?:\.[a-zA-Z]+)+)[`=:]", _PAGE))
    assert len(named) > 8
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []
