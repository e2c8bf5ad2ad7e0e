"""SQL that tables cannot say: notifications, the revision, and rows that may never change.

Channels: `catalog` (payload: the new revision), `demand` (payload: `workspace/project`), `identity` (payload: `token`
or `session`). A listener treats a notification as a hint to read again, never as the news itself.
"""

from __future__ import annotations

__all__ = ["STATEMENTS", "bump_revision_on"]

_REVISION = """
CREATE FUNCTION catalog.bump_revision() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
DECLARE latest bigint;
BEGIN
  UPDATE catalog.revision SET value = value + 1 WHERE id = 1 RETURNING value INTO latest;
  PERFORM pg_notify('catalog', latest::text);
  RETURN NULL;
END $$
"""

_DEMAND = """
CREATE FUNCTION catalog.notify_demand() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM pg_notify('demand', NEW.workspace || '/' || NEW.project);
  RETURN NULL;
END $$
"""

_IDENTITY = """
CREATE FUNCTION identity.notify_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM pg_notify('identity', TG_TABLE_NAME);
  RETURN NULL;
END $$
"""

_REFUSE_CHANGE = """
CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'audit.% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$
"""


def bump_revision_on(table: str) -> str:
    """The trigger of a table of the schema `catalog` that the door reads."""
    return (
        f"CREATE TRIGGER bump_revision AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON catalog.{table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION catalog.bump_revision()"
    )


_ON_CATALOG = tuple(bump_revision_on(table) for table in ("workspace", "project", '"grant"', "backend"))

_ON_AUDIT = tuple(
    f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.{table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()"
    for table in ("event", "checkpoint")
)

# Of the first revision. What comes later stands in its own.
STATEMENTS: tuple[str, ...] = (
    "INSERT INTO catalog.revision (id, value) VALUES (1, 0)",
    _REVISION,
    _DEMAND,
    _IDENTITY,
    _REFUSE_CHANGE,
    *_ON_CATALOG,
    (
        "CREATE TRIGGER notify_demand AFTER INSERT OR UPDATE OF wanted_at ON catalog.demand "
        "FOR EACH ROW WHEN (NEW.wanted_at IS NOT NULL) EXECUTE FUNCTION catalog.notify_demand()"
    ),
    (
        "CREATE TRIGGER notify_change AFTER UPDATE OF revoked_at OR DELETE ON identity.token "
        "FOR EACH STATEMENT EXECUTE FUNCTION identity.notify_change()"
    ),
    (
        "CREATE TRIGGER notify_change AFTER DELETE ON identity.session "
        "FOR EACH STATEMENT EXECUTE FUNCTION identity.notify_change()"
    ),
    (
        "CREATE TRIGGER notify_person AFTER UPDATE OF groups, email ON identity.person "
        "FOR EACH STATEMENT EXECUTE FUNCTION identity.notify_change()"
    ),
    *_ON_AUDIT,
)
