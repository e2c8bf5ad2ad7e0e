#!/usr/bin/env bash
# Starts a Kubernetes of one node in namespaces of its own. Needs root, and what needs.sh, build.sh and images.sh made.
# The administrator's kubeconfig is admin.kubeconfig in $CLUSTER_DIR (default: tenantry-cluster in the temporary folder);
# its path is the only thing on standard output. Run again while it is up, it says that and does nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ $(id -u) == 0 ]] || { log "A node needs root: its network, mounts and cgroups are made by it"; exit 1; }
for program in runc nft ip; do
  command -v "$program" >/dev/null || { log "$program is missing: run $here/needs.sh"; exit 1; }
done
[[ -x $BIN/kubelet ]] || { log "The node is not built: run $here/build.sh"; exit 1; }
[[ -e $IMAGES/pause.tar ]] || { log "The node's images are missing: run $here/images.sh"; exit 1; }
if [[ -e $DIR/up ]]; then echo "$DIR/admin.kubeconfig"; exit 0; fi
"$here/down.sh"                      # what an interrupted run may have left
mkdir -p "$DIR"/{log,pid,volumes,cni,var-lib/kubelet,var-lib/cni}
chmod 700 "$DIR"
make_pki
: >"$DIR/resolv.conf"

cat >"$DIR/containerd.toml" <<TOML
version = 3
root = "$DIR/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "localhost/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  # Root has no CAP_SYS_RESOURCE on this kind of machine: no process may lower
  # its OOM score, and runc dies without a message when it is told to.
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = "$(command -v runc)"
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["$BIN"]
    conf_dir = "$DIR/cni"
TOML

# ptp, not bridge: every packet between pods is routed, so it always passes the
# forward hook, where NetworkPolicy is enforced, without br_netfilter.
cat >"$DIR/cni/10-tenantry.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "tenantry", "plugins": [
  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam",
   "ranges": [[{"subnet": "${POD_CIDR%.0.0/16}.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": true}}]}
JSON

cat >"$DIR/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
# This kind of machine has cgroup v1 only, which the kubelet refuses by default.
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $DIR/pki/ca.crt}}
authorization: {mode: Webhook}
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $DIR/resolv.conf
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
volumePluginDir: /var/lib/kubelet/volume-plugins
# Nothing is ever pulled, so nothing may be collected or evicted for disk space.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%", memory.available: "100Mi"}
YAML

cat >"$DIR/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $DIR/proxy.kubeconfig}
mode: nftables
nftables: {minSyncPeriod: 100ms}
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE
oomScoreAdj: 0
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
# These limits are the host's; zero leaves them alone.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML

# Settings of the whole machine that the kubelet changes; down.sh puts them back.
for s in vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops \
         kernel.keys.root_maxkeys kernel.keys.root_maxbytes; do
  sysctl "$s"
done >"$DIR/sysctl.saved"
# node.sh mounts private directories over these; down.sh removes what was not there.
for d in kubelet cni; do
  [[ -d /var/lib/$d ]] || { mkdir -p "/var/lib/$d"; echo "/var/lib/$d" >>"$DIR/made"; }
done
for c in /sys/fs/cgroup/*/; do
  [[ -e $c/cgroup.procs ]] && mkdir -p "$c/$CGROUP"
done
# A new cpuset is empty; nothing can run in it until it is given CPUs and memory.
for f in cpus mems; do
  cat "/sys/fs/cgroup/cpuset/cpuset.$f" >"/sys/fs/cgroup/cpuset/$CGROUP/cpuset.$f"
done
# All pods together would have the share of one process of the machine, and starve where it has other work.
echo 8192 >"/sys/fs/cgroup/cpu/$CGROUP/cpu.shares"

spawn node unshare --fork --kill-child --pid --mount --net --ipc --uts \
  --propagation private --mount-proc "$here/node.sh"
unshare_pid=$(<"$DIR/pid/node")
wait_for 10 grep -q . "/proc/$unshare_pid/task/$unshare_pid/children"
init=$(tr -d ' ' <"/proc/$unshare_pid/task/$unshare_pid/children")
echo "$init" >"$DIR/pid/node"         # process 1 of the node, as the host sees it
ln -s "/proc/$init/ns/net" "$DIR/netns"
ip link add "$LINK" type veth peer name eth0 netns "$init"
ip addr add "$HOST_IP/24" dev "$LINK"
ip link set "$LINK" up
# From the host, pods and services are reachable too.
ip route add "$POD_CIDR" via "$NODE_IP"
ip route add "$SERVICE_CIDR" via "$NODE_IP"

wait_for 90 ready
log "apiserver ready"
k apply --validate=false -f "$here/manifests" >"$DIR/log/manifests.log"
wait_for 60 k get node "$NODE"
k wait --for=condition=Ready "node/$NODE" --timeout=60s >/dev/null
log "node ready"
k -n kube-system rollout status deployment/coredns --timeout=60s >/dev/null
touch "$DIR/up"
log "cluster ready"
echo "$DIR/admin.kubeconfig"
