#!/usr/bin/env bash
# The node: up.sh runs this as process 1 of new PID, mount, network, IPC and UTS namespaces, so all of it disappears when
# this one process is killed: processes, containers, mounts, interfaces, firewall rules.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Private copies of the folders that a node writes to.
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run          # sockets, network namespaces
mount -t tmpfs tmpfs /var/log                  # containers' logs
mount --bind "$DIR/var-lib/kubelet" /var/lib/kubelet
mount --bind "$DIR/var-lib/cni" /var/lib/cni
mount --bind "$DIR/resolv.conf" /etc/resolv.conf
mkdir -p /run/lock /run/netns

# up.sh moves one end of a veth pair in here and calls it eth0.
hostname "$NODE"
wait_for 10 ip link show eth0
ip link set lo up
ip addr add "$NODE_IP/24" dev eth0
ip link set eth0 up
ip route add default via "$HOST_IP"
sysctl -qw net.ipv4.ip_forward=1

# keep NAME COMMAND...: starts it, and starts it again when it ends, as a machine's init would.
keep() {
  local name=$1; shift
  # shellcheck disable=SC2016 # expanded by that shell
  spawn "$name" bash -c 'while :; do "$@" || true; sleep 1; done' keep "$@"
}

# No fsync: what etcd holds does not outlive the node.
keep etcd etcd --data-dir="$DIR/etcd" --unsafe-no-fsync --log-level=warn \
  --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
  --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 \
  --initial-cluster=default=http://127.0.0.1:2380
pki=$DIR/pki
keep kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
  --bind-address="$NODE_IP" --advertise-address="$NODE_IP" --secure-port=6443 \
  --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
  --client-ca-file="$pki/ca.crt" --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --allow-privileged=true \
  --service-cluster-ip-range="$SERVICE_CIDR" \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local \
  --service-account-key-file="$pki/sa.key" --service-account-signing-key-file="$pki/sa.key" \
  --kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
  --kubelet-preferred-address-types=InternalIP \
  --requestheader-client-ca-file="$pki/front-proxy-ca.crt" \
  --requestheader-allowed-names=front-proxy-client \
  --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
  --requestheader-extra-headers-prefix=X-Remote-Extra- \
  --proxy-client-cert-file="$pki/front-proxy-client.crt" --proxy-client-key-file="$pki/front-proxy-client.key" \
  --enable-aggregator-routing=true \
  --audit-policy-file="$here/audit.yaml" --audit-log-path="$DIR/log/audit.log"
keep containerd containerd --config "$DIR/containerd.toml"
wait_for 30 test -S /run/containerd/containerd.sock
# Images first, so that the first pod finds them. --local unpacks in this client.
for image in "$IMAGES"/*.tar; do
  ctr --address /run/containerd/containerd.sock -n k8s.io images import --local "$image" >>"$DIR/log/images.log" 2>&1
done

wait_for 60 ready
# With their own limit of 20 calls a second the controllers spend four seconds asking for their tokens.
fast=(--bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=500 --kube-api-burst=500)
login() { printf -- "--%s=$DIR/$1.kubeconfig\n" kubeconfig authentication-kubeconfig authorization-kubeconfig; }
mapfile -t controllers < <(login controller-manager)
keep kube-controller-manager kube-controller-manager "${controllers[@]}" "${fast[@]}" --secure-port=10257 \
  --flex-volume-plugin-dir="$DIR/flex" --use-service-account-credentials=true \
  --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
  --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key"
mapfile -t scheduler < <(login scheduler)
keep kube-scheduler kube-scheduler "${scheduler[@]}" "${fast[@]}"
keep kubelet kubelet --config="$DIR/kubelet.yaml" --kubeconfig="$DIR/kubelet.kubeconfig" \
  --hostname-override="$NODE" --node-ip="$NODE_IP"
keep kube-proxy kube-proxy --config="$DIR/proxy.yaml"
keep addons kube addons --kubeconfig="$DIR/admin.kubeconfig" --node="$NODE" --volumes="$DIR/volumes"

# Process 1 stays, and reaps what is orphaned to it.
while :; do wait || true; sleep 1; done
