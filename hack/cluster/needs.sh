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

# shellcheck disable=SC2086 # names, one word each
exec "$(dirname "$0")/../debian.sh" $missing
