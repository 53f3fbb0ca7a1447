# Docent. Two commands are enough: `make run` opens it, `make test` checks it. Both may be repeated at any time.
# PYTHON=python3.12 chooses another Python; CMAKE_ARGS="-DGGML_CUDA=on" builds llama.cpp for another device.

PYTHON = python3
BIN = .venv/bin

.PHONY: help run test test-all checks bench adapters clean set-up set-up-dev set-up-window python

help:
	@echo "make run       install Docent into .venv and open its window"
	@echo "make test      all checks, and the tests that are quick"
	@echo "make test-all  all checks, and all tests"
	@echo "make bench     measure speed and memory, print ratios"
	@echo "make adapters  train the adapters that ship anew: several hours on two cores"
	@echo "make clean     remove what was made here: .venv, caches, builds"

run: set-up-window
	@$(BIN)/docent

test: checks
	@$(BIN)/python -m pytest -m "not slow"

test-all: checks
	@$(BIN)/python -m pytest

checks: set-up-dev
	@echo "ruff, mypy and the import contracts"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: set-up-dev
	@$(BIN)/python -m benchmarks

adapters: set-up-dev
	@PYTHON=$(BIN)/python sh tools/make_adapters.sh

set-up-window: python
	@$(PYTHON) tools/set_up.py --window

set-up-dev: python
	@$(PYTHON) tools/set_up.py --dev

python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Docent needs Python 3.11 or newer. Install with:"; \
	  echo "    apt-get install python3 python3-venv"; exit 1; } >&2

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find assistant_app tests benchmarks tools -name __pycache__ -prune -exec rm -rf {} +
