"""Sessions and tokens as the database has them: nothing in it signs anybody in, and what is revoked is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tenantry_api.engine import async_engine
from tenantry_api.facts import Permission, Principal, Refusal, TokenScope
from tenantry_api.identify import Identifier
from tenantry_api.identify.people import Person, remember
from tenantry_api.identify.secrets import new_session_id, new_token
from tenantry_api.identify.sessions import LIFETIME
from tenantry_api.identify.tokens import NewToken
from tenantry_api.identify.workload import Workloads
from tenantry_api.listen import Listener
from tenantry_api.snapshot import SnapshotHolder
from tenantry_catalog.engine import libpq_url
from tests.support.door import CatalogRows
from tests.support.postgres import CatalogDatabase, PostgresServer
from tests.support.wait import until_async

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALICE = Person("https://issuer", "alice", "alice@example.org", "Alice", frozenset({"vision-ml"}))
BOB = Person("https://issuer", "bob", "bob@example.org", "Bob", frozenset())


@dataclass
class Lab:
    """An identifier whose clock the test sets, and the rows behind it."""

    engine: AsyncEngine
    rows: CatalogRows
    now: datetime = NOW
    identifier: Identifier = field(init=False)

    def __post_init__(self) -> None:
        self.identifier = self.another()

    def another(self) -> Identifier:
        """As a second door has one."""
        return Identifier(
            self.engine,
            public_url="http://door",
            issuer="https://issuer",
            client_id="tenantry",
            workloads=Workloads(dict, "http://door"),
            now=lambda: self.now,
        )

    async def enter(self, person: Person) -> str:
        async with self.engine.begin() as connection:
            await remember(connection, person, self.now)
            return await self.identifier.sessions.open(connection, person, "id-token", None)

    async def whose(self, cookie: str) -> Principal:
        found = await self.by_session(cookie)
        assert isinstance(found, Principal)
        return found

    async def token(self, person: Person = ALICE, scope: TokenScope = TokenScope()) -> str:  # noqa: B008  # frozen
        owner = await self.whose(await self.enter(person))
        async with self.engine.begin() as connection:
            wanted = NewToken("t", scope, self.now + timedelta(days=30))
            _, secret = await self.identifier.tokens.create(connection, owner, wanted)
        return secret

    async def by_session(self, cookie: str) -> Principal | Refusal:
        return await self.identifier.identify("GET", [(b"cookie", f"tenantry_session={cookie}".encode())])

    async def by_token(self, secret: str, identifier: Identifier | None = None) -> Principal | Refusal:
        headers = [(b"authorization", f"Bearer {secret}".encode())]
        return await (identifier or self.identifier).identify("POST", headers)


@pytest.fixture
async def lab(catalog: CatalogDatabase) -> AsyncIterator[Lab]:
    engine = async_engine(catalog.api_url, application="test")
    yield Lab(engine, CatalogRows(catalog))
    await engine.dispose()


def reason(found: Principal | Refusal) -> str:
    return found.reason if isinstance(found, Refusal) else found.name


async def test_a_session_and_a_token_name_their_person(lab: Lab) -> None:
    cookie, secret = await lab.enter(ALICE), await lab.token(ALICE)
    for found in (await lab.by_session(cookie), await lab.by_token(secret)):
        assert isinstance(found, Principal)
        assert (found.name, found.subject, found.groups) == ("alice@example.org", "alice", {"vision-ml"})


async def test_who_came_by_another_issuer_is_nobody_here(lab: Lab) -> None:
    """Whoever had alice's address there may be somebody else."""
    secret, cookie = await lab.token(ALICE), await lab.enter(replace(ALICE, issuer="https://before"))
    lab.rows.execute("UPDATE identity.token SET issuer = 'https://before'")
    assert reason(await lab.by_session(cookie)) == "issuer_replaced"
    assert reason(await lab.by_token(secret)) == "issuer_replaced"


async def test_nothing_in_the_database_signs_anybody_in(lab: Lab) -> None:
    cookie, secret = await lab.enter(ALICE), await lab.token(ALICE)
    for table in ("session", "token", "person", "sign_in"):
        stored = str(lab.rows.execute(f"SELECT t::text FROM identity.{table} t"))
        for shown in (cookie, secret, secret.removeprefix("tnt_")):
            assert shown not in stored
            assert shown.encode().hex() not in stored


async def test_a_token_carries_its_scope(lab: Lab) -> None:
    scope = TokenScope("vision", "segmentation", frozenset({Permission.TRACKING_READ}))
    found = await lab.by_token(await lab.token(ALICE, scope))
    assert isinstance(found, Principal)
    assert found.scope == scope


async def test_a_permission_that_this_version_does_not_know_is_not_had(lab: Lab) -> None:
    secret = await lab.token(ALICE, TokenScope(permissions=frozenset({Permission.TRACKING_READ})))
    lab.rows.execute("UPDATE identity.token SET permissions = '{model:teleport}'")
    found = await lab.by_token(secret)
    assert isinstance(found, Principal)
    assert found.scope.permissions == frozenset()


async def test_what_was_never_ours_is_unknown(lab: Lab) -> None:
    assert reason(await lab.by_token(new_token())) == "token_unknown"
    assert reason(await lab.by_session(new_session_id())) == "session_unknown"


async def test_both_end_when_their_time_is_over_though_they_are_remembered(lab: Lab) -> None:
    cookie, secret = await lab.enter(ALICE), await lab.token(ALICE)
    assert reason(await lab.by_token(secret)) == reason(await lab.by_session(cookie)) == "alice@example.org"
    lab.now = NOW + LIFETIME
    assert reason(await lab.by_session(cookie)) == "session_expired"
    lab.now = NOW + timedelta(days=30)
    assert reason(await lab.by_token(secret)) == "token_expired"


async def test_expired_sessions_are_swept_away(lab: Lab) -> None:
    cookie = await lab.enter(ALICE)
    lab.now = NOW + LIFETIME + timedelta(hours=2)
    await lab.identifier.sessions.sweep()
    assert lab.rows.execute("SELECT 1 FROM identity.session") == []
    lab.identifier.forget()
    assert reason(await lab.by_session(cookie)) == "session_unknown"


async def test_a_person_revokes_their_own_tokens_only_and_the_first_time_counts(lab: Lab) -> None:
    secret = await lab.token(ALICE)
    alice = await lab.whose(await lab.enter(ALICE))
    bob = await lab.whose(await lab.enter(BOB))
    (token,) = await lab.identifier.tokens.of(alice)
    assert await lab.identifier.tokens.of(bob) == []

    async def revoke(who: Principal) -> bool:
        async with lab.engine.begin() as connection:
            return await lab.identifier.tokens.revoke(connection, who, token.id)

    assert not await revoke(bob)
    lab.identifier.forget()
    assert reason(await lab.by_token(secret)) == "alice@example.org"
    assert await revoke(alice)
    lab.now = NOW + timedelta(hours=1)
    assert await revoke(alice)
    lab.identifier.forget()
    assert reason(await lab.by_token(secret)) == "token_revoked"
    assert [token.revoked_at for token in await lab.identifier.tokens.of(alice)] == [NOW]


async def test_other_doors_refuse_a_revoked_token_and_an_ended_session_when_they_are_told(
    lab: Lab, catalog: CatalogDatabase
) -> None:
    other = lab.another()
    cookie, secret = await lab.enter(ALICE), await lab.token(ALICE)
    headers = [(b"cookie", f"tenantry_session={cookie}".encode())]
    listener = Listener(libpq_url(catalog.api_url), SnapshotHolder(), other.forget)
    await listener.start()
    try:
        assert reason(await lab.by_token(secret, other)) == reason(await other.identify("GET", headers))
        lab.rows.execute("UPDATE identity.token SET revoked_at = now()")
        lab.rows.execute("DELETE FROM identity.session")

        async def refused() -> bool:
            found = {reason(await lab.by_token(secret, other)), reason(await other.identify("GET", headers))}
            return found == {"token_revoked", "session_unknown"}

        await until_async(refused, deadline=10, what="the notification")
    finally:
        await listener.stop()


async def test_when_tokens_were_used_is_written_later_and_all_at_once(lab: Lab) -> None:
    used, unused = await lab.token(ALICE), await lab.token(BOB)
    await lab.by_token(used)
    lab.now = NOW + timedelta(minutes=5)
    await lab.by_token(used)
    assert lab.rows.execute("SELECT last_used_at FROM identity.token WHERE last_used_at IS NOT NULL") == []
    await lab.identifier.stop()
    assert unused
    times = lab.rows.execute("SELECT subject, last_used_at FROM identity.token ORDER BY subject")
    assert times == [("alice", NOW + timedelta(minutes=5)), ("bob", None)]


async def test_without_the_database_nobody_is_let_in_and_nothing_is_lost(
    lab: Lab, postgres_server: PostgresServer
) -> None:
    """What is remembered still counts for its minute; what is not is a clear 503; both heal by themselves."""
    known, fresh = await lab.token(ALICE), await lab.token(BOB)
    await lab.by_token(known)
    postgres_server.stop()
    try:
        assert reason(await lab.by_token(known)) == "alice@example.org"
        refused = await lab.by_token(fresh)
        assert isinstance(refused, Refusal)
        assert (refused.status, refused.reason) == (503, "identity_unavailable")
        await lab.identifier.stop()
    finally:
        postgres_server.start()
    assert reason(await lab.by_token(fresh)) == "bob@example.org"
    await lab.identifier.stop()
    used = lab.rows.execute("SELECT subject FROM identity.token WHERE last_used_at IS NOT NULL ORDER BY subject")
    assert used == [("alice",), ("bob",)]
