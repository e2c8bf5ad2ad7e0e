"""How long a server waits for its storage.

boto3's own answer is three attempts of a minute each, and a server has few threads: a storage that takes connections
and says nothing would have all of them within seconds, and keep MLflow from whatever needs no storage. MLflow has no
setting for it, so this is botocore's: defaults of the session that all of its clients are made from.
"""

from __future__ import annotations

from typing import Final

import boto3
import botocore.session
from botocore.config import Config

__all__ = ["bound_waits"]

# Seconds to connect, and for the storage to take the next bytes.
_CONNECT: Final = 10.0
# Seconds of silence after the last byte.
_READ: Final = 20.0
# Clients of MLflow try again as well.
_ATTEMPTS: Final = 2


def bound_waits(*, connect: float = _CONNECT, read: float = _READ) -> None:
    """From now on, for each client that is made in this process."""
    session = botocore.session.get_session()
    retries = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    session.set_default_client_config(Config(connect_timeout=connect, read_timeout=read, retries=retries))
    boto3.setup_default_session(botocore_session=session)
