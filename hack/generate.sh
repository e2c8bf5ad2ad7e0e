#!/bin/sh
# Writes every file that is made from code; with --check it only says which are stale, and fails.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

$python -m tenantry_crds.generate "$@"
$python hack/generate_docs.py "$@"
$python hack/generate_chart_docs.py "$@"

# MLflow's routes and messages, which the door's table is made from.
table=tenant_api/tenantry_api/classify/mlflow_3_17_2.json
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
$python -W ignore -m tenantry_backend.routes >"$fresh"
if [ "${1:-}" != --check ]; then
  cat "$fresh" >"$table"
elif ! cmp -s "$fresh" "$table"; then
  echo "$table is stale: run make fmt" >&2
  exit 1
fi
