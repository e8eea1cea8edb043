# Chargewell: `make demo` shows it, `make test` proves it. Both make their own environment from requirements.lock.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do $$p -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)

.PHONY: help demo test check format services torture bench lock clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Chargewell needs Python 3.11 or 3.12; none was found. Install one, or name it: make PYTHON=/path/to/python3.12 demo"; exit 1; }
	@echo "making the environment in $(VENV) with $$($(PYTHON) --version), from requirements.lock"
	@$(PYTHON) -m venv $(VENV) || { echo "venv failed; on Debian install the package python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/.ready  ## thirty days of history, then a live simulated network; DEMO_SECONDS=120 ends it by itself
	@$(BIN)/chargewell demo

test: $(VENV)/.ready check  ## everything: checks, unit, property and integration tests on real services
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.ready  ## formatting, lint, types, layers
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 6

format: $(VENV)/.ready  ## format and mend what can be mended by itself
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

services:  ## Debian, as root: install Mosquitto, PostgreSQL 17 with TimescaleDB, Chromium
	@bash .ci/services

torture: $(VENV)/.ready  ## the long form of "twice the same": 20 kills of each process, 5 of Kafka and the database
	@$(BIN)/chargewell torture

bench: $(VENV)/.ready  ## speed of the chain beside its rivals, ratios from one run
	@$(BIN)/chargewell bench chain

lock: $(VENV)/.ready  ## make requirements.lock anew from pyproject.toml: names, versions, hashes, no addresses
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --output-file requirements.lock

clean:  ## remove the environment and everything the demo stored
	rm -rf $(VENV) .chargewell
