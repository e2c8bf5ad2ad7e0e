#!/bin/sh
# What a node and its images need from the system, beside Go. Root on Debian gets it installed; anyone else is told.
set -eu

missing=
need() { command -v "$1" >/dev/null || [ -e "$1" ] || missing="$missing $2"; }
need runc runc
need nft nftables
need ip iproute2
need curl curl
need openssl openssl
need sysctl procps
need buildah buildah
need mmdebstrap mmdebstrap
need /usr/bin/python3 python3
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "A node needs these; install them:$missing" >&2
  exit 1
fi
echo "Installing for the node:$missing" >&2
# Debian's package would start a server of its own; only its binaries are wanted.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # names, one word each
apt-get install -qq -y --no-install-recommends $missing >/dev/null
