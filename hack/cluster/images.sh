#!/usr/bin/env bash
# Makes the images that the node and its tests take from this machine: what build.sh built, and Debian's Python and
# PostgreSQL. Seconds; run again after either changed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mkdir -p "$IMAGES"
make() { python3 "$here/mkimage.py" "$IMAGES/$1.tar" "localhost/$1:1" "${@:2}"; }

make pause --file "$BIN/pause:/pause" --entrypoint /pause
make coredns --file "$BIN/coredns:/coredns" --entrypoint /coredns

etc=$(mktemp -d)
trap 'rm -r "$etc"' EXIT
# initdb asks for the name of its own user.
echo 'nobody:x:65532:65532::/tmp:/usr/bin/sh' >"$etc/passwd"

python=$(readlink /usr/bin/python3)
make python --package python3-minimal --package "$python-minimal" --package "lib$python-minimal" \
  --package "lib$python-stdlib" --package dash --package coreutils --package libc6 --package libstdc++6 --file "$etc/passwd:/etc/passwd" --entrypoint /usr/bin/python3

# The newest that is here. Without what compiles queries, which alone is larger than the rest.
server=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -1)
version=${server#/usr/lib/postgresql/} version=${version%%/*}
make postgresql --package "postgresql-$version" --package "postgresql-client-$version" --package dash --package coreutils \
  --package libc-bin --package tzdata --skip '*/bitcode/*' --skip '*/llvmjit*' --file "$etc/passwd:/etc/passwd" \
  --file "/usr/lib/postgresql/$version/bin/initdb:/usr/bin/initdb" --entrypoint /usr/bin/sh

if [[ -x $BIN/versitygw ]]; then
  make versitygw --file "$BIN/versitygw:/versitygw" --entrypoint /versitygw
fi
