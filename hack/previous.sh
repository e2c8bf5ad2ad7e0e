#!/bin/sh
# What an upgrade begins with: the files and the images of the commit before this one, or of the one that UPGRADE_FROM
# names, in ${XDG_CACHE_HOME:-~/.cache}/tenantry/previous and under the tag `previous`. It has to run before the images of
# this commit are built: what the last run built for its own commit is then found again, and nothing is built.
# Where there is no commit before it, as in a shallow clone, `commit` is empty, and no upgrade is tested.
set -eu
cd "$(dirname "$0")/.."
folder="${XDG_CACHE_HOME:-$HOME/.cache}/tenantry/previous"
rm -rf "$folder"
mkdir -p "$folder/source"
commit=$(git rev-parse --verify --quiet "${UPGRADE_FROM:-HEAD^}^{commit}") || {
  [ -z "${UPGRADE_FROM-}" ] || { echo "There is no commit '$UPGRADE_FROM' here" >&2; exit 1; }
  touch "$folder/commit"
  exit 0
}
# Modes as in a checkout, so that the layers are the same.
git -c tar.umask=0022 archive "$commit" | tar -xf - -C "$folder/source"
hack/images.sh --source "$folder/source" --tag previous
git rev-parse --short "$commit" >"$folder/commit"
