#!/usr/bin/env bash
# Tenantry on a kind cluster of this machine, with all it needs: hack/kind/up.sh. Needs Docker, kind, kubectl and helm.
# Run again, it brings the cluster to what is in the checkout. `kind delete cluster --name tenantry` ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for program in docker kind kubectl helm openssl; do
  command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 1; }
done
context=kind-tenantry
k() { kubectl --context "$context" "$@"; }
namespace() { k create namespace "$1" --dry-run=client -o yaml | k apply -f -; }
secret() { k -n tenantry create secret generic "$@" --dry-run=client -o yaml | k apply -f -; }
url() { echo "postgresql://tenantry_$1:$1@postgresql.services.svc:5432/$2"; }

kind get clusters | grep -qx tenantry || kind create cluster --name tenantry --config hack/kind/kind.yaml
hack/images.sh
for image in operator api backend; do
  kind load image-archive --name tenantry "${XDG_CACHE_HOME:-$HOME/.cache}/tenantry/images/tenantry-$image.tar"
done

namespace services
namespace tenantry
k -n services create configmap oidc --from-file=tests/e2e/manifests/provider.py \
  --from-file=users.yaml=hack/samples/users.yaml --dry-run=client -o yaml | k apply -f -
k apply -f hack/kind/services.yaml
# A browser finds *.localhost on its own machine; pods find the provider under the same name.
corefile=$(k -n kube-system get configmap coredns -o 'jsonpath={.data.Corefile}')
if [[ $corefile != *login.localhost* ]]; then
  k -n kube-system create configmap coredns --dry-run=client -o yaml \
    --from-literal=Corefile="${corefile/ready/rewrite name login.localhost oidc.services.svc.cluster.local$'\n'    ready}" | k apply -f -
  k -n kube-system rollout restart deployment/coredns
fi
for part in postgresql s3 oidc; do k -n services rollout status "deployment/$part" --timeout=5m; done

secret postgres --from-literal=ownerUrl="$(url owner tenantry)" --from-literal=operatorUrl="$(url operator tenantry)" \
  --from-literal=apiUrl="$(url api tenantry)" --from-literal=provisionUrl="$(url provision tenantry_provision)"
secret s3 --from-literal=accessKey=administrator --from-literal=secretKey=administrator
k -n tenantry get secret audit >/dev/null 2>&1 || openssl genpkey -algorithm ed25519 | secret audit --from-file=signing.key=/dev/stdin
helm --kube-context "$context" upgrade --install tenantry charts/tenantry --namespace tenantry \
  --values hack/kind/values.yaml --wait --timeout 5m

k apply -f hack/samples/vision.yaml 2>/dev/null || true   # its projects find no namespace yet
k wait --for=create namespace/ws-vision --timeout=60s
k apply -f hack/samples/vision.yaml
echo "http://tenantry.localhost:8080 — sign in as one of hack/samples/users.yaml"
