#!/bin/sh
# Install packages of Debian's, given by name, as root; anyone else is told of them, and it ends with 3.
set -eu

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "These are missing; install them: $*" >&2
  exit 3
fi
echo "Installing: $*" >&2
# Debian's package would start a server of its own; only PostgreSQL's binaries are wanted.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends "$@" >/dev/null
