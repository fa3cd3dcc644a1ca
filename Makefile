# Setup, checks and apps. `make` alone prints what there is.
#
# TORCH is what pip is asked for as torch, options included; it is remembered in .venv until
# another one is given. A build for a GPU, for instance:
#   make setup TORCH="torch --index-url <index from PyTorch's install page>"

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV   := .venv
PY     := $(VENV)/bin/python
EXTRAS := smiles,python_code,midi,moses,optimise,bo,evaluate,app,tracking,dev
SOUND  := tinysoundfont>=0.3.7,<0.4
PORT   ?= 8501
HOST   ?= 127.0.0.1
APP    ?= home
DOMAIN ?= smiles

# The first interpreter that is new enough; only looked for while .venv is being built.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

# One test process a core (at most four), each with one thread.
TEST_JOBS   ?= $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$((n < 4 ? n : 4)))
# Files stay whole: fixtures of a module are made once.
TEST_DIST   ?= loadfile
PYTEST_ARGS ?=
TEST_ENV := PYTHONHASHSEED=0 OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1

# A file of pinned versions, which the gate sets; empty: the newest that pyproject.toml allows.
CONSTRAINTS ?=
PIN := $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

# --- setup: the stamp is good while pyproject.toml, the folder and TORCH are what they were ------
STAMP      := $(VENV)/.setup-done
TORCH_USED := $(VENV)/.torch-requirement
TORCH_REQ  := $(or $(strip $(TORCH)),$(strip $(shell cat $(TORCH_USED) 2>/dev/null)),torch==2.13.0)
SETUP_KEY  := $(CURDIR) [$(EXTRAS)] $(TORCH_REQ)$(if $(CONSTRAINTS), $(CONSTRAINTS) $(shell cksum <$(CONSTRAINTS)))
export TORCH_REQ SETUP_KEY

.PHONY: help setup app test test-rest test-all check lint types lock format data browser clean distclean FORCE

help: ## print this list
	@echo 'make TARGET [NAME=value ...]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name what; do printf '  %-10s %s\n' "$$name" "$$what"; done

setup: $(STAMP) ## build .venv with everything the toolkit needs (TORCH= another torch)

ifneq ($(strip $(shell cat $(STAMP) 2>/dev/null)),$(strip $(SETUP_KEY)))
$(STAMP): FORCE
endif
$(STAMP): pyproject.toml
	@test -n '$(PYTHON)' || { echo 'make setup: needs Python 3.11 or newer (PYTHON=/path/to/python3.11)' >&2; exit 1; }
	@echo 'Setting up $(VENV); the first time takes a few minutes.'
	@rm -f $@
	@$(PY) -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) || \
	  { echo 'make setup: $(PYTHON) could not make $(VENV); on Debian: apt-get install python3-venv' >&2; exit 1; }
	@# torch goes first and alone, so that TORCH= can name another build and index for it.
	@set -f; if [ -f $(TORCH_USED) ] && [ "$$(cat $(TORCH_USED))" != "$$TORCH_REQ" ]; then \
	  $(PY) -m pip uninstall --yes --quiet torch; fi; \
	$(PY) -m pip install --disable-pip-version-check $(PIN) $$TORCH_REQ && printf '%s\n' "$$TORCH_REQ" > $(TORCH_USED)
	@$(PY) -m pip install --disable-pip-version-check $(PIN) --editable '.[$(EXTRAS)]'
	@# without its dependencies: it asks for an audio device's library, which playing to a file needs not.
	@$(PY) -m pip install --disable-pip-version-check $(PIN) --no-deps '$(SOUND)'
	@printf '%s\n' "$$SETUP_KEY" > $@

# --- run -----------------------------------------------------------------------------------------
app: setup ## serve the apps in the browser (APP=molecules for one, PORT=8501 HOST=127.0.0.1)
	$(PY) -m streamlit run apps/$(APP).py --server.address $(HOST) --server.port $(PORT) \
	  --server.showEmailPrompt false --browser.gatherUsageStats false

data: setup ## fetch, verify, split and tokenise the training data (DOMAIN=smiles)
	$(PY) -m data_prep.$(DOMAIN)

# --- checks --------------------------------------------------------------------------------------
PYTEST := $(TEST_ENV) $(PY) -m pytest -n $(TEST_JOBS) --dist $(TEST_DIST)

test: setup ## run the tests that matter, in minutes (PYTEST_ARGS='-k name', TEST_JOBS=2)
	TVAE_TESTS=quick $(PYTEST) -m 'not slow or essential' $(PYTEST_ARGS)

test-rest: setup ## run the others: browsers, faults, fuzz, processes, README, all examples
	$(PYTEST) -m 'slow and not essential or hypothesis' $(PYTEST_ARGS)

test-all: setup ## run all of them
	$(PYTEST) $(PYTEST_ARGS)

lint: setup ## ruff: rules and formatting; import-linter: which room imports which
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-cache --no-logo

types: setup ## mypy --strict on tvae_core and domains
	$(PY) -m mypy

check: lint types test-all ## lint, types and all tests

lock: setup ## pin what .venv holds for the gate, in .ci/constraints.txt; list the licences
	@{ echo '# Versions that the gate installs (CPython 3.11); written by `make lock`.'; \
	  $(PY) -m pip list --format=freeze --exclude-editable --disable-pip-version-check \
	  --exclude pip --exclude setuptools --exclude wheel | sed 's/+.*//'; } > .ci/constraints.txt
	$(PY) -m tests.supply.licences

format: setup ## rewrite the code as ruff wants it
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

browser: ## install Debian's Chromium, for the browser tests
	@for b in chromium chromium-browser google-chrome; do \
	  if command -v $$b >/dev/null; then echo "browser: $$(command -v $$b)"; exit 0; fi; done; \
	if ! command -v apt-get >/dev/null; then \
	  echo 'make browser: no apt-get here; install Chromium with your package manager' >&2; exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=env; elif command -v sudo >/dev/null; then as_root='sudo env'; else \
	  echo 'make browser: as root, run: apt-get install chromium fonts-dejavu-core' >&2; exit 1; fi; \
	export_apt='DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300'; \
	$$as_root $$export_apt update && \
	$$as_root $$export_apt install -y --no-install-recommends chromium fonts-dejavu-core && \
	command -v chromium || { echo 'make browser: Chromium could not be installed' >&2; exit 1; }

clean: ## remove caches and build products (not .venv, data or runs)
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find apps data_prep domains tests tvae_core -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv as well
	rm -rf $(VENV)
