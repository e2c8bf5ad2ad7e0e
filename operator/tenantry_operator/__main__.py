"""The operator of one machine: `python -m tenantry_operator`. The composition root; nothing else makes clients.

SIGTERM and SIGINT end it cleanly: the door is told that all servers are stopped, then they are.
"""

from __future__ import annotations

import logging
import signal
import sys
from threading import Event

import structlog

from tenantry_operator.operate import Operator
from tenantry_operator.settings import Settings

__all__ = ["main"]


def main() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Operator(Settings()).run(stop)


if __name__ == "__main__":
    main()
