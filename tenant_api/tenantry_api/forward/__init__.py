"""Forward: to the project's own backend, waking it when it sleeps; streamed both ways; never sent twice."""

from __future__ import annotations

from tenantry_api.forward.answer import Answer
from tenantry_api.forward.backends import Backends
from tenantry_api.forward.stream import Forwarder

__all__ = ["Answer", "Backends", "Forwarder"]
