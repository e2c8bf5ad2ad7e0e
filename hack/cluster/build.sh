#!/bin/sh
# Build a Kubernetes node and its control plane from their Go modules into the user's cache. Minutes the first time,
# seconds when nothing changed. Needs Go; go.mod says which versions are built. `build.sh control-plane` builds only what
# tests/apiserver need, `build.sh tools` only helm and an S3 server, whose versions tools/go.mod says.
set -eu
cd "$(dirname "$0")"

command -v go >/dev/null || { echo "A cluster is built with Go: install it, or set KUBEBUILDER_ASSETS" >&2; exit 1; }
bin="${XDG_CACHE_HOME:-$HOME/.cache}/tenantry/cluster/bin"
mkdir -p "$bin"
export CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false -trimpath ${GOFLAGS:-}"

tools() { (cd tools && go build -ldflags "-s -w" -o "$bin/" helm.sh/helm/v3/cmd/helm github.com/versity/versitygw/cmd/versitygw); }
if [ "${1:-}" = tools ]; then tools; exit; fi

version() { go list -m -f '{{.Version}}' "$1"; }
# Kubernetes and containerd know their own versions from the linker alone; without it, an API server says v0.0.0.
kubernetes=$(version k8s.io/kubernetes)
containerd=$(version github.com/containerd/containerd/v2)
minor=${kubernetes#v*.}
flags="-s -w -X github.com/containerd/containerd/v2/version.Version=${containerd#v}"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags="$flags -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
done

node="./coredns ./pause
  github.com/containerd/containerd/v2/cmd/containerd
  github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
  github.com/containerd/containerd/v2/cmd/ctr
  github.com/containernetworking/plugins/plugins/ipam/host-local
  github.com/containernetworking/plugins/plugins/main/loopback
  github.com/containernetworking/plugins/plugins/main/ptp
  github.com/containernetworking/plugins/plugins/meta/portmap"
[ "${1:-node}" = node ] || node=
# One invocation, so that what several programs share is compiled once and linking overlaps compiling.
# shellcheck disable=SC2086 # names, one word each
go build -tags "no_btrfs no_devmapper no_zfs no_tracing" -ldflags "$flags" -o "$bin/" ./kube $node
for part in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
  ln -sf kube "$bin/$part"
done
[ -z "$node" ] || tools
