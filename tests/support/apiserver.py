"""A Kubernetes API server for the tests: one that was given, or etcd and kube-apiserver of our own on loopback."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import ssl
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kopf
import pytest
import urllib3
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tenantry_api.up.processes import Command, Process
from tests.support.oidc import free_port
from tests.support.requirement import missing
from tests.support.wait import until

__all__ = ["Answer", "ApiServer", "api_server"]

_PARTS = ("etcd", "kube-apiserver")
_START = 120.0
_AUDIT = "audit.log"
_AUDIT_POLICY = Path(__file__).parents[2] / "hack" / "cluster" / "audit.yaml"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any

    @property
    def message(self) -> str:
        """What people read of a refusal."""
        return str(self.body["message"])


class ApiServer:
    """Calls in JSON, as kubectl makes them, with an administrator's rights. An answer is returned whatever it says."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._user = _user(kubeconfig)
        self._pool = urllib3.PoolManager(maxsize=16, ssl_context=self._user.as_ssl_context(), retries=False)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """`headers` in Python's spelling, like `content_type`."""
        named = {"Accept": "application/json"} | {key.replace("_", "-").title(): it for key, it in headers.items()}
        if body is not None:
            named = {"Content-Type": "application/json"} | named
        content = None if body is None else json.dumps(body, default=lambda it: it.isoformat())  # YAML reads times.
        address = self._user.server.rstrip("/") + path
        response = self._pool.request(method, address, body=content, headers=named | self._user.as_http_headers())
        said = response.data
        is_json = "json" in (response.headers.get("Content-Type") or "")  # Nothing is served there: said in plain text.
        return Answer(response.status, json.loads(said) if is_json else said.decode())

    @property
    def audit(self) -> Path | None:
        """What ServiceAccounts have asked for, an event a line; of a server that was given, nobody knows."""
        log = self.kubeconfig.with_name(_AUDIT)
        return log if log.exists() else None

    def close(self) -> None:
        self._pool.clear()


def _user(kubeconfig: Path) -> kopf.ConnectionInfo:
    """Kopf reads the kubeconfig that the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubeconfig))
        found = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings())
    assert found, kubeconfig
    return found


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """In this order: TENANTRY_TEST_KUBECONFIG, KUBEBUILDER_ASSETS, what `make apiserver` built; else a skip."""
    with ExitStack() as stack:
        given = os.environ.get("TENANTRY_TEST_KUBECONFIG")
        kubeconfig = Path(given) if given else stack.enter_context(_own_server(_binaries()))
        server = ApiServer(kubeconfig)
        stack.callback(server.close)
        yield server


def _binaries() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(assets) if assets else cache / "tenantry" / "cluster" / "bin"
    if not all((folder / part).exists() for part in _PARTS):
        missing("apiserver", f"{folder} has not {' and '.join(_PARTS)}: run make apiserver, or set KUBEBUILDER_ASSETS")
    return folder


@contextmanager
def _own_server(binaries: Path) -> Iterator[Path]:
    """Runs an empty one until the end of the block; its kubeconfig is the administrator's."""
    home = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
    port, token = free_port(), secrets.token_urlsafe()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home)
        etcd = f"http://127.0.0.1:{free_port()}"
        _start(stack, home, binaries / "etcd", _etcd_flags(home, etcd))
        server = _start(stack, home, binaries / "kube-apiserver", _server_flags(home, port, etcd, token))
        url, authority = f"https://127.0.0.1:{port}", home / "apiserver.crt"
        until(lambda: server.check() or _ready(url, authority, token), deadline=_START, what="the API server")
        yield _kubeconfig(home, url, authority, token)


def _start(stack: ExitStack, home: Path, program: Path, flags: dict[str, object]) -> Process:
    argv = (str(program), *(f"--{flag}={value}" for flag, value in flags.items()))
    # With an empty environment: etcd takes settings from there too. Nothing of theirs is worth a gentle end.
    command = Command(program.name, argv, {"HOME": str(home)}, home / f"{program.name}.log", signal.SIGKILL)
    process = Process(command)
    stack.callback(process.stop)
    return process


def _etcd_flags(home: Path, url: str) -> dict[str, object]:
    peers = f"http://127.0.0.1:{free_port()}"
    return {
        "data-dir": home / "etcd",
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
        "log-level": "warn",
        "unsafe-no-fsync": "true",  # What it holds does not outlive the tests.
    }


def _server_flags(home: Path, port: int, etcd: str, token: str) -> dict[str, object]:
    tokens, key = home / "tokens.csv", home / "service-accounts.pem"
    tokens.write_text(f"{token},admin,admin,system:masters\n")
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return {
        "etcd-servers": etcd,
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "secure-port": port,
        "cert-dir": home,  # It makes a certificate for itself there, apiserver.crt.
        "token-auth-file": tokens,
        "audit-policy-file": _AUDIT_POLICY,
        "audit-log-path": home / _AUDIT,
        "authorization-mode": "RBAC",
        "service-cluster-ip-range": "10.96.0.0/16",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": key,
        "service-account-signing-key-file": key,
    }


def _ready(url: str, authority: Path, token: str) -> bool:
    request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {token}"})
    try:
        trust = ssl.create_default_context(cafile=str(authority))
        with urllib.request.urlopen(request, context=trust, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:  # No certificate yet, nobody there yet, or not ready yet.
        return False


def _kubeconfig(home: Path, url: str, authority: Path, token: str) -> Path:
    name, path = "tests", home / "admin.kubeconfig"
    written = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.write_text(yaml.safe_dump(written))
    return path
