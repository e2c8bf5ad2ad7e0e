#!/usr/bin/env bash
# Runs a command inside the node, for example
#   node-exec.sh ctr -n k8s.io images ls        node-exec.sh nft list ruleset
#   node-exec.sh ctr -n k8s.io images import --local /path/image.tar
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exec nsenter -t "$(<"$DIR/pid/node")" --pid --mount --net --ipc --uts --wd="$PWD" -- \
  env PATH="$PATH" CONTAINERD_ADDRESS=/run/containerd/containerd.sock "$@"
