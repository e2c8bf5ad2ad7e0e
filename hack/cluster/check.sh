#!/usr/bin/env bash
# shellcheck disable=SC2317,SC2016 # functions that `check` calls, and scripts that another shell expands
# Checks that the running node does what a real one does: 29 checks in about 40 s.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
failed=0
check() { # check DESCRIPTION COMMAND...
  local what=$1 out; shift
  if out=$("$@" 2>&1); then log "ok    $what"; else log "FAIL  $what: ${out:0:600}"; failed=1; fi
}
says() { # says TEXT COMMAND...: the command's output contains the text
  local text=$1 out; shift
  out=$("$@" 2>&1) || true
  [[ $out == *"$text"* ]] || { echo "$out"; return 1; }
}
e() { k -n tenantry-check "$@"; }
get() { # get URL: fetched by the client pod
  e exec client -- /usr/bin/python3 -c \
    "import sys,urllib.request as u; print(u.urlopen(sys.argv[1], timeout=2).read().decode())" "$1"
}
policy() { # policy NAME SPEC
  e apply -f - <<YAML
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: $1}, spec: $2}
YAML
}

blocked() { says "timed out" "$@"; } # and not some other failure

start=$(date +%s.%N)
check "apply" k apply -f "$here/check.yaml"
check "deployment rolls out" e rollout status deployment/web --timeout=60s
log "      $(echo "$(date +%s.%N) - $start" | bc) s from apply to rollout"
check "client is ready" e wait --for=condition=Ready pod/client --timeout=60s
check "claim is bound" says Bound e get pvc data -o 'jsonpath={.status.phase}'
check "volume is writable by a user that is not root" e exec deploy/web -- /usr/bin/sh -c 'echo hello >/data/index.html'
check "logs" says "client is up" e logs client

ip=$(e get service web -o 'jsonpath={.spec.clusterIP}')
check "service by ClusterIP" says hello get "http://$ip"
check "service by DNS name" says hello get http://web.tenantry-check.svc.cluster.local
check "service by short DNS name" says hello get http://web
check "service from the host" says hello curl -fsS --max-time 2 "http://$ip"
check "apiserver from a pod" says CERTIFICATE_VERIFY_FAILED get https://kubernetes.default.svc # its answer is checked below
check "port-forward" says hello bash -c '
  kubectl --kubeconfig="$1" -n tenantry-check port-forward service/web 18080:80 >/dev/null & p=$!
  for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; curl -fsS http://127.0.0.1:18080 && break; done; kill $p' _ "$DIR/admin.kubeconfig"

policy deny '{podSelector: {}, policyTypes: [Ingress]}' >/dev/null; sleep 1
check "default-deny blocks" blocked get http://web
check "default-deny blocks the host too" blocked curl -fsS --max-time 2 "http://$ip"
policy allow '{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: http}]}]}' >/dev/null; sleep 1
check "an allow rule lets through" says hello get http://web
policy allow '{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: other}}}], ports: [{port: http}]}]}' >/dev/null; sleep 1
check "an allow rule for another pod does not" blocked get http://web
policy allow '{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: tenantry-check}}}], ports: [{port: 8081}]}]}' >/dev/null; sleep 1
check "an allow rule for another port does not" blocked get http://web
e delete networkpolicy --all >/dev/null; sleep 1
check "without policies it flows again" says hello get http://web
policy dns '{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]}]}' >/dev/null; sleep 1
check "egress: DNS only, the name resolves" e exec client -- /usr/bin/python3 -c 'import socket; socket.gethostbyname("web")'
check "egress: DNS only, the service is blocked" blocked get http://web
check "egress: DNS only, the apiserver is blocked" blocked get https://10.96.0.1
policy block "{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.244.0.0/16, except: [10.244.9.0/24]}}]}]}" >/dev/null; sleep 1
check "egress: an ipBlock lets through" says hello get http://web
e delete networkpolicy --all >/dev/null

check "quota is enforced" says "exceeded quota" e create -f - <<YAML
$(e get pod client -o json | sed 's/"name": "client"/"name": "big"/; s/"cpu": "50m"/"cpu": "2"/; s/"resourceVersion": "[0-9]*",//; s/"nodeName": "[a-z0-9]*",//')
YAML
check "Pod Security restricted is enforced" says "violates PodSecurity" e run bad --image=localhost/python:1 \
  --overrides='{"spec": {"containers": [{"name": "bad", "image": "localhost/python:1", "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}, "securityContext": {"privileged": true}}]}}'
check "lease" e apply -f - <<YAML
{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: leader}, spec: {holderIdentity: me, leaseDurationSeconds: 15}}
YAML
check "service account token, RBAC" says '"code":403' e exec client -- /usr/bin/python3 -c '
import ssl, urllib.request as u, urllib.error
d = "/var/run/secrets/kubernetes.io/serviceaccount/"
r = u.Request("https://kubernetes.default.svc/api/v1/namespaces/tenantry-check/pods", headers={"Authorization": "Bearer " + open(d + "token").read()})
try: u.urlopen(r, context=ssl.create_default_context(cafile=d + "ca.crt"))
except urllib.error.HTTPError as err: print(err.read().decode().replace(" ", "").replace("\n", ""))'
check "memory limit kills" says OOMKilled bash -c '
  k() { kubectl --kubeconfig="$1" -n tenantry-check "${@:2}"; }
  k "$1" get pod client -o json | sed "s/\"name\": \"client\"/\"name\": \"hog\"/; s/\"resourceVersion\": \"[0-9]*\",//; s/\"nodeName\": \"[a-z0-9]*\",//; s/import signal; signal.pause()/x = b\\\\\"x\\\\\" * 10**9/; s/\"restartPolicy\": \"Always\"/\"restartPolicy\": \"Never\"/" | k "$1" create -f - >&2
  k "$1" wait --for=jsonpath={.status.phase}=Failed pod/hog --timeout=30s >&2
  k "$1" get pod hog -o "jsonpath={.status.containerStatuses[0].state.terminated.reason}"' _ "$DIR/admin.kubeconfig"
check "namespace is deleted" k delete namespace tenantry-check --timeout=60s
check "volume is deleted" wait_for 20 bash -c '[[ -z $(kubectl --kubeconfig="$1" get pv -o name) ]]' _ "$DIR/admin.kubeconfig"
exit $failed
