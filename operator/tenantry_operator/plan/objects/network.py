"""Who may reach a backend, and where it may go: the door and the operator in; DNS, its database and its bucket out."""

from __future__ import annotations

import json
from typing import Final

from tenantry_operator.facts import Egress, ProjectKey, Site
from tenantry_operator.plan.objects.metadata import (
    COMPONENT,
    OF_THE_INSTALLATION,
    Manifest,
    backend_name,
    manifest,
    selector,
)

__all__ = ["PORT", "network_policy"]

# Of the container; its name in pods, services and policies.
PORT: Final = "http"


def network_policy(key: ProjectKey, site: Site) -> Manifest:
    spec = {
        "podSelector": {"matchLabels": selector(key)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [_ours(site)], "ports": [{"port": PORT, "protocol": "TCP"}]}],
        "egress": [_egress(site.dns, "UDP", "TCP"), _egress(site.database, "TCP"), _egress(site.storage, "TCP")],
    }
    return manifest("networking.k8s.io/v1", "NetworkPolicy", backend_name(key), key, site, spec=spec)


def _ours(site: Site) -> Manifest:
    """The door, which forwards, and the operator, which probes."""
    expressions = [{"key": COMPONENT, "operator": "In", "values": ["operator", "tenant-api"]}]
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
        "podSelector": {
            "matchLabels": {OF_THE_INSTALLATION: site.installation},
            "matchExpressions": expressions,
        },
    }


def _egress(way: Egress, *protocols: str) -> Manifest:
    rule: Manifest = {"ports": [{"port": port, "protocol": it} for port in way.ports for it in protocols]}
    peers = json.loads(way.peers)
    return {"to": peers} | rule if peers else rule
