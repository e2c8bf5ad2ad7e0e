# Shared by the scripts that start, enter and end the node: settings, certificates, waiting. Sourced, not run.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/tenantry/cluster
BIN=$CACHE/bin                     # written by build.sh
IMAGES=$CACHE/images               # written by images.sh
DIR=${CLUSTER_DIR:-${TMPDIR:-/tmp}/tenantry-cluster}   # everything a running node has: data, keys, logs, kubeconfigs
PATH=$BIN:$PATH
export KUBECACHEDIR=$DIR/kubectl-cache   # instead of ~/.kube/cache

NODE=node1                         # its hostname, and its name in Kubernetes
LINK=tenantry0                     # the host's end of the veth pair
HOST_IP=10.99.0.1 NODE_IP=10.99.0.2
POD_CIDR=10.244.0.0/16 SERVICE_CIDR=10.96.0.0/16
API_SERVICE_IP=10.96.0.1 DNS_IP=10.96.0.10
CGROUP=tenantry                    # parent of every pod's cgroup
export here IMAGES HOST_IP NODE_IP POD_CIDR SERVICE_CIDR DNS_IP CGROUP LINK

log() { printf '%(%T)T %s\n' -1 "$*" >&2; }

# wait_for SECONDS COMMAND...: polls until the command succeeds.
wait_for() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || { log "timed out waiting for: $*"; return 1; }
    sleep 0.1
  done
}

# spawn NAME COMMAND...: starts a process with its log in $DIR/log and its number in $DIR/pid, in a session of its own,
# so that the caller's Ctrl-C does not reach it.
spawn() {
  local name=$1; shift
  setsid "$@" </dev/null >>"$DIR/log/$name.log" 2>&1 &
  echo $! >"$DIR/pid/$name"
}

# cert CA NAME SUBJECT [SUBJECT-ALT-NAMES]: a key and a certificate signed by CA.
cert() {
  openssl req -x509 -CA "$DIR/pki/$1.crt" -CAkey "$DIR/pki/$1.key" -days 30 \
    -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" \
    -addext basicConstraints=critical,CA:FALSE \
    -addext extendedKeyUsage=clientAuth,serverAuth ${4:+-addext "subjectAltName=$4"} \
    -keyout "$DIR/pki/$2.key" -out "$DIR/pki/$2.crt" 2>/dev/null
}

# kubeconfig NAME: one with the certificate of that name.
kubeconfig() {
  local b64="base64 -w0" path=$DIR/$1.kubeconfig
  (umask 077 && cat >"$path") <<YAML
apiVersion: v1
kind: Config
current-context: tenantry
clusters:
  - {name: tenantry, cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $($b64 "$DIR/pki/ca.crt")}}
users:
  - {name: $1, user: {client-certificate-data: $($b64 "$DIR/pki/$1.crt"), client-key-data: $($b64 "$DIR/pki/$1.key")}}
contexts: [{name: tenantry, context: {cluster: tenantry, user: $1}}]
YAML
}

# make_pki: every key, certificate and kubeconfig, in about 0.2 s.
make_pki() {
  local ca name svc=DNS:kubernetes.default
  mkdir -p "$DIR/pki"
  for ca in ca front-proxy-ca; do
    openssl req -x509 -days 30 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
      -subj "/CN=tenantry-$ca" -keyout "$DIR/pki/$ca.key" -out "$DIR/pki/$ca.crt" 2>/dev/null
  done
  openssl ecparam -name prime256v1 -genkey -noout -out "$DIR/pki/sa.key" 2>/dev/null
  cert ca apiserver /CN=kube-apiserver \
    "DNS:kubernetes,$svc,$svc.svc,$svc.svc.cluster.local,DNS:localhost,IP:$API_SERVICE_IP,IP:127.0.0.1,IP:$NODE_IP"
  cert ca kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  cert front-proxy-ca front-proxy-client /CN=front-proxy-client
  cert ca admin /O=system:masters/CN=admin
  cert ca controller-manager /CN=system:kube-controller-manager
  cert ca scheduler /CN=system:kube-scheduler
  cert ca proxy /CN=system:kube-proxy
  cert ca kubelet "/O=system:nodes/CN=system:node:$NODE"
  for name in admin controller-manager scheduler proxy kubelet; do kubeconfig "$name"; done
}

# ready: the API server's own word, which anybody may ask for.
ready() { curl -fsS --max-time 2 --cacert "$DIR/pki/ca.crt" "https://$NODE_IP:6443/readyz"; }

k() { kubectl --kubeconfig="$DIR/admin.kubeconfig" "$@"; }
