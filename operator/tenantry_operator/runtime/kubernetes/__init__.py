"""Servers as pods of a cluster, and all other dealings with the API server: the only importer of its client."""

from __future__ import annotations

from tenantry_operator.runtime.kubernetes.client import Client, ClusterAway, ClusterRefused, connect
from tenantry_operator.runtime.kubernetes.live import Live
from tenantry_operator.runtime.kubernetes.pods import KubernetesRuntime
from tenantry_operator.runtime.kubernetes.reflector import Reflectors

__all__ = ["Client", "ClusterAway", "ClusterRefused", "KubernetesRuntime", "Live", "Reflectors", "connect"]
