# What a contributor types. `make` alone lists the targets; README.md says what they show.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
INSTALLED := $(VENV)/tree/rnnmm

# The interpreter that makes .venv: PYTHON=... if given, else the first of these that runs.
PYTHON ?= $(shell for candidate in python3.11 python3.12 python3; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$candidate && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench check types format lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install rnnmm into it (minutes the first time, then instant)

demo: setup ## train and evaluate all four tasks on the synthetic corpus, then write the page
	$(BIN)/rnnmm demo run.dir=runs/demo

# A process for each core, and none of them with threads of its own.
test: setup ## the quick test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

bench: setup ## install the peers, then measure this machine and this program beside them
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[dev,bench]'
	$(BIN)/rnnmm bench all

check: setup ## lint, format, types, structure
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory types
	$(BIN)/python -m pytest tests/test_structure.py

# mypy knows nothing of package-dir mappings: it is shown links in the layout of the wheel.
types: setup
	@rm -rf $(INSTALLED) && mkdir -p $(INSTALLED)
	@ln -s $(addprefix $(CURDIR)/,$(wildcard rnnmm/*) pipelines configs data) $(INSTALLED)/
	MYPYPATH=$(VENV)/tree $(BIN)/mypy -p rnnmm

format: setup ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## upgrade everything pyproject.toml allows and pin the outcome in constraints.txt
	$(BIN)/python -m pip install --upgrade --upgrade-strategy eager -e '.[dev,bench]'
	{ grep '^#' constraints.txt \
		&& $(BIN)/python -m pip freeze --all --exclude pip --exclude-editable; \
	} > $(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt
	touch $(STAMP)

# setuptools comes first and from the same lock: the build then needs no environment of its own.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install -c constraints.txt setuptools
	$(BIN)/python -m pip install -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

# Debian ships Python without ensurepip (it is in python3-venv); a pip outside can then help.
$(BIN)/pip:
	@if [ -z "$(PYTHON)" ]; then \
		echo "make setup: expected Python 3.11 or newer on the PATH, found none;" \
			"install python3, or name one with PYTHON=/path/to/python3.11" >&2; exit 1; \
	elif ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "make setup: expected Python 3.11 or newer, got PYTHON=$(PYTHON);" \
			"name another with PYTHON=/path/to/python3.11" >&2; exit 1; \
	elif "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		"$(PYTHON)" -m venv $(VENV); \
	elif "$(PYTHON)" -c 'import pip, venv' 2>/dev/null; then \
		"$(PYTHON)" -m venv --without-pip $(VENV) \
		&& "$(PYTHON)" -m pip --python $(BIN)/python install pip; \
	else \
		echo "make setup: $(PYTHON) cannot make virtual environments (no ensurepip, no pip);" \
			"install its venv module (Debian: apt install python3-venv)" >&2; exit 1; \
	fi
