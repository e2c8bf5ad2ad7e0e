"""The settings of a cluster's operator as values: files are read once, and one that cannot be used is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tenantry_operator.errors import SettingWrong
from tenantry_operator.site import site_of, storage_of
from tests.support.tls import Authority
from tests.unit.tenantry_operator.test_settings import GOOD, settings

PROVISION = "postgresql://provisioner:hunter2@db/postgres?sslmode=verify-full&sslrootcert="


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return Authority(tmp_path, "authority").certificate


def test_backends_get_copies_of_the_authorities(authority: Path) -> None:
    given = settings(provision_url=f"{PROVISION}{authority}", storage_ca_file=str(authority))
    site = site_of(given)
    assert site.database_authority == site.storage_authority == authority.read_text()
    assert storage_of(given).authority == authority


@pytest.mark.parametrize("root", ["system", "/etc/ssl/certs/ca-certificates.crt", ""])
def test_public_authorities_are_in_each_image(root: str) -> None:
    site = site_of(settings(provision_url=f"{PROVISION}{root}"))
    assert site.database_authority == site.storage_authority == ""
    assert storage_of(settings()).authority is None


@pytest.mark.parametrize("content", [None, "", "no certificate", "größe"])
def test_a_file_without_a_certificate_is_refused_by_its_settings_name(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    for name, value in (("PROVISION_URL", f"{PROVISION}{file}"), ("STORAGE_CA_FILE", str(file))):
        with pytest.raises(SettingWrong, match=f"{file} must be a file with a certificate") as refused:
            site_of(settings(**{name.lower(): value}))
        assert refused.value.name == f"TENANTRY_{name}"
        assert "hunter2" not in str(refused.value)


def test_the_operator_ends_with_two_and_the_settings_name(tmp_path: Path) -> None:
    cluster = {"cluster": {"server": "https://127.0.0.1:1"}, "name": "none"}
    context = {"context": {"cluster": "none", "user": "none"}, "name": "none"}
    known = {"clusters": [cluster], "contexts": [context], "users": [{"name": "none", "user": {}}]}
    (tmp_path / "config").write_text(yaml.safe_dump(known | {"current-context": "none"}))
    given = {f"TENANTRY_{name}".upper(): value for name, value in (GOOD | {"storage_ca_file": "/no/ca.crt"}).items()}
    environment = given | {"KUBECONFIG": str(tmp_path / "config"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "tenantry_operator"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["setting"] == "TENANTRY_STORAGE_CA_FILE"
