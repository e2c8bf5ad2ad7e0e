"""The operator: `python -m tenantry_operator`, of one machine where TENANTRY_SOURCE_DIRECTORY says where manifests are,
else of the cluster that it runs in.

SIGTERM and SIGINT end it cleanly. On one machine the door is told that all servers are stopped, then they are; on a
cluster they stay, and another operator may act at once.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from threading import Event

import structlog
from pydantic import ValidationError

from tenantry_operator.errors import SettingWrong
from tenantry_operator.settings import ClusterSettings, Settings, on_one_machine

__all__ = ["main"]

_log = structlog.get_logger(__name__)


def main() -> int:
    """0 after SIGTERM or SIGINT. 1: another operator may act, or the cluster cannot be reached. 2: a setting is wrong,
    and which; nothing was started.
    """
    _configure_logs()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        run = _made()
    except ValidationError as error:
        for problem in error.errors():
            _log_setting(f"TENANTRY_{problem['loc'][0]}".upper(), problem["msg"])
        return 2
    except SettingWrong as error:
        _log_setting(error.name, str(error))
        return 2
    except OSError as error:
        advice = "the operator must be able to write there"
        _log_setting("TENANTRY_STATE_DIRECTORY", f"{error.filename}: {error.strerror}; {advice}")
        return 2
    run(stop)
    return 0


def _made() -> Callable[[Event], None]:
    """Either imports what it alone needs: kopf and what it brings are a fifth of the memory."""
    if on_one_machine():
        from tenantry_operator.machine import machine_operator  # noqa: PLC0415

        return machine_operator(Settings()).run
    from tenantry_operator.cluster import ClusterOperator  # noqa: PLC0415

    return ClusterOperator(ClusterSettings()).run


def _log_setting(name: str, message: str) -> None:
    _log.error("a setting is wrong", setting=name, problem=message)


def _configure_logs() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
