"""Whether an installation's operator is gone: only then may be taken away what its Workspaces and Projects rest on.

Helm deletes the operator's Deployment before it runs what comes after an uninstall. Its pods then have some seconds to
end, without the right to give up their Lease, which expires. Where the same Job runs by mistake, as one manifest among
others, the Deployment is there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from tenantry_operator.errors import OperatorError
from tenantry_operator.runtime.kubernetes.client import Client
from tenantry_operator.runtime.kubernetes.kinds import Ref
from tenantry_operator.runtime.kubernetes.lease import HolderWatch

__all__ = ["PATIENCE", "OperatorNames", "await_absence"]

# Seconds: what a pod has to end, and a Lease to expire, and some more.
PATIENCE: Final = 60.0
_LOOK: Final = 0.5


@dataclass(frozen=True, slots=True)
class OperatorNames:
    """What an operator is found by, in its namespace."""

    namespace: str
    deployment: str
    lease: str


def await_absence(client: Client, names: OperatorNames, patience: float) -> None:
    """Return when no operator acts, and none will. Raises OperatorError when one still does after so many seconds."""
    watch, end = HolderWatch(), time.monotonic() + patience
    while trace := _trace(client, names, watch):
        if time.monotonic() > end:
            raise OperatorError(
                f"nothing was changed, because {trace}. This is for after an uninstall by Helm: whoever applies the "
                "chart's manifests without Helm leaves its hooks out, by helm template --no-hooks"
            )
        time.sleep(_LOOK)


def _trace(client: Client, names: OperatorNames, watch: HolderWatch) -> str:
    """Say what is still there of it; empty when nothing is."""
    if client.get(Ref("Deployment", names.namespace, names.deployment)):
        return f"the operator's Deployment {names.namespace}/{names.deployment} is there"
    lease = client.get(Ref("Lease", names.namespace, names.lease))
    holder = watch.holder(lease) if lease else ""
    return f"the operator {holder} holds the Lease {names.namespace}/{names.lease}" if holder else ""
