"""New credentials while people work: no request fails, and the old ones open nothing any more."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
from botocore.exceptions import ClientError
from sqlalchemy import make_url

from tests.support.figures import Figure
from tests.support.installation import Installation
from tests.support.people import SERVED, people_at_work
from tests.support.services import Services
from tests.support.wait import until

_PEOPLE = 4


def test_credentials_are_replaced_under_load_without_a_failed_request(
    installation: Installation, figure: Figure
) -> None:
    cluster, caller = installation.cluster, installation.caller("alice", "vision", "detection")
    until(lambda: caller.mlflow("GET", "experiments/get?experiment_id=0").status == 200, deadline=90, what="detection")
    old = _credentials(installation)
    with people_at_work([caller] * _PEOPLE) as answers:
        until(lambda: answers.total() > 50, deadline=60, what="people at work")
        begun = time.monotonic()
        asked = f"tenantry.dev/rotate={datetime.now(UTC).isoformat()}"
        cluster.kubectl("-n", "ws-vision", "annotate", "project", "detection", "--overwrite", asked)
        until(lambda: _replaced(old, _credentials(installation)), deadline=90, what="new credentials")
        cluster.rolled_out("deployment/mlflow-detection", "ws-vision")
        until(lambda: _is_retired(installation, old), deadline=120, what="the end of the old credentials")
        figure("rotation: until the old credentials open nothing any more", time.monotonic() - begun)
        served = answers.total()
        until(lambda: answers.total() > served + 50, deadline=60, what="people at work")
    assert set(answers) == {SERVED}, answers
    figure("rotation: requests meanwhile, of which none failed", answers.total(), unit="")
    new = _credentials(installation)
    assert _opens_bucket(installation.services, new)
    assert _opens_database(installation.services, new)


def _credentials(installation: Installation) -> dict[str, Any]:
    """The settings that pods of the project get."""
    secret = installation.cluster.get("secret", "mlflow-detection", "ws-vision")
    settings: dict[str, Any] = json.loads(base64.b64decode(secret["data"]["settings.json"]))
    return settings


def _replaced(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return bool(new["database_url"] != old["database_url"] and new["s3"]["access_key"] != old["s3"]["access_key"])


def _is_retired(installation: Installation, old: dict[str, Any]) -> bool:
    return not _opens_bucket(installation.services, old) and not _opens_database(installation.services, old)


def _opens_bucket(services: Services, settings: dict[str, Any]) -> bool:
    s3 = services.client(key=(settings["s3"]["access_key"], settings["s3"]["secret_key"]))
    bucket, _, prefix = settings["artifact_uri"].removeprefix("s3://").partition("/")
    try:
        s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except ClientError:
        return False
    return True


def _opens_database(services: Services, settings: dict[str, Any]) -> bool:
    url = make_url(settings["database_url"])
    assert url.database
    assert url.username
    try:
        services.connect(url.database, url.username, url.password).close()
    except psycopg.OperationalError:
        return False
    return True
