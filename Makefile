# Everything a person or a CI needs, from a bare machine with Python. `make help` lists it.

VENV := .venv
BIN  := $(VENV)/bin
PIP   = $(BIN)/python -m pip --disable-pip-version-check install $(QUIET) --require-hashes
QUIET := -qq

# The first of these versions that is installed, pyenv's included. 3.14 comes last: all that the server needs has wheels for
# it, but TensorFlow has none yet. PYTHON=/path/to/python overrides.
PYTHON_VERSIONS ?= 3.13 3.12 3.11 3.14
PYTHON ?= $(shell for version in $(PYTHON_VERSIONS); do \
	for python in python$$version "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version.*/bin/python python3 python; do \
		"$$python" -c "import ensurepip, sys; sys.exit('%d.%d' % sys.version_info[:2] != '$$version')" 2>/dev/null \
			&& echo "$$python" && exit; \
	done; done)

# One file for every Python from 3.11 on and every platform; markers tell where they differ.
COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" --universal --python-version 3.11 $(UPGRADE)
LOCK = $(COMPILE) pyproject.toml

# onnxruntime's official builds report to their maker unless told not to
export ORT_DISABLE_TELEMETRY ?= 1
export CUTOUT_HOST ?= 127.0.0.1
export CUTOUT_PORT ?= 8000

NODE_MODULES = tests/sdk/node_modules/.package-lock.json

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: serve
serve: $(VENV)/.server ## install the server (no TensorFlow) and run it on CUTOUT_HOST:CUTOUT_PORT (127.0.0.1:8000)
	exec $(BIN)/python -m app

.PHONY: serve-gpu
serve-gpu: ## the same on an NVIDIA GPU, in an environment of its own (.venv-gpu)
	$(MAKE) VENV=.venv-gpu .venv-gpu/.gpu
	CUTOUT_PROVIDERS="$${CUTOUT_PROVIDERS:-cuda,cpu}" exec .venv-gpu/bin/python -m app

.PHONY: test
test: lint $(VENV)/.sdk $(NODE_MODULES) ## install everything; lint, types, import contracts and all tests
	$(BIN)/python -m pytest $(ARGS)

# pytest passes over directories whose marker is named here, so that this imports no TensorFlow (tests/conftest.py)
FAST = not browser and not deploy and not sdk and not training and not slow

.PHONY: test-fast
test-fast: $(VENV)/.test ## engine and service in a minute: neither lint nor what is slow, or needs a browser or TensorFlow
	$(BIN)/python -m pytest -m "$(FAST)" $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## mutated images through the decoders for a minute (ARGS="--seconds 600 --seed 7")
	$(BIN)/python -m tests.support.fuzz $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## ruff, codespell, mypy and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell -D docs/words.txt -D -
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(VENV)/.dev ## let ruff put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: hooks
hooks: $(VENV)/.dev ## run the same lint before every commit
	$(BIN)/pre-commit install

.PHONY: python
python: ## say which Python the virtual environment is made with
	@echo $(PYTHON)

.PHONY: wheel
wheel: $(VENV)/.dev ## build the wheel and the source distribution, in dist/
	$(BIN)/python -m hatchling build -d dist

.PHONY: docs
docs: $(VENV)/.docs ## build the documentation as a site that works offline, in site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

.PHONY: export-env
export-env: $(VENV)/.export ## install what `.venv/bin/python -m model_export` needs

.PHONY: bench-env
bench-env: $(VENV)/.bench ## install what `.venv/bin/python -m benchmarks.serve` and the other benchmarks need, with rembg

.PHONY: lock
lock: $(VENV)/.dev ## write requirements/ again from pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(LOCK) --extra dev -o requirements/dev.txt
	$(LOCK) --extra test -c requirements/dev.txt -o requirements/test.txt
	$(LOCK) --extra export --extra tune -c requirements/dev.txt -o requirements/export.txt
	$(LOCK) --extra docs -c requirements/dev.txt -o requirements/docs.txt
	$(LOCK) -c requirements/dev.txt -o requirements/server.txt
	$(LOCK) --extra gpu --no-emit-package onnxruntime -c requirements/dev.txt -o requirements/gpu.txt
	$(LOCK) --extra otel -c requirements/dev.txt -o requirements/otel.txt
	$(LOCK) --extra ray -c requirements/dev.txt -o requirements/ray.txt
	$(COMPILE) requirements/sdk.in -o requirements/sdk.txt
	$(COMPILE) requirements/bench.in -o requirements/bench.txt

.PHONY: clean
clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Each set holds the smaller ones. A stamp is as old as its last install, so a second call does nothing.

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "error: none of Python $(PYTHON_VERSIONS) found, with its modules venv and ensurepip;" \
		"say where one is: make PYTHON=/path/to/python …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# A generator of clients, which the tests use, and what its clients need: apart, as it wants an older typer.
$(VENV)/.sdk: requirements/sdk.txt $(VENV)/.created
	@echo "installing $<"
	@$(BIN)/python -m venv --without-pip $(VENV)/sdk
	@$(BIN)/python -m pip --disable-pip-version-check --python $(VENV)/sdk/bin/python install -qq --require-hashes -r $<
	@touch $@

# rembg's server, which the benchmarks run beside ours: apart, so that neither decides the other's versions.
$(VENV)/.bench: requirements/bench.txt $(VENV)/.export
	@echo "installing $<"
	@$(BIN)/python -m venv --without-pip $(VENV)/rembg
	@$(BIN)/python -m pip --disable-pip-version-check --python $(VENV)/rembg/bin/python install -qq --require-hashes -r $<
	@touch $@

# A client of the API for TypeScript, where there is npm; its test is skipped elsewhere.
$(NODE_MODULES): tests/sdk/package-lock.json
	@if command -v npm >/dev/null; then echo "installing $<"; npm ci --prefix tests/sdk --ignore-scripts --no-audit --no-fund --loglevel=error; fi

# TensorFlow takes minutes: what pip says of its progress is shown.
$(VENV)/.export: QUIET :=

$(VENV)/.%: requirements/%.txt $(VENV)/.created
	@echo "installing $<"
	@$(PIP) -r $<
	@touch $@
