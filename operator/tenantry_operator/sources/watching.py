"""kopf, and all that is known of it: it watches kinds of custom resources, and tells each event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from threading import Event, Thread
from typing import Any

import kopf

from tenantry_crds.meta import GROUP, VERSION
from tenantry_operator.plan.objects.metadata import MANAGER
from tenantry_operator.runtime.kubernetes.login import log_in

__all__ = ["Note", "watch"]

# The kind of the event, or None from a list, and the resource as it is then.
Note = Callable[[str | None, dict[str, Any]], None]


def watch(kinds: Collection[str], namespaces: Collection[str], note: Note, stop: Event) -> None:
    """Watch the kinds, by their plurals, until `stop`; in some namespaces, or without any in all. When a kind is no
    longer served, it ends with an error of kopf's.
    """
    asyncio.run(_watch(kinds, namespaces, note, stop))


async def _watch(kinds: Collection[str], namespaces: Collection[str], note: Note, stop: Event) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    # A thread of the loop's own would be waited for when kopf fails, and this one would look alive for ever.
    Thread(target=_pass_on, args=(stop, loop, ended), name="kopf-stop", daemon=True).start()
    await kopf.operator(
        registry=_registry(kinds, note),
        settings=_settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        # Else it asks for the name of its user, and a pod's has none.
        identity=MANAGER,  # type: ignore[arg-type]  # a NewType that kopf does not export
        stop_flag=ended,
    )


def _pass_on(stop: Event, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    stop.wait()
    if not loop.is_closed():
        loop.call_soon_threadsafe(ended.set)


def _registry(kinds: Collection[str], note: Note) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry, id="login")
    def login(**_: Any) -> kopf.ConnectionInfo:
        return log_in()

    async def seen(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002  kopf's own name
        """Writing a refusal may take a call to the API server: not in kopf's loop."""
        await asyncio.to_thread(note, type, _plain(body))

    for plural in kinds:
        kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"note-{plural}")(seen)
    return registry


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.watching.server_timeout = 240
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    # No worker_limit: with its idle time it would cap the operator at a fifth of that many resources a second.
    settings.queueing.idle_timeout = 1.0
    return settings


def _plain(value: Any) -> Any:
    """Kopf's bodies are views: what is kept must not change under our hands."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
