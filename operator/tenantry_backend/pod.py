"""The backend as a pod of its own: `python -m tenantry_backend.pod`.

Its settings are a file, `/etc/tenantry/backend/settings.json` or what TENANTRY_BACKEND_SETTINGS_FILE names. It listens
once the database has accepted a login and MLflow's stores are open, so that an open port means ready. SIGTERM makes it
leave without a failed request. Ends with 2 when a setting is wrong, with 1 when it cannot do its work; the last line on
standard error says why.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import sys
import time
import warnings
from pathlib import Path
from typing import Final, NoReturn

from pydantic import ValidationError

from tenantry_backend.confine import restrict
from tenantry_backend.environment import BEFORE_IMPORT, for_server
from tenantry_backend.settings import ServerSettings

__all__ = ["FILE_VARIABLE", "PORT_VARIABLE", "main"]

FILE_VARIABLE: Final = "TENANTRY_BACKEND_SETTINGS_FILE"
PORT_VARIABLE: Final = "TENANTRY_BACKEND_PORT"

_FILE: Final = "/etc/tenantry/backend/settings.json"
_PORT: Final = 8080
_HIGHEST_PORT: Final = 65535
_WRONG_SETTING: Final = 2
# Connections that may wait to be accepted.
_QUEUE: Final = 1024
# Seconds that a database which is away has to come back, before the pod is started again with a longer pause each time.
_PATIENCE: Final = 30.0
_PAUSE: Final = 1.0


def main() -> None:
    """Be the server, from the settings to the last answer."""
    # As process 1 of a container it would be deaf to a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings, port = _settings(Path(os.environ.get(FILE_VARIABLE) or _FILE)), _port()
    warnings.simplefilter("ignore")  # What MLflow's libraries will drop some day concerns nobody who reads this log.
    restrict(settings.uid)
    _make_empty(settings.scratch_directory)
    os.environ.update(BEFORE_IMPORT)
    os.environ.update(for_server(settings))
    _serve(settings, port)
    sys.stderr.flush()
    os._exit(0)  # The interpreter's own end would join threads, one of which may hang for ever.


def _serve(settings: ServerSettings, port: int) -> None:
    # MLflow reads the environment when it is imported, and these import it.
    from mlflow.exceptions import MlflowException  # noqa: PLC0415
    from mlflow.server.fastapi_app import app  # noqa: PLC0415

    from tenantry_backend.guard import Guard  # noqa: PLC0415
    from tenantry_backend.lame_duck import LameDuckServer  # noqa: PLC0415
    from tenantry_backend.server import open_stores  # noqa: PLC0415
    from tenantry_backend.storage import bound_waits  # noqa: PLC0415
    from tenantry_backend.warm import warm  # noqa: PLC0415

    warm()
    bound_waits()
    gc.enable()
    _await_login(settings.database_url.get_secret_value())
    try:
        open_stores()
    except MlflowException as error:
        sys.exit(f"cannot open MLflow's stores: {_one_line(str(error))}")
    guarded = Guard(app, settings.secret.get_secret_value())
    with _listener(port) as listener:
        LameDuckServer(guarded, settings.grace).run(sockets=[listener])


def _settings(path: Path) -> ServerSettings:
    """What the file says. An error names the field, and never what stands in it."""
    try:
        return ServerSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        _refuse(f"{path}: {error.strerror}; mount the Secret with the key settings.json there, or set {FILE_VARIABLE}")
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        _refuse(f"{path}: {'; '.join(_finding('.'.join(map(str, one['loc'])), one['msg']) for one in found)}")


def _finding(field: str, message: str) -> str:
    return f"{field}: {message}" if field else message


def _port() -> int:
    given = os.environ.get(PORT_VARIABLE) or str(_PORT)
    if not given.isdecimal() or not 0 < int(given) <= _HIGHEST_PORT:
        _refuse(f"{PORT_VARIABLE} is no port: give a number from 1 to {_HIGHEST_PORT}")
    return int(given)


def _refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"{reason}\n")
    sys.exit(_WRONG_SETTING)


def _make_empty(directory: Path) -> None:
    """A container that was started again finds what the one before left."""
    shutil.rmtree(directory, ignore_errors=True)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        _refuse(f"scratch_directory: {directory}: {error.strerror}; mount a volume that can be written there")


def _await_login(url: str) -> None:
    from tenantry_backend.server import refused_login  # noqa: PLC0415  imports MLflow

    end, told = time.monotonic() + _PATIENCE, ""
    while reason := refused_login(url):
        if time.monotonic() > end:
            sys.exit(_one_line(reason))
        if reason != told:
            sys.stderr.write(f"{_one_line(reason)}; trying again for {_PATIENCE:.0f} s\n")
        told = reason
        time.sleep(_PAUSE)


def _listener(port: int) -> socket.socket:
    """For both families of addresses where the machine has both."""
    try:
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_QUEUE)
    except (OSError, ValueError):  # No IPv6, or none that takes IPv4 as well.
        return socket.create_server(("0.0.0.0", port), backlog=_QUEUE)  # noqa: S104  a pod's address is not known


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
