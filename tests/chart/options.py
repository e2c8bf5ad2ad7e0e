"""Values that switch on, one after the other, everything that the chart can make: what other tests go through."""

from __future__ import annotations

from typing import Any

__all__ = ["DIGEST", "OPTIONS"]

DIGEST = "sha256:" + "0123456789abcdef" * 4

_PEER = {"ipBlock": {"cidr": "192.0.2.0/24"}}

OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "an ingress": {"ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}}},
    "an HTTPRoute": {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway", "namespace": "edge"}]}},
    "an HTTPRoute that lets large artifacts through": {
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "timeouts": {"request": "0s"}}
    },
    "monitors": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "listed namespaces": {"operator": {"watchNamespaces": ["ws-vision", "ws-language"]}},
    "kinds that go with it": {"crds": {"keep": False}},
    "kinds of somebody else": {"crds": {"install": False}},
    "no policies": {"networkPolicy": {"enabled": False}},
    "peers": {
        "networkPolicy": {
            "tenantApi": {"from": [_PEER], "metricsFrom": [_PEER]},
            "operator": {"metricsFrom": [_PEER]},
            "dns": {"peers": [_PEER]},
            "database": {"peers": [_PEER], "ports": [6432]},
            "storage": {"peers": [_PEER], "ports": [9000]},
            "oidc": {"peers": [_PEER], "ports": [5556]},
            "apiServer": {"peers": [_PEER], "ports": [6443]},
        }
    },
    "OpenShift": {"tenantApi": {"fsGroup": None}},
    "no budget": {
        part: {"podDisruptionBudget": {"enabled": False}, "replicas": 1} for part in ("operator", "tenantApi")
    },
    "MinIO": {"storage": {"driver": "minio-admin", "endpoint": "http://minio.minio.svc:9000"}},
    "keys that are given": {"storage": {"driver": "given", "existingSecret": ""}},
    "workload identity": {"storage": {"driver": "workload-identity", "existingSecret": ""}},
    "an identity at AWS": {"storage": {"existingSecret": "", "ownIdentity": True}},
    "another IAM": {"storage": {"endpoint": "http://s3:7070", "iamEndpoint": "http://s3:7071"}},
    "an S3 of the house": {
        "storage": {"endpoint": "https://s3.corp:9000", "caSecret": "corp-ca", "caKey": "root.pem"},
    },
    "a secret client": {"oidc": {"existingSecret": "tenantry-oidc", "clientSecretKey": "secret"}},
    "a provider of the house": {"oidc": {"issuer": "https://sso.corp:8443/realms/a", "caSecret": "corp-ca"}},
    "a public authority": {"database": {"caSecret": ""}},
    "a mirror": {"global": {"imageRegistry": "mirror.example.org/tenantry/"}, "imagePullSecrets": [{"name": "mirror"}]},
    "digests": {part: {"image": {"digest": DIGEST, "tag": "9"}} for part in ("operator", "tenantApi", "backend")},
    "a proxy": {
        part: {
            "extraEnv": [
                {"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}},
                {"name": "NO_PROXY", "value": "10.96.0.1,.svc"},
            ]
        }
        for part in ("operator", "tenantApi")
    },
    "a long name": {"fullnameOverride": "experiment-tracking-of-the-whole-company-in-europe"},
    "a place to run": {
        part: {
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"},
                {
                    "maxSkew": 2,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"team": "platform"}},
                },
            ],
            "priorityClassName": "system-cluster-critical",
            "podAnnotations": {"reloader.stakater.com/auto": "true"},
            "podLabels": {"team": "platform", "app.kubernetes.io/name": "other"},
            "serviceAccountAnnotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/tenantry"},
        }
        for part in ("operator", "tenantApi")
    },
}
