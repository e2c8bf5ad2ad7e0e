#!/bin/sh
# Writes every file that is made from code; with --check it only says which are stale, and fails.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT

$python -m tenantry_crds.generate "$@"
$python hack/generate_docs.py "$@"
$python hack/generate_chart_docs.py "$@"

# What the door knows of MLflow: $1 is printed by the module $2 of the backend.
table() {
  $python -W ignore -m "$2" >"$fresh"
  if [ "$mode" != --check ]; then
    cat "$fresh" >"$1"
  elif ! cmp -s "$fresh" "$1"; then
    echo "$1 is stale: run make fmt" >&2
    exit 1
  fi
}

mode=${1:-}
table tenant_api/tenantry_api/classify/mlflow_3_17_2.json tenantry_backend.routes
table tenant_api/tenantry_api/classify/mlflow_3_17_2_ui.json tenantry_backend.ui
