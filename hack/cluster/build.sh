#!/bin/sh
# Build etcd and Kubernetes' control plane from their Go modules into the user's cache. Minutes the first time, seconds
# when nothing changed. Needs Go; go.mod says which versions are built.
set -eu
cd "$(dirname "$0")"

command -v go >/dev/null || { echo "An API server is built with Go: install it, or set KUBEBUILDER_ASSETS" >&2; exit 1; }
bin="${XDG_CACHE_HOME:-$HOME/.cache}/tenantry/cluster/bin"
mkdir -p "$bin"
export CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false -trimpath ${GOFLAGS:-}"

# Kubernetes knows its own version from the linker alone; without it, an API server says v0.0.0.
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v*.}
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags="$flags -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
done
go build -ldflags "$flags" -o "$bin/" ./kube
for part in etcd kube-apiserver kube-controller-manager; do
  ln -sf kube "$bin/$part"
done
