# Needs only Python >= 3.11 and make. PYTHON=python3.12 chooses another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.run-installed
DEV_STAMP := $(VENV)/.dev-installed

.PHONY: demo test check check-style check-mypy check-pyright bench mutants golden lock format clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(DEV_STAMP): requirements-dev.lock $(RUN_STAMP)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

demo: $(RUN_STAMP)
	$(BIN)/leadrobin demo

test: $(DEV_STAMP)
	$(BIN)/python -m pytest -n auto --cov --cov-report=term

# The two type checkers take most of the time: `make -j2 check` runs them side by side.
check: check-style check-mypy check-pyright

check-style: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m tests.support.check_migrations
	$(BIN)/python -m tests.support.check_lock

check-mypy: $(DEV_STAMP)
	$(BIN)/mypy

check-pyright: $(DEV_STAMP)
	$(BIN)/pyright

bench: $(DEV_STAMP)
	$(BIN)/python -m tests.benchmarks

# Hours of one core. A second run tries what changed since; `rm -r mutants` begins afresh.
# FILES="connector/cycle/rows/*.py" tries other files than those named in pyproject.toml.
mutants: $(DEV_STAMP)
	cd "$$($(BIN)/python -m tests.support.mutants folder $(FILES))" && \
	nice -n 10 $(CURDIR)/$(BIN)/mutmut run --max-children 1 && \
	$(CURDIR)/$(BIN)/mutmut results --all true | $(CURDIR)/$(BIN)/python -m tests.support.mutants

golden: $(DEV_STAMP)
	LEADROBIN_TEST_WRITE_GOLDEN=1 $(BIN)/python -m pytest -q -n auto tests/acceptance

lock: | $(BIN)/python
	$(BIN)/python -m tests.support.check_lock --write

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis
