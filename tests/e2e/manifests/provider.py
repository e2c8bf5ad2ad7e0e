"""The development provider in a pod: `python provider.py ISSUER PUBLIC_URL`, with users.yaml beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from tenantry_api.up.provider.app import make_app
from tenantry_api.up.provider.keys import load_or_create
from tenantry_api.up.provider.settings import load_users
from tenantry_api.up.provider.state import Provider


def main(issuer: str, public_url: str) -> None:
    key = load_or_create(Path("/var/lib/provider/key.pem"))
    provider = Provider(issuer, public_url, key, load_users(Path(__file__).with_name("users.yaml")))
    uvicorn.run(make_app(provider), host="0.0.0.0", port=8080)  # noqa: S104  # a pod's own network


if __name__ == "__main__":
    main(*sys.argv[1:])
