# Everything a person or a CI machine types. `make` alone prints this list.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for one in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$one $(NEW_ENOUGH) 2>/dev/null && echo $$one && break; done)
BIN := .venv/bin
PYTEST := $(BIN)/pytest

##@Start
.PHONY: help python install run demo clean
help: ## Show this list
	@awk -F':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 4)} /^[a-z][a-z-]*:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

python:
	@$(or $(PYTHON),false) $(NEW_ENOUGH) || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.12"; exit 1; }

install: python ## Install what `make run` needs into .venv (Python 3.11 or later is all it asks)
	@$(PYTHON) devstack/bootstrap.py run

run: install ## Start everything on this machine: Kafka, MongoDB, a provider, mail, the services (PORT_BASE moves the ports)
	@$(BIN)/python -m devstack run

demo: install ## Play the whole story against the running stack: add, log in, read mail, refresh, break, be told, cure
	@$(BIN)/python -m devstack demo

clean: ## Stop what a killed `make run` left, and remove its data and all caches
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m devstack clean; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

##@Check
.PHONY: install-dev check check-code check-unit test-parts test test-all test-deps format
install-dev: python
	@$(PYTHON) devstack/bootstrap.py dev

check: python ## Format, lint, types, import rules, unit tests: under one minute
	@$(MAKE) --no-print-directory -j2 check-code check-unit

check-code: install-dev ## The first half of it: format, lint, import rules, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

check-unit: install-dev ## The second half: unit tests, properties by few examples
	$(PYTEST) tests/unit -q --hypothesis-profile=quick

# Two workers with servers of their own: most of the time of a test is waiting. A file stays with one worker.
WORKERS := -n 2 --dist loadfile

test-parts: install-dev ## Fetch what the tests' servers are made of, before the clock of any test runs
	@$(BIN)/python -m tests.partners.fetch

test: test-parts ## Unit, contract, integration and short end-to-end tests, on real servers
	$(PYTEST) $(WORKERS) -m "not long"

test-all: test ## The same and the long end-to-end tests
	$(PYTEST) -m long

test-deps: ## Install the Debian packages that some tests use (needs root)
	@.ci/test-deps

format: install-dev ## Format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

##@Measure
.PHONY: bench soak
SEED ?=
KILLS ?= 1000
GRANTS ?= 500
PROCESSES ?= 3
bench: install-dev ## Measure against bare libraries in the same run; WHAT=get, refresh, event, counted, takeover, start, import, console, hang, fleet or tick chooses
	$(BIN)/python -m tests.bench

soak: install-dev ## Kill refreshers at random instants, let the provider judge; SEED, KILLS, GRANTS, PROCESSES
	$(BIN)/python -m tests.soak $(if $(SEED),--seed $(SEED)) --kills $(KILLS) --grants $(GRANTS) --processes $(PROCESSES)

##@Generate
.PHONY: contract settings-docs screenshots lock
SETTINGS := $(foreach name,config_service refresher notifier console,services.$(name).settings)

contract: install-dev ## Write schemas/contract/: AsyncAPI, JSON Schemas and golden samples from schemas/
	$(BIN)/python -m schemas.generate

settings-docs: install-dev ## Write docs/settings.md from the settings models
	$(BIN)/python -m grantkeeper.process.settings_table $(SETTINGS) > docs/settings.md

screenshots: install-dev ## Take the pictures of the documentation from a running console
	$(BIN)/python -m tests.e2e.screenshots

lock: install-dev ## Resolve the dependencies of pyproject.toml again into requirements*.txt
	$(BIN)/python -m devstack.lock
