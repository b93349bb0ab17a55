# Every target works in a fresh clone: it first installs what it needs into .venv.
# ARGS passes arguments on: make test ARGS='-k session_log', make bench ARGS='engines'.
VENV := .venv
BIN := $(VENV)/bin
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CANDIDATES := python3 python3.13 python3.12 python3.11

# The first candidate that runs and is a supported version; PYTHON=... selects another.
ifndef PYTHON
PYTHON := $(shell for p in $(CANDIDATES); do $$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done)
endif
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test check coverage release bench bench-service clean

help:
	@echo "make install   install the package and all development tools in $(VENV)"
	@echo "make demo      simulate sessions, train, evaluate, then serve on http://127.0.0.1:8000"
	@echo "make test      run the default tests, in less than three minutes"
	@echo "make check     check style, format, import rules, types, Dockerfiles and shell scripts"
	@echo "make coverage  run the default tests and fail if their coverage is below the floor"
	@echo "make release   build a source archive and a wheel in dist/, and check them"
	@echo "make bench     list the benchmarks; ARGS=NAME runs one, ARGS=all runs all"
	@echo "make bench-service  measure the service under load from k6, with and without its cache"
	@echo "make clean     remove $(VENV) and all build output"

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

# mypy, pyright and editors find the packages through this link; `pip install -e` does not need it.
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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt -e '.[release]'
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
