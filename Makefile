# The targets a person calls and the targets CI calls are the same ones. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help install serve train train-all test test-all mutants load lint types contracts format lock image clean

HOST ?= 127.0.0.1
PORT ?= 8000
STORE ?= store
PYTHON ?=
IMAGE_TAG ?= manifold:latest
BAKE ?= none
SCENARIO ?= poison
URL ?=
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
LOCK := requirements/dev.txt
INSTALLED := $(VENV)/.installed
# Written by a finished install: the lock's digest. A changed lock, or an install that was interrupted, runs it again.
DIGEST = $(shell cksum < $(LOCK) | tr ' ' -)

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Variables: HOST=$(HOST) PORT=$(PORT) STORE=$(STORE) PYTHON=$(or $(PYTHON),python3) IMAGE_TAG=$(IMAGE_TAG) BAKE=$(BAKE) SCENARIO=$(SCENARIO) URL=$(URL)"

install:  ## .venv with the locked dependencies; does nothing when they are there
	@[ "$$(cat $(INSTALLED) 2>/dev/null)" = "$(DIGEST)" ] || tools/install.sh "$(PYTHON)" $(VENV) $(LOCK) "$(DIGEST)"

serve: install  ## the service on HOST:PORT, at once; models that STORE lacks are trained beside it
	@exec $(PY) -m tools.serve --host $(HOST) --port $(PORT) --store $(STORE)

train: install  ## the models STORE lacks, quick preset
	@exec $(PY) -m training --missing --preset quick --store $(STORE)

train-all: install  ## every default model, quick preset, as new versions
	@exec $(PY) -m training --all --preset quick --store $(STORE)

test: install  ## the tests, README and docs included
	$(PY) -m pytest -m "not slow"

test-all: install  ## the slow tests too
	$(PY) -m pytest

mutants: install  ## which changes to the batching core no test would notice (MUTANTS='*_settle*' for some; docs/mutants.md)
	$(VENV)/bin/mutmut run --max-children 2 $(MUTANTS)
	$(VENV)/bin/mutmut results

load: install  ## a promise under load: SCENARIO=overload, of a service at URL=… or one started on STORE; ARGS=--help
	@$(PY) -m benchmarks $(SCENARIO) $(if $(URL),--url $(URL),--store $(STORE)) $(ARGS)

lint: install  ## ruff: rules and format
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

format: install  ## ruff: put right what it can
	$(VENV)/bin/ruff check --fix-only
	$(VENV)/bin/ruff format

types: install  ## mypy, strict
	$(VENV)/bin/mypy

contracts: install  ## who may import whom
	$(VENV)/bin/lint-imports --no-cache

# Universal: one file for every platform and for Python 3.11 upwards. Resolved without regard to this machine's settings.
# The backends of buckets are left out: nothing here needs them, and who does installs one.
UV_COMPILE = $(VENV)/bin/uv pip compile pyproject.toml --quiet --no-config \
	--universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-header --no-annotate
lock: install  ## requirements/*.txt from pyproject.toml (UPGRADE=--upgrade for the newest)
	$(UV_COMPILE) $(UPGRADE) --extra runtime --extra remote --extra training --extra tensorboard --group dev --output-file requirements/dev.txt
	$(UV_COMPILE) --extra runtime --extra remote --constraint requirements/dev.txt --output-file requirements/serve.txt

# An IMAGE_BUILD of your own is called with the folder and the tag, in this order.
image:  ## the CPU image (BAKE=quick trains the models into it)
ifdef IMAGE_BUILD
	$(IMAGE_BUILD) . $(IMAGE_TAG)
else
	docker build --build-arg BAKE=$(BAKE) -t $(IMAGE_TAG) .
endif

clean:  ## what was made here, except STORE
	rm -rf $(VENV) mutants .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find models service training benchmarks tools tests -name __pycache__ -type d -exec rm -rf {} +
