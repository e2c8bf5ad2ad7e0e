#!/usr/bin/env bash
# Ends the node that up.sh started, and removes all it had. Harmless when there is none. KEEP_LOGS=FOLDER copies its logs
# there first.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[[ -d $DIR ]] || exit 0
if [[ ${KEEP_LOGS-} && -d $DIR/log ]]; then mkdir -p "$KEEP_LOGS"; cp -r "$DIR/log/." "$KEEP_LOGS/"; fi

# The number counts only while its process is node.sh, of whichever checkout: it may have been given to another since.
ours() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -e /cluster/node.sh; }
# A zombie is gone too: it waits for its new parent, who may be slow to reap.
gone() { ! grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }

# Every other process is in this one's PID namespace, and ends with it.
if [[ -e $DIR/pid/node ]]; then
  node=$(<"$DIR/pid/node")
  if ours "$node"; then kill -KILL "$node" 2>/dev/null || true; wait_for 20 gone "$node"; fi
fi
if [[ -e $DIR/sysctl.saved ]]; then   # written before anything of the host is touched
  # The link and its routes go with the node's network namespace, but a little later; a new up.sh must not meet them.
  if ip link show "$LINK" >/dev/null 2>&1; then ip link del "$LINK" 2>/dev/null || true; fi
  for c in /sys/fs/cgroup/*/"$CGROUP"; do
    # shellcheck disable=SC2015 # either may fail
    [[ -d $c ]] && find "$c" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
  sysctl -q -p "$DIR/sysctl.saved"
  if [[ -s $DIR/made ]]; then xargs rmdir --ignore-fail-on-non-empty <"$DIR/made" || true; fi
fi
rm -rf "$DIR"
