"""Make or upgrade an MLflow schema: `TENANTRY_BACKEND_DATABASE_URL=… python -m tenantry_backend.migrate`.

An empty database gets the tables, an older one the missing revisions; on a current one nothing changes. Ends with 0 and
prints the schema's revision. 4 s on an empty database, so the operator does it once per MLflow version and clones.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from tenantry_backend.environment import BEFORE_IMPORT, with_driver

__all__ = ["URL_VARIABLE", "upgrade"]

URL_VARIABLE: Final = "TENANTRY_BACKEND_DATABASE_URL"


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
    url = os.environ.pop(URL_VARIABLE, "")
    if not url:
        sys.exit(f"set {URL_VARIABLE} to the database's URL, as in postgresql://role:password@host:5432/name")
    print(upgrade(url))  # noqa: T201  the answer of a command


if __name__ == "__main__":
    _main()
