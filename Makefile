# A fresh machine needs Python 3.11 to 3.13 and make; every target installs what it lacks into .venv, once.

VENV := .venv
BIN := $(VENV)/bin
# More than a CI machine has cores: half of the time a test waits for a server, a process or a deadline.
TEST_PROCESSES ?= 3
# Modules are compiled when they are first imported: to compile all of them takes a third of the installation's time.
PIP_INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check --no-input --no-compile -c constraints.txt

# The first interpreter of a version that Prefect's pins allow; a shim that cannot run does not count.
FIND_PYTHON := for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1 \
	&& echo $$python && break; done
PYTHON ?= $(shell $(FIND_PYTHON))

export DO_NOT_TRACK := 1

.PHONY: help demo dev browser services test check format bench soak features clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 with venv was found. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps make the second run quick; the one for development covers what a demo needs.
$(VENV)/.ready: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV), once; this takes a minute or so."
	$(PIP_INSTALL) -e '.[local]'
	@touch $@

$(VENV)/.ready-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV), once; this takes a minute or so."
	$(PIP_INSTALL) -e '.[dev,local]'
	@touch $(VENV)/.ready $@

$(VENV)/.ready-bench: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV), once; this takes a minute or so."
	$(PIP_INSTALL) -e '.[dev,local,bench]'
	@touch $(VENV)/.ready $(VENV)/.ready-dev $@

demo: $(VENV)/.ready ## Run a plan of agent tasks with a small model on this machine; no key needed
	@$(BIN)/agentic-prefect demo

dev: $(VENV)/.ready ## Start a local Prefect server and a worker, and deploy the flows
	@$(BIN)/agentic-prefect dev

# Those of automations have a server of their own, since they would keep others waiting, and mostly wait themselves.
test: $(VENV)/.ready-dev ## Run the tests
	@log=$$(mktemp); trap 'rm -f $$log' EXIT; \
	$(BIN)/pytest -m automations tests/cli tests/docs tests/hosting >$$log 2>&1 & beside=$$!; \
	trap 'kill $$beside; exit 130' INT TERM; \
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadgroup -m "not automations"; code=$$?; \
	wait $$beside || code=$$?; cat $$log; exit $$code

browser: ## Install Chromium for the tests of the UI, where it is missing and Debian's packages can be had
	@.ci/chromium

services: ## Install PostgreSQL and Redis for the test on several workers, where Debian's packages can be had
	@.ci/services

check: $(VENV)/.ready-dev browser services ## Check format, lint and types, then run the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(MAKE) test

format: $(VENV)/.ready-dev ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

features: $(VENV)/.ready-dev ## Write docs/features.md from the rows that the tests cite
	$(BIN)/python -m tests.docs.features --write

bench: $(VENV)/.ready-bench ## Measure against other engines, on this machine
	$(BIN)/python -m benchmarks

soak: $(VENV)/.ready-dev ## Run twenty plans at once on a provider that fails, and kill server and process meanwhile
	$(BIN)/python -m benchmarks.soak

clean: ## Remove the virtual environment and everything that was built
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
