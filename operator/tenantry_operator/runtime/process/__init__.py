"""Servers as supervised processes of one machine."""

from __future__ import annotations

from tenantry_operator.runtime.process.artifacts import own_uids_obstacle
from tenantry_operator.runtime.process.limits import Limits
from tenantry_operator.runtime.process.supervisor import ProcessRuntime

__all__ = ["Limits", "ProcessRuntime", "own_uids_obstacle"]
