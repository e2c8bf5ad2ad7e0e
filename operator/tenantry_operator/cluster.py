"""The operator of a cluster, put together: custom resources, PostgreSQL, buckets, and servers as pods.

Several may run. The one that holds the Lease acts; when it loses it, it ends at once, and Kubernetes starts it anew as
one that stands by. What was half done is finished by whoever acts next.
"""

from __future__ import annotations

import os
from datetime import timedelta
from threading import Event

import structlog
from sqlalchemy import Engine

from tenantry_operator.ages import Ages
from tenantry_operator.backends import Backends
from tenantry_operator.facts import Buckets
from tenantry_operator.health import Health
from tenantry_operator.metrics import Metrics
from tenantry_operator.observe import Observer
from tenantry_operator.operate import RESYNC_SECONDS, Calls, Operator, Parts, database_of
from tenantry_operator.plan.objects.metadata import INSTALLATION
from tenantry_operator.provision.administrator import Administrator
from tenantry_operator.provision.archive import Archive
from tenantry_operator.provision.bucket import StorageDriver
from tenantry_operator.provision.bucket.provisioner import make_provisioner
from tenantry_operator.provision.credential import Credentials
from tenantry_operator.provision.postgres import Postgres
from tenantry_operator.provision.template import Templates
from tenantry_operator.publish import Catalog
from tenantry_operator.reconcile import Reconciler
from tenantry_operator.removal import Removal
from tenantry_operator.rotation import Rotation
from tenantry_operator.runtime.kubernetes import Client, KubernetesRuntime, Live, Reflectors, connect
from tenantry_operator.runtime.kubernetes.given import read_given
from tenantry_operator.runtime.kubernetes.lease import Lease
from tenantry_operator.runtime.kubernetes.migration import JobMigration
from tenantry_operator.runtime.kubernetes.resources import Resources
from tenantry_operator.runtime.kubernetes.secrets import ClusterSecrets
from tenantry_operator.runtime.kubernetes.signing_keys import signing_keys
from tenantry_operator.servers import Servers
from tenantry_operator.settings import ClusterSettings
from tenantry_operator.signing_keys import SigningKeys
from tenantry_operator.site import site_of, storage_of
from tenantry_operator.sources.kubernetes import Kubernetes
from tenantry_operator.trust import Trust

__all__ = ["ClusterOperator"]

log = structlog.get_logger(__name__)


class ClusterOperator:
    """`run` until it is told to stop; the process ends when another may act in its place."""

    def __init__(self, settings: ClusterSettings) -> None:
        self._settings = settings
        self._client = connect(settings.kubernetes_qps)
        name = f"tenantry-{settings.installation}"
        self._lease = Lease(self._client, settings.namespace, name, settings.pod)
        self._cluster = _Cluster(settings, self._client)
        every = timedelta(days=settings.rotation_days) or timedelta.max
        self._metrics = Metrics(self._client.writes, self._cluster.due, self._cluster.ages, every)
        self._health = Health(
            settings.listen,
            self._metrics.registry,
            alive=lambda: {"watches": not self._cluster.stalled},
            ready=lambda: {"started": True},
        )

    def run(self, stop: Event) -> None:
        self._health.start()
        try:
            if self._lease.acquire(stop):
                log.info("acts as the leader", pod=self._settings.pod)
                self._metrics.leader.set(1)
                self._lease.keep(lost=_end)
                self._cluster.run(stop)
        finally:
            self._lease.release()
            self._health.stop()


def _end() -> None:
    """At once: a call that is under way would go on for half a minute, and another acts before. Whoever acts next
    finishes what was half done, as after a kill.
    """
    os._exit(1)


class _Cluster:
    """What the leader is made of."""

    def __init__(self, settings: ClusterSettings, client: Client) -> None:
        self._settings, self._client = settings, client
        self.ages = Ages()
        self._live = Live()
        self._site = site_of(settings)
        self._secrets = ClusterSecrets(client, self._site)
        self._source: Kubernetes | None = None
        self._reflectors: Reflectors | None = None
        self._operator: Operator | None = None
        self._stop = Event()

    def due(self) -> float:
        """Return how many keys wait to be looked at; not a number while that is not known."""
        started = self._operator and self._source and self._source.complete
        return float(self._operator.due) if self._operator and started else float("nan")

    @property
    def stalled(self) -> bool:
        """Whether a watch is dead. Whoever stands by watches nothing."""
        return bool((self._source and self._source.stalled) or (self._reflectors and self._reflectors.stalled))

    def run(self, stop: Event) -> None:
        """Look at all that is there first: what is known need not be written again."""
        self._stop = stop
        operator = self._operator = Operator(self._settings.catalog_url, self._build)
        assert self._reflectors
        self._secrets.load()
        self._reflectors.load()
        self._reflectors.start()
        self._keys.start()
        try:
            operator.run(stop)
        finally:
            self._keys.stop()
            self._reflectors.stop()

    def _build(self, engine: Engine, calls: Calls) -> Parts:
        settings = self._settings
        self._source = source = Kubernetes(
            Resources(self._client, settings.namespace),
            calls.changed,
            namespaces=settings.namespaces,
            grace=timedelta(seconds=settings.deletion_grace),
        )
        self._reflectors = Reflectors(
            self._client, f"{INSTALLATION}={settings.installation}", settings.namespaces, self._live, calls.touched
        )
        self._keys = SigningKeys(engine, lambda: signing_keys(self._client))
        runtime = KubernetesRuntime(self._client, self._live, self._secrets, self._site)
        servers = Servers(runtime, Backends(engine))
        return Parts(source, servers, self._reconciler(engine, source, runtime, servers), servers_end_with_us=False)

    def _reconciler(
        self, engine: Engine, source: Kubernetes, runtime: KubernetesRuntime, servers: Servers
    ) -> Reconciler:
        settings = self._settings
        administrator = Administrator(settings.provision_url)
        templates = Templates(administrator, JobMigration(self._client, self._site))
        databases = Postgres(administrator, templates, self._secrets)
        artifacts = make_provisioner(
            settings.storage_driver, storage_of(settings), self._secrets, read_given=read_given(self._client)
        )
        private = frozenset({database_of(settings.catalog_url), administrator.database})
        observer = Observer(servers, artifacts, private)
        keyless = settings.storage_driver is StorageDriver.WORKLOAD_IDENTITY
        archive = self._archive()
        buckets = Buckets(settings.storage_bucket, keyless=keyless, archives=archive is not None)
        parts = (buckets, databases, artifacts, runtime, servers, observer, Catalog(engine))
        kept, every = Credentials(self._secrets), timedelta(days=settings.rotation_days) or None
        rotation = Rotation(databases, artifacts, runtime, kept, every, self.ages)
        removal = Removal(source, *parts, archive)
        return Reconciler(source, *parts, removal, Trust(RESYNC_SECONDS), rotation, settings.public_url)

    def _archive(self) -> Archive | None:
        """An archive may take hours: it ends when we do, and the next operator makes it."""
        settings = self._settings
        if not settings.archive_bucket:
            return None
        return Archive(storage_of(settings), settings.archive_bucket, self._stop.is_set)
