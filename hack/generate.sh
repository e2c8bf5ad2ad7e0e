#!/bin/sh
# Writes every file that is made from code; with --check it only says which are stale, and fails.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

$python -m tenantry_crds.generate "$@"
$python hack/generate_docs.py "$@"
