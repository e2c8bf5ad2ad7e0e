# Tenantry's few commands. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help demo up test test-apiserver apiserver test-e2e cluster images check bench fmt clean lock

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# MLflow asks for these, its server does not: training, plots, and what those need. tests/mlflow/test_image_routes.py
# holds that its routes are the same without them.
UNUSED := contourpy cycler fonttools joblib kiwisolver matplotlib narwhals pillow prettytable pyparsing scikit-learn \
  scipy skops threadpoolctl wcwidth
COMPILE := pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header -q
# What `make up` serves, and what else `tenantry up` shall be given: make up UP="--port 9090".
MANIFESTS ?= hack/samples
UP ?=

help:
	@awk -F ': .*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## start everything, run the story end to end, stop everything
	@$(BIN)/python hack/demo/story.py

up: $(INSTALLED) ## start everything in the foreground; Ctrl-C stops it, the data stays
	@exec $(BIN)/tenantry up --manifests $(MANIFESTS) $(UP)

test: $(INSTALLED) ## run all tests
	@hack/test-needs.sh
	@$(BIN)/pytest -q $(TESTS)

test-apiserver: $(INSTALLED) apiserver ## run the tests against a real Kubernetes API server
	@REQUIRE=apiserver $(BIN)/pytest -q tests/apiserver

apiserver: ## build that API server, once; needs Go and some minutes
	@hack/cluster/build.sh control-plane

test-e2e: $(INSTALLED) cluster ## run the tests against a whole installation on a real Kubernetes node; needs root
	@REQUIRE=e2e $(BIN)/pytest -q tests/e2e

cluster: ## build that node, its images, and those to upgrade from, once; needs root, Go and ten minutes
	@hack/cluster/needs.sh
	@hack/cluster/build.sh
	@hack/cluster/images.sh
	@hack/previous.sh || echo "The commit before this one cannot be built, and a test will fail for it" >&2
	@hack/images.sh

images: ## build the three images; with Docker, or as root with buildah
	@hack/images.sh

check: $(INSTALLED) ## lint, format, types, import contracts, generated files
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports
	@hack/generate.sh --check

bench: $(INSTALLED) ## measure against the goals
	@$(BIN)/python -m bench

fmt: $(INSTALLED) ## format, sort imports, write the generated files
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet
	@hack/generate.sh

clean: ## remove the environment and all caches; the data of `make up` stays in .tenantry
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Not on the list, since only a change of dependencies needs it: names and hashes, no addresses.
lock: $(INSTALLED)
	echo 'uv' | $(BIN)/uv $(COMPILE) --no-annotate - -o requirements/uv.txt
	$(BIN)/uv $(COMPILE) --all-extras --group dev pyproject.toml -o requirements/all.txt
	@# What an image installs: the same versions, and of each extra alone.
	echo 'hatchling' | $(BIN)/uv $(COMPILE) --no-annotate -c requirements/all.txt - -o requirements/build.txt
	$(BIN)/uv $(COMPILE) --no-annotate -c requirements/all.txt --extra operator pyproject.toml -o requirements/operator.txt
	$(BIN)/uv $(COMPILE) --no-annotate -c requirements/all.txt --extra api pyproject.toml -o requirements/api.txt
	$(BIN)/uv $(COMPILE) --no-annotate -c requirements/all.txt --extra backend \
	  $(addprefix --no-emit-package ,$(UNUSED)) pyproject.toml -o requirements/backend.txt

# A bare pip does not resolve the open set; uv installs the lock in seconds, checks each archive against its hash, and
# takes away what has left the lock.
$(INSTALLED): pyproject.toml requirements/uv.txt requirements/all.txt
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit("Tenantry needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements/uv.txt requirements/all.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
