"""Starts and stops servers, and tells the door in the right order: running once it answers, stopped before it ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tenantry_operator.backends import Backends, Use
from tenantry_operator.errors import OperatorStopping
from tenantry_operator.facts import ProjectKey, ServerPlan
from tenantry_operator.runtime import Failed, Running, Runtime, ServerFailed, ServerStarting, Starting, Stopped

__all__ = ["Offer", "Servers"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """A server that may be started, and after how long without use it is stopped again."""

    plan: ServerPlan
    idle_after: timedelta


class Servers:
    """Thread-safe: one lock a project, so that projects start side by side."""

    def __init__(self, runtime: Runtime, backends: Backends) -> None:
        self._runtime = runtime
        self._backends = backends
        self._offers: dict[ProjectKey, Offer] = {}
        self._locks: defaultdict[ProjectKey, Lock] = defaultdict(Lock)
        self._closed = False

    def close(self, *, reset: bool) -> None:
        """With `reset`, tell the door that nothing runs, as far as the catalog answers; then close the runtime."""
        self._closed = True
        if reset:
            with suppress(SQLAlchemyError):
                self._backends.reset()
        self._runtime.close()

    def offer(self, offer: Offer) -> None:
        """From now on the server may be started. One that runs with another plan takes it over, or is stopped; the
        next request starts it anew. Raises ServerFailed when what it needs cannot be made.
        """
        key = offer.plan.key
        with self._locks[key]:
            known = self._offers.get(key)
            if known and known.plan != offer.plan and not self._runtime.rolls:
                self._stop(key)
            self._offers[key] = offer
            self._runtime.prepare(offer.plan)

    def withdraw(self, key: ProjectKey) -> None:
        """Stop the server, and start it no more until it is offered again."""
        with self._locks[key]:
            self._offers.pop(key, None)
            self._stop(key)
            self._backends.show(key, Stopped())

    def attend(self, key: ProjectKey) -> bool:
        """Start the server if somebody waits for it, stop it if nobody has used it for long, and show how it is. Say
        whether one that was wanted did not start, which its conditions do not know yet.

        A server that does not start is shown as failed; the runtime goes on trying.
        """
        with self._locks[key]:
            offer = self._offers.get(key)
            if offer is None:
                return False
            use = self._backends.use(key)
            if use.wanted:
                self._start(offer.plan)
            elif self.due(key, use) and isinstance(self._runtime.state(key), Running):
                log.info("server stopped: idle", project=str(key))
                self._stop(key)
            state = self._runtime.state(key)
            self._backends.show(key, state)
        return use.wanted and isinstance(state, Failed)

    def has_failed(self, key: ProjectKey) -> bool:
        return isinstance(self._runtime.state(key), Failed)

    def due(self, key: ProjectKey, use: Use) -> bool:
        """Say whether `attend` would have something to do. Asks nobody."""
        offer = self._offers.get(key)
        return offer is not None and (use.wanted or use.idle >= offer.idle_after)

    def try_out(self, key: ProjectKey, look: Callable[[Running], None]) -> None:
        """Let `look` see the server: as it runs, or started for this and stopped again. Raises ServerFailed."""
        with self._locks[key]:
            state = self._runtime.state(key)
            if isinstance(state, Stopped | Starting) or (isinstance(state, Failed) and self._runtime.rolls):
                self._look_once(self._offers[key].plan, look)
                return
        if isinstance(state, Failed):
            raise ServerFailed(state.reason, state.word)
        look(state)

    def runs(self, key: ProjectKey) -> bool:
        """Say whether there is one to look at: one that sleeps or wakes is left alone."""
        return isinstance(self._runtime.state(key), Running | Failed)

    def _look_once(self, plan: ServerPlan, look: Callable[[Running], None]) -> None:
        try:
            look(self._runtime.start(plan))
        except ServerFailed:
            if self._closed:
                raise OperatorStopping from None
            self._backends.show(plan.key, self._runtime.state(plan.key))
            raise
        if self._runtime.rolls or self._backends.use(plan.key).wanted:
            self._backends.show(plan.key, self._runtime.state(plan.key))
        else:
            self._runtime.stop(plan.key)

    def _start(self, plan: ServerPlan) -> None:
        if isinstance(self._runtime.state(plan.key), Running):
            return
        try:
            self._runtime.start(plan)
        except ServerStarting:
            log.info("server starts", project=str(plan.key))
        except ServerFailed as error:
            if self._closed:
                raise OperatorStopping from None
            log.warning("server does not start", project=str(plan.key), reason=str(error))
        else:
            log.info("server started", project=str(plan.key))

    def _stop(self, key: ProjectKey) -> None:
        if not isinstance(self._runtime.state(key), Stopped):
            self._backends.show(key, Stopped())
            self._runtime.stop(key)
