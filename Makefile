# make run [RAW=folder]   the whole pipeline, on a folder or on the built-in phantom
# make test               the test suite
# make check              lint, types, import layers
# make drill              harm done on purpose, and what was noticed and mended of it
# make bench              timings side by side, as ratios
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run test check drill bench clean

run: $(VENV)/.run
	@$(BIN)/cmrpipe run $(if $(RAW),--source "$(RAW)") $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

drill: $(VENV)/.dev
	@$(BIN)/python -m drill $(ARGS)

bench: $(VENV)/.bench
	@$(BIN)/python -m bench

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing pinned packages (the first time this takes some minutes)"
	@$(PIP) -e '.[predict,flows]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing the development tools"
	@$(PIP) -e '.[predict,flows,remotes,dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(PIP) -e '.[predict,flows,remotes,dev,bench]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
