#!/bin/sh
# Build the images: hack/images.sh [--source FOLDER --tag TAG] [operator] [api] [backend]; all three without a name. With
# Docker where its engine answers, else with buildah as root. Each is tried, and ends up as an archive that containerd,
# kind and Docker load: ${XDG_CACHE_HOME:-~/.cache}/tenantry/images/tenantry-operator.tar and so on, named
# localhost/tenantry-operator:dev. Those of another checkout get another tag, and lie in a folder of that name beside them.
# What did not change is not built again. Remove that folder to begin anew.
set -eu

source=$(dirname "$0")/.. tag=dev
while case "${1-}" in --source) source=$2 ;; --tag) tag=$2 ;; *) false ;; esac do shift 2; done
cd "$source"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/tenantry/images"
archives=$cache
[ "$tag" = dev ] || archives=$cache/$tag
mkdir -p "$archives"
exec 9>"$cache/lock"
flock 9 # one at a time: whoever comes second finds everything built

dockerfile() {
  case $1 in
    operator) echo operator/Dockerfile ;;
    api) echo tenant_api/Dockerfile ;;
    backend) echo operator/backend.Dockerfile ;;
    *) echo "There is no image '$1': operator, api, backend" >&2; exit 1 ;;
  esac
}

# All that an image is made from, as one hash.
inputs() {
  find "$(dockerfile "$1")" .dockerignore LICENSE README.md pyproject.toml crds operator tenant_api hack/images.sh \
    hack/image_check.py requirements/uv.txt requirements/build.txt "requirements/$1.txt" \
    -name __pycache__ -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
}

# This machine's way to a package index, for pip and uv in the build: secrets of the build, in no layer.
secrets() {
  mkdir -p "$cache/secrets"
  chmod 700 "$cache/secrets"
  env | sed -n "s/'/'\\\\''/g; s/^\(\(PIP\|UV\)_[A-Z_]*\(INDEX\|INDEX_URL\|HOST\|TIMEOUT\|STRATEGY\)\|\
[A-Za-z]*_\(proxy\|PROXY\)\)=\(.*\)/\1='\5'/p" >"$cache/secrets/index"
  authorities="${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
  if [ -r "$authorities" ]; then cat "$authorities"; fi >"$cache/secrets/authorities"
}

store() {
  mkdir -p "$cache/tmp"
  TMPDIR="$cache/tmp" buildah --root "$cache/storage" --runroot "$cache/run" --storage-driver "${STORAGE_DRIVER:-overlay}" "$@"
}

needs() {
  missing=
  for program in buildah mmdebstrap; do command -v $program >/dev/null || missing="$missing $program"; done
  [ "$(id -u)" = 0 ] || { echo "Images need Docker's engine, or root and buildah" >&2; exit 1; }
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || { echo "Install these to build images, or start Docker:$missing" >&2; exit 1; }
  echo "Installing for images:$missing" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086 # names, one word each
  apt-get install -qq -y --no-install-recommends $missing >/dev/null
}

# base NAME PACKAGES: of Debian's own packages, where nothing is pulled from a registry. Echoes the image's name.
# usr-is-merged, after that hook has merged it, stands for a package that would bring all of Perl.
base() {
  options="--variant=essential --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged,$2"
  for folder in man doc locale info; do options="$options --dpkgopt=path-exclude=/usr/share/$folder/*"; done
  image="localhost/tenantry-$1:$(echo "$options" | cksum | cut -d ' ' -f 1)"
  echo "$image"
  store inspect --type image "$image" >/dev/null 2>&1 && return
  echo "Making the base image $1 ..." >&2
  set -f # a star is dpkg's
  # shellcheck disable=SC2086 # options, one word each
  mmdebstrap $options bookworm "$cache/base.tar" >"$cache/base.log" 2>&1 || { tail -n 20 "$cache/base.log" >&2; exit 1; }
  set +f
  container=$(store from scratch)
  store add --quiet "$container" "$cache/base.tar" / >/dev/null
  store commit --quiet "$container" "$image" >/dev/null
  store rm "$container" >/dev/null
  rm "$cache/base.tar" "$cache/base.log"
}

build_with_docker() {
  DOCKER_BUILDKIT=1 docker build -q -f "$(dockerfile "$1")" -t "localhost/tenantry-$1:$tag" \
    --secret "id=index,src=$cache/secrets/index" --secret "id=authorities,src=$cache/secrets/authorities" . >/dev/null
}

# build_stage IMAGE NAME OPTION…: what is built has to have a name, or to be part of one that has, to be found again.
build_stage() {
  file=$(dockerfile "$1") name=$2
  shift 2
  store bud --layers --isolation chroot -f "$file" -t "localhost/tenantry-$name:$tag" "$@" \
    --build-arg BASE="$python" --build-arg BUILDER="$builder" \
    --secret "id=index,src=$cache/secrets/index" --secret "id=authorities,src=$cache/secrets/authorities" . \
    >"$cache/build.log" 2>&1 || { tail -n 40 "$cache/build.log" >&2; exit 1; }
}

build_with_buildah() {
  python=$(base python python3,ca-certificates,libstdc++6)
  builder=$(base builder python3,python3-venv,ca-certificates,libstdc++6)
  build_stage "$1" "$1-code" --target code
  build_stage "$1" "$1"
  store rmi --prune >/dev/null # what earlier code was built into
}

# run_with_… IMAGE COMMAND…: as a user without a name, on a read-only file system with a /tmp, and no network.
run_with_docker() {
  image=$1
  shift
  docker run --rm -i --read-only --tmpfs /tmp --network none --user 54321:54321 "localhost/tenantry-$image:$tag" "$@"
}

run_with_buildah() {
  image=$1
  shift
  container=$(store from "localhost/tenantry-$image:$tag")
  root=$(store mount "$container")
  code=0
  # shellcheck disable=SC2016 # the inner shell's
  unshare --mount --net --pid --fork sh -euc '
    root=$1; shift
    mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" && mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/dev"
    touch "$root/dev/null" && mount --bind /dev/null "$root/dev/null"
    exec chroot --userspec=54321:54321 --groups= "$root" /usr/bin/env -i HOME=/tmp PATH=/opt/tenantry/bin:/opt/code/bin:/usr/bin:/bin "$@"
  ' sh "$root" "$@" || code=$?
  store umount "$container" >/dev/null
  store rm "$container" >/dev/null
  return $code
}

# Each image has all that its program imports, and the program itself says what it wants and ends with 2.
try() {
  case $1 in
    operator) packages="tenantry_operator tenantry_crds tenantry_catalog" module=tenantry_operator ;;
    api) packages="tenantry_api tenantry_catalog" module=tenantry_api ;;
    backend) packages="tenantry_backend" module=tenantry_backend.pod ;;
  esac
  # shellcheck disable=SC2086 # names, one word each
  "run_with_$engine" "$1" python -W ignore - $packages <hack/image_check.py
  code=0
  said=$("run_with_$engine" "$1" python -m "$module" 2>&1) || code=$?
  [ $code = 2 ] || { echo "python -m $module without settings ends with $code, not 2: $said" >&2; exit 1; }
}

build() {
  rm -f "$archives/$1.inputs"
  secrets
  "build_with_$engine" "$1"
  rm -rf "$cache/secrets"
  try "$1"
}

tag_with_docker() { docker tag "localhost/tenantry-$1:dev" "localhost/tenantry-$1:$tag"; }
tag_with_buildah() { store tag "localhost/tenantry-$1:dev" "localhost/tenantry-$1:$tag"; }
# same IMAGE HASH: what `dev` was made from the same is this one too.
same() { [ "$(cat "$cache/$1.inputs" 2>/dev/null)" = "$2" ] && "tag_with_$engine" "$1" 2>/dev/null; }

save_with_docker() { docker save -o "$2" "localhost/tenantry-$1:$tag"; }
# Docker's format, because its layers are not compressed: to pack a gigabyte takes longer than all the rest.
save_with_buildah() { store push --quiet "localhost/tenantry-$1:$tag" "docker-archive:$2:localhost/tenantry-$1:$tag"; }

if docker info >/dev/null 2>&1; then engine=docker; else engine=buildah; fi
[ $# -gt 0 ] || set -- operator api backend
for image in "$@"; do
  hash="$(inputs "$image")"
  archive="$archives/tenantry-$image.tar"
  [ -e "$archive" ] && [ "$(cat "$archives/$image.inputs" 2>/dev/null)" = "$hash" ] && continue
  [ $engine = docker ] || needs
  echo "Building localhost/tenantry-$image:$tag ..." >&2
  same "$image" "$hash" || build "$image"
  rm -f "$archives/new.tar"
  "save_with_$engine" "$image" "$archives/new.tar"
  mv "$archives/new.tar" "$archive"
  echo "$hash" >"$archives/$image.inputs"
done
