# Everything runs from .venv, which `make setup` builds from the hashed lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BENCH_READY := .venv/.bench-ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast torture bench bench-node-red serve check format lock

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY) ## the environment in .venv, from the hashed lock

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 setup"; exit 1; }
	@echo "Setting up .venv (once, about a minute) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

demo: setup ## drive orders through the whole bridge and show what happened
	@$(BIN)/panelr-bridge demo

test: setup ## the whole suite, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -n 3 --dist worksteal

test-fast: setup ## the unit tests only: no database, no server, under 20 seconds
	@$(BIN)/python -m pytest -q -n 2 tests/unit

torture: setup ## kill and overload real processes for ten minutes, and count every order
	@$(BIN)/python -m tests.torture

bench: $(BENCH_READY) ## measure the bridge beside the least that its work can cost, within ten minutes
	@$(BIN)/python -m bench

$(BENCH_READY): $(READY) requirements/bench.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.lock
	@touch $@

bench-node-red: $(BENCH_READY) .node-red/.ready ## measure Node-RED with the same job beside both (needs npm)
	@$(BIN)/python -m bench --only node-red --out docs/bench-node-red

.node-red/.ready: bench/node-red/versions
	@npm install --prefix .node-red --no-audit --no-fund --loglevel=error $$(cat $<)
	@touch $@

serve: setup ## start the bridge with the settings of .env
	@$(BIN)/panelr-bridge migrate && exec $(BIN)/panelr-bridge serve

check: setup ## format, lint, types, import contracts
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: setup ## put the code into shape
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"

lock: ## resolve the dependencies anew (needs uv)
	$(LOCK) pyproject.toml -o requirements/run.lock
	$(LOCK) --group build -c requirements/run.lock -o requirements/build.lock
	$(LOCK) --group dev -c requirements/run.lock pyproject.toml -o requirements/dev.lock
	$(LOCK) --group bench -c requirements/dev.lock -o requirements/bench.lock
