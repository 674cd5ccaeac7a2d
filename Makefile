# `make app` opens the app, `make test` runs the checks and the quick tests, `make test-all` every test.
# Each creates .venv in the checkout when there is none.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# Work is spread by test; tests that share something costly name a group, and a group stays in one process.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --max-worker-restart 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: app test test-all check format clean

app: $(VENV)/.app
	$(BIN)/streamlit run app.py

test: check
	$(PYTEST) -m "not long" tests

test-all: check
	$(PYTEST) tests

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# A stamp for each requirements file: a changed file installs again, an unchanged one costs nothing.
$(VENV)/.app: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements.txt
	$(BIN)/python -m pip install -q --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.app
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	touch $@

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ": set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
