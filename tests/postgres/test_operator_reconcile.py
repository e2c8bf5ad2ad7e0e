"""The operator on a real PostgreSQL: what manifests become, what follows when they change, break and go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tenantry_operator.plan.naming import database_name
from tests.support.operator import Home, home_on, running_operator
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.wait import until


@pytest.fixture
def home(postgres_server: PostgresServer, catalog: CatalogDatabase, tmp_path: Path) -> Iterator[Home]:
    with home_on(postgres_server, catalog, tmp_path) as home:
        yield home


def remember(home: Home, project: str, text: str) -> None:
    """Leave something in the project's own database."""
    with psycopg.connect(home.server.url(f"tnt_{home.workspace}_{project}")) as connection:
        connection.execute("CREATE TABLE keepsake (text) AS SELECT %s", (text,))


def remembered(home: Home, project: str) -> str:
    with psycopg.connect(home.server.url(f"tnt_{home.workspace}_{project}")) as connection:
        (text,) = connection.execute("SELECT text FROM keepsake").fetchone() or ("",)
        return str(text)


def files(home: Home) -> set[str]:
    """What lies in the state directory, artifacts and passwords alike."""
    state = home.directory / "state"
    return {str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()}


def test_manifests_become_ready_projects(home: Home) -> None:
    home.write_workspace("{displayName: Vision, access: [{role: auditor, groups: [compliance]}]}")
    home.write_project(
        "roads", "displayName: Roads, access: [{role: viewer, users: [carol@example.org], effect: deny}]"
    )
    home.write_project("signs", "quota: {runs: 5}, promotion: {requireReason: true}")
    with running_operator(home):
        home.until_ready("roads", "signs")
    assert home.condition("roads") == ("True", "Ready", "all probes succeed")
    assert home.project("roads")["display_name"] == "Roads"
    assert home.project("signs")["quota"] == {"runs": 5}
    assert home.project("signs")["promotion"]["requireReason"] is True
    grants = home.query('SELECT project, role, effect, subject_kind, subject FROM catalog."grant" ORDER BY role')
    assert [tuple(grant.values()) for grant in grants] == [
        (None, "auditor", "allow", "group", "compliance"),
        ("roads", "viewer", "deny", "user", "carol@example.org"),
    ]


def test_a_second_pass_writes_nothing(home: Home) -> None:
    home.write_workspace("{access: [{role: viewer, groups: [a, b], expires: 2030-01-01T00:00:00Z}]}")
    home.write_project("roads", "access: [{role: admin, users: [a@example.org]}]")
    with running_operator(home):
        home.until_ready("roads")
    before, databases = home.revision(), home.databases()
    with running_operator(home) as runtime:
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        assert home.revision() == before + 1  # The server that was wanted; nothing else.
        assert runtime.starts == [home.key("roads")]
    assert home.databases() == databases
    assert home.revision() == before + 2  # And that it is stopped.


def test_an_edit_converges(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads", "access: [{role: viewer, users: [a@example.org, b@example.org]}]")
    with running_operator(home):
        home.until_ready("roads")
        home.write_project("roads", "displayName: Roads, access: [{role: viewer, users: [b@example.org]}]")
        until(lambda: home.project("roads")["display_name"] == "Roads")
        grants = home.query('SELECT subject FROM catalog."grant"')
        assert grants == [{"subject": "b@example.org"}]


def test_a_removed_manifest_keeps_the_data_which_is_found_again(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads", "access: [{role: viewer, users: [a@example.org]}]")
    with running_operator(home):
        home.until_ready("roads")
        remember(home, "roads", "still here")
        home.remove("roads.yaml")
        until(lambda: home.project("roads")["retired_at"])
        assert home.condition("roads")[:2] == ("False", "Retired")
        assert home.query('SELECT * FROM catalog."grant"') == []
        home.write_project("roads")
        home.until_ready("roads")
        assert home.project("roads")["retired_at"] is None
    assert remembered(home, "roads") == "still here"


def test_a_manifest_that_went_while_nobody_looked_is_found_out(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads")
    home.write_project("signs", "deletionPolicy: Delete")
    with running_operator(home):
        home.until_ready("roads", "signs")
    home.remove("roads.yaml")
    home.remove("signs.yaml")
    with running_operator(home):
        until(lambda: home.project("roads")["retired_at"])
        until(lambda: not home.project("signs"))
    names = {name.split()[1] for name in home.databases()}
    assert names == {f"tnt_{home.workspace}_roads"}


def test_delete_takes_everything(home: Home) -> None:
    home.write_workspace("{deletionPolicy: Delete}")
    home.write_project("roads", "deletionPolicy: Delete, access: [{role: viewer, users: [a@example.org]}]")
    with running_operator(home):
        home.until_ready("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        home.remove("roads.yaml")
        home.remove(f"{home.workspace}.yaml")
        until(lambda: not home.query("SELECT * FROM catalog.workspace"), deadline=30)
    assert not home.databases()
    for table in ("project", '"grant"', "backend", "demand"):
        assert home.query(f"SELECT * FROM catalog.{table}") == []
    assert files(home) == set()


def test_archive_keeps_and_says_so(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads", "deletionPolicy: Archive")
    with running_operator(home):
        home.until_ready("roads")
        assert "Archive" in home.condition("roads")[2]
        home.remove("roads.yaml")
        until(lambda: home.project("roads")["retired_at"])
    assert "Archive" in home.condition("roads")[2]
    assert home.databases()


def test_a_broken_manifest_is_named_and_stays_in_force_while_others_go_on(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_workspace()
    home.write_project("roads", "displayName: Roads")
    with running_operator(home):
        home.until_ready("roads")
        home.write_project("roads", "displayName: Other, tracking: {version: 1.0.0}")
        home.write_project("signs")
        home.until_ready("signs")
        until(lambda: home.condition("roads")[1] == "LastGoodManifest")
    status, _, message = home.condition("roads")
    assert status == "True"
    assert "roads.yaml: Project roads spec.tracking.version must be a supported MLflow version" in message
    assert home.project("roads")["display_name"] == "Roads"
    assert "spec.tracking.version" in capsys.readouterr().out


def test_a_broken_manifest_stays_in_force_through_a_restart(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads")
    with running_operator(home):
        home.until_ready("roads")
    home.write("roads.yaml", "{")
    with running_operator(home):
        until(lambda: home.condition("roads")[1] == "LastGoodManifest")
        assert home.project("roads")["retired_at"] is None


def test_a_directory_that_is_away_takes_nothing_away(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads")
    manifests = home.directory / "manifests"
    with running_operator(home):
        home.until_ready("roads")
        manifests.rename(home.directory / "elsewhere")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        (home.directory / "elsewhere").rename(manifests)
        home.write_project("signs")
        home.until_ready("signs")
        assert home.project("roads")["retired_at"] is None


def test_a_project_whose_workspace_goes_is_not_ready_and_comes_back_with_it(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads")
    with running_operator(home):
        home.until_ready("roads")
        home.remove(f"{home.workspace}.yaml")
        until(lambda: home.condition("roads")[1] == "WorkspaceMissing")
        assert home.query("SELECT retired_at FROM catalog.workspace")[0]["retired_at"]
        home.write_workspace()
        home.until_ready("roads")
        assert home.query("SELECT retired_at FROM catalog.workspace")[0]["retired_at"] is None


def test_the_log_of_a_workspace_outlives_its_manifest(home: Home) -> None:
    home.write_workspace("{access: [{role: auditor, groups: [compliance]}, {role: admin, users: [a@example.org]}]}")
    home.write_project("roads")
    with running_operator(home):
        home.until_ready("roads")
        home.remove(f"{home.workspace}.yaml")
        until(lambda: home.query("SELECT retired_at FROM catalog.workspace")[0]["retired_at"])
    assert home.query('SELECT role, subject FROM catalog."grant"') == [{"role": "auditor", "subject": "compliance"}]


def test_a_rotation_that_fails_keeps_nothing_else_from_being_published(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads")
    with running_operator(home):
        home.until_ready("roads")
        with psycopg.connect(home.server.admin_url) as somebody:
            # Not committed: whoever makes the same login waits for it, and gives up.
            somebody.execute(f'CREATE ROLE "{database_name(home.key("roads"))}~1"')
            rotate = f"{{tenantry.dev/rotate: '{datetime.now(UTC).isoformat()}'}}"
            home.write_project("roads", "displayName: Roads", annotations=rotate)
            until(
                lambda: home.project("roads")["display_name"] == "Roads",
                deadline=120,
                what="what else is in the manifest",
            )
            somebody.rollback()
        assert home.condition("roads")[0] == "True"


def test_a_backend_that_was_seen_to_start_stays_available_while_its_storage_is_away(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads")
    place = home.settings.state_directory / "artifacts" / home.workspace
    with running_operator(home):
        home.until_ready("roads")
        place.rename(place.with_name("elsewhere"))
        place.write_text("no directory")
        home.write_project("roads", "displayName: Roads")
        until(lambda: home.condition("roads", "StorageReady")[0] == "False", deadline=30)
        assert home.condition("roads", "BackendAvailable")[:2] == ("True", "Startable")
        assert home.condition("roads")[:2] == ("False", "StorageReady")
    with running_operator(home):
        home.write_project("roads", "displayName: Roads and lanes")
        until(lambda: home.project("roads")["display_name"] == "Roads and lanes", deadline=30)
        assert home.condition("roads", "BackendAvailable")[:2] == ("True", "Startable")


def test_a_paused_project_is_left_as_it_is(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads", "displayName: Roads")
    with running_operator(home):
        home.until_ready("roads")
        home.write_project("roads", "displayName: Other", annotations="{tenantry.dev/pause: 'true'}")
        until(lambda: home.condition("roads")[1] == "Paused")
        assert home.project("roads")["display_name"] == "Roads"
        home.write_project("roads", "displayName: Other")
        until(lambda: home.project("roads")["display_name"] == "Other")


def test_a_fence_reaches_the_door_though_the_project_is_paused(home: Home) -> None:
    both = "{tenantry.dev/pause: 'true', tenantry.dev/fence: 'true'}"
    home.write_workspace()
    home.write_project("roads")
    with running_operator(home):
        home.until_ready("roads")
        home.write_project("roads", annotations="{tenantry.dev/pause: 'true'}")
        until(lambda: home.condition("roads")[1] == "Paused")
        home.write_project("roads", annotations=both)
        until(lambda: home.project("roads")["fenced"])
        home.write_project("roads", annotations="{tenantry.dev/pause: 'true'}")
        until(lambda: not home.project("roads")["fenced"])


def test_a_fenced_project_is_stopped_and_does_not_start(home: Home) -> None:
    home.write_workspace()
    home.write_project("roads")
    with running_operator(home):
        home.until_ready("roads")
        home.want("roads")
        until(lambda: home.backend("roads")["state"] == "running")
        home.write_project("roads", annotations="{tenantry.dev/fence: 'true'}")
        until(lambda: home.project("roads")["fenced"])
        until(lambda: home.backend("roads")["state"] == "stopped")
        assert home.condition("roads")[:2] == ("False", "Fenced")
        home.want("roads")
        home.write_project("signs")
        home.until_ready("signs")
        assert home.backend("roads")["state"] == "stopped"
        home.write_project("roads")
        until(lambda: home.backend("roads")["state"] == "running")
