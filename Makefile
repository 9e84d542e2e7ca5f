# Two commands for a fresh machine: `make train` and `make test`. Each sets up what it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
PYTHON311 ?= python3.11
PYTHON312 ?= python3.12
VENV ?= .venv
RUN := $(VENV)/bin/python

.PHONY: help setup train sweep study docs test test-slow test-matrix torture audit lint format bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-11s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## create the virtual environment and install melgen with its tools

$(VENV)/.ready: pyproject.toml src/melgen/__init__.py
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

train: setup ## train the default network on the embedded corpus, let it write songs (ARGS= appends overrides)
	$(RUN) -m melgen.train $(ARGS)

sweep: setup ## the 45 networks: 3 representations x 3 cells x 5 depths
	$(RUN) -m melgen.train -m dataset=control,interval,db12 cell=lstm,gru,rnn layers=1,2,3,4,5 $(ARGS)

study: setup ## the whole study at a size for a laptop: 45 networks, tables and figures, about half an hour
	$(RUN) -m melgen.study experiment=quick $(ARGS)

docs: setup ## the documentation as a site with a search, site/index.html; links are checked
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(RUN) -m zensical build --strict --clean

test: setup ## the quick tests: CPU, offline, under five minutes
	$(RUN) -m pytest -m 'not slow' -n auto --dist loadfile $(ARGS)

test-slow: setup ## the long tests: the whole sweep, packaging, resuming
	$(RUN) -m pytest -m slow -n auto --dist loadfile $(ARGS)

lint: setup ## formatting, style, types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

format: setup ## mend formatting and what style can be mended by itself
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: setup ## all benchmarks in one table, about twenty minutes on an idle machine
	$(RUN) benchmarks

audit: setup ## look up every installed package in the advisories for Python
	$(RUN) -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7,<3'
	$(RUN) .ci/audit.py

torture: setup ## kills, full disks, hostile files, long runs, SLURM: what docs/reliability.md promises, for hours
	$(RUN) -m tests.torture $(ARGS)

# The lowest versions warn of newer packages beside them, which is no fault of ours.
test-matrix: setup ## the quick tests under Python 3.12, and under 3.11 with the lowest versions that are allowed
	$(MAKE) test VENV=.venv-3.12 PYTHON=$(PYTHON312)
	$(RUN) .ci/lowest.py > .venv-lowest.txt
	PIP_CONSTRAINT=.venv-lowest.txt $(MAKE) test VENV=.venv-lowest PYTHON=$(PYTHON311) ARGS='-W default $(ARGS)'

clean: ## remove the virtual environment and what tools have left; results in multirun/ stay
	rm -rf $(VENV) .venv-3.12 .venv-lowest .venv-lowest.txt dist site .cache .pytest_cache .ruff_cache .mypy_cache .hypothesis
