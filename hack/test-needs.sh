#!/bin/sh
# What tests need from the system: a Chromium to drive, and a PostgreSQL of the machine's own beside the wheel's.
# Root on Debian gets them installed; anyone else is told, and those tests are skipped with a reason.
set -eu

missing=
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="chromium"
command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # names, one word each
"$(dirname "$0")/debian.sh" $missing || {
  status=$?
  [ "$status" = 3 ] || exit "$status"
  echo "Tests that need these are skipped." >&2
}
