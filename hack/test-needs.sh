#!/bin/sh
# What tests need from the system: a Chromium to drive, and a PostgreSQL of the machine's own beside the wheel's.
# Root on Debian gets them installed; anyone else is told, and those tests are skipped with a reason.
set -eu

missing=
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="chromium"
command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Tests that need these are skipped; install them to run all:$missing" >&2
  exit 0
fi
echo "Installing for the tests:$missing" >&2
# Debian's package would start a server of its own; only its binaries are wanted.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # names, one word each
apt-get install -qq -y --no-install-recommends $missing >/dev/null
