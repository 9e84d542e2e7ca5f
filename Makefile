# Two commands for a fresh machine: `make train` and `make test`. Each sets up what it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
PYTHON311 ?= python3.11
PYTHON312 ?= python3.12
PYTHON313 ?= python3.13
VENV ?= .venv
# The versions to install; empty: the newest that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
RUN := $(VENV)/bin/python

.PHONY: help setup lock train sweep study docs models demo media test test-slow test-matrix torture audit lint format bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-11s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## create the virtual environment and install melgen with its tools

$(VENV)/.ready: pyproject.toml src/melgen/__init__.py $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[dev]'
	touch $@

# One file for all systems and Pythons that pyproject.toml allows: --universal marks what only some of them need.
lock: setup ## choose the versions of constraints.txt again, the newest that pyproject.toml allows
	$(RUN) -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
	$(VENV)/bin/uv pip compile --quiet --universal --upgrade --extra dev --extra docs --constraint .ci/torch.txt --no-annotate \
	  --custom-compile-command 'make lock' --output-file constraints.txt pyproject.toml

train: setup ## train a network with rhythm on the embedded corpus, let it write songs (ARGS= appends overrides)
	$(RUN) -m melgen.train rhythm=factored $(ARGS)

sweep: setup ## the 45 networks: 3 representations x 3 cells x 5 depths
	$(RUN) -m melgen.train -m dataset=control,interval,db12 cell=lstm,gru,rnn layers=1,2,3,4,5 $(ARGS)

study: setup ## the whole study at a size for a laptop: 45 networks, tables and figures, about half an hour
	$(RUN) -m melgen.study experiment=quick $(ARGS)

docs: setup ## the documentation as a site with a search, site/index.html; links are checked
	$(RUN) -m pip install --quiet --disable-pip-version-check $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[docs]'
	$(RUN) -m zensical build --strict --clean

models: setup ## train the networks that come with melgen, two seeds of each, about 40 minutes of one core
	$(RUN) models/make_models.py

demo: setup ## docs/demo.html, the page of these networks
	$(RUN) docs/make_demo.py

media: setup ## a small training, the animation of its page and the sounds of the documentation (needs Chromium)
	$(RUN) docs/make_media.py

test: setup ## the quick tests: CPU, offline, two minutes on two cores
	$(RUN) -m pytest -m 'not slow' -n auto --dist loadfile $(ARGS)

test-slow: setup ## the long tests: trainings, sweeps, studies, the browser, SLURM, packaging
	$(RUN) -m pytest -m slow -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## formatting, style, types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

format: setup ## mend formatting and what style can be mended by itself
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: setup ## all benchmarks in one table, about ten minutes on an idle machine
	$(RUN) benchmarks

audit: setup ## look up every installed package in the advisories for Python
	$(RUN) -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7,<3'
	$(RUN) .ci/audit.py

torture: setup ## hours of kills, full disks, hostile files, long runs and SLURM: the claims of docs/reliability.md
	$(RUN) -m torture $(ARGS)

# Versions at either end warn of each other, which is no fault of ours; the newest torch brings gigabytes of CUDA.
test-matrix: setup ## the quick tests: Python 3.12; 3.11 with the lowest versions allowed; 3.13 with the newest
	$(MAKE) test VENV=.venv-3.12 PYTHON=$(PYTHON312)
	$(RUN) .ci/lowest.py > .venv-lowest.txt
	$(MAKE) test VENV=.venv-lowest PYTHON=$(PYTHON311) CONSTRAINTS='.venv-lowest.txt .ci/torch.txt' ARGS='-W default $(ARGS)'
	$(MAKE) test VENV=.venv-newest PYTHON=$(PYTHON313) CONSTRAINTS= ARGS='-W default $(ARGS)'

clean: ## remove the virtual environment and what tools have left; results in multirun/ stay
	rm -rf $(VENV) .venv-3.12 .venv-lowest .venv-lowest.txt .venv-newest dist site .cache .pytest_cache .ruff_cache .mypy_cache .hypothesis
