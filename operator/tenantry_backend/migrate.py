"""Make or upgrade an MLflow schema: `TENANTRY_BACKEND_DATABASE_URL=… python -m tenantry_backend.migrate`.

The URL may stand in a file instead, which TENANTRY_BACKEND_DATABASE_URL_FILE names. An empty database gets the tables,
an older one the missing revisions; on a current one nothing changes. Ends with 0 and prints the schema's revision; with
2 when a variable is wrong, with 1 when the database is: the last line on standard error says why. 4 s on an empty
database, so the operator does it once per MLflow version and clones.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tenantry_backend.environment import BEFORE_IMPORT, with_driver
from tenantry_backend.settings import URL_EXAMPLE, is_postgresql

__all__ = ["FILE_VARIABLE", "URL_VARIABLE", "upgrade"]

URL_VARIABLE: Final = "TENANTRY_BACKEND_DATABASE_URL"
FILE_VARIABLE: Final = "TENANTRY_BACKEND_DATABASE_URL_FILE"

_WRONG_SETTING: Final = 2


def upgrade(url: str) -> str:
    """Bring the database to the installed MLflow's schema, and return its revision."""
    os.environ.update(BEFORE_IMPORT)
    from mlflow.store.db import utils  # noqa: PLC0415  MLflow reads the environment when it is imported

    engine = utils.create_sqlalchemy_engine(with_driver(url))
    try:
        # What `mlflow db upgrade` does, and what a store does when it meets an empty database.
        if utils._is_empty_database(engine):  # noqa: SLF001
            utils._initialize_tables(engine)  # noqa: SLF001
        else:
            utils._upgrade_db(engine)  # noqa: SLF001
        return str(utils._get_schema_version(engine))  # noqa: SLF001
    finally:
        engine.dispose()


def _main() -> None:
    url = _url()
    try:
        print(upgrade(url))  # noqa: T201  the answer of a command
    except (SQLAlchemyError, CommandError) as error:
        # SQLAlchemy adds the statement and a link: the driver's own words say what is wrong.
        words = error.orig if isinstance(error, DBAPIError) and error.orig else error
        sys.exit(f"the schema is not made: {' '.join(str(words).split())}")


def _url() -> str:
    given, file = os.environ.pop(URL_VARIABLE, ""), os.environ.get(FILE_VARIABLE, "")
    if given and file:
        _refuse(f"set {URL_VARIABLE} or {FILE_VARIABLE}, not both")
    if file:
        try:
            given = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            _refuse(f"{FILE_VARIABLE}: {file}: {error.strerror}")
    if not given:
        _refuse(f"set {URL_VARIABLE} to the database's URL, as in {URL_EXAMPLE}, or {FILE_VARIABLE} to a file with it")
    if not is_postgresql(given):
        _refuse(f"the database's URL cannot be read: write it like {URL_EXAMPLE}")
    return given


def _refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"{reason}\n")
    sys.exit(_WRONG_SETTING)


if __name__ == "__main__":
    _main()
