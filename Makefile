# `make app` opens the app, `make test` runs the checks and the quick tests, `make test-all` every test.
# `make fuzz` and `make fuzz-parsers` try damaged and hostile files, see docs/hardening.md.
# `make lock` writes requirements.lock, `make audit` looks for known holes, `make sbom` lists what is installed.
# `make bench` measures this project beside other tools, see docs/performance.md.
# Each creates .venv in the checkout when there is none.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# Work is spread by test; tests that share something costly name a group, and a group stays in one process.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --max-worker-restart 0
SCANNED := mmer_core ui pages app.py recipes
# of `make fuzz`: how many files, and which; of `make fuzz-parsers`: seconds for each reader
COUNT ?= 20000
SEED ?= 0
SECONDS ?= 30
FUZZ := OMP_NUM_THREADS=1 PYTHONPATH=tests:. $(BIN)/python -m fuzz
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: app test test-all fuzz fuzz-parsers bench check bandit format lock audit sbom clean

app: $(VENV)/.app
	$(BIN)/streamlit run app.py

test: check
	$(PYTEST) -m "not long" tests

test-all: check
	$(PYTEST) tests

fuzz: $(VENV)/.dev
	$(FUZZ).campaign --count $(COUNT) --seed $(SEED) --keep build/fuzz

fuzz-parsers: $(VENV)/.dev
	$(FUZZ).coverage_guided --seconds $(SECONDS)

bench: $(VENV)/.app
	$(BIN)/python -m benchmarks.bench

check: bandit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bandit: $(VENV)/.dev
	$(BIN)/bandit -q -r -c pyproject.toml $(SCANNED)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The exact versions of requirements.txt and of all that they need, with the hashes of their files, for every system.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" requirements.txt -o requirements.lock

# Needs the network: pip-audit asks a public service about each locked package.
audit: bandit
	$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict

# CycloneDX, of what is installed in .venv.
sbom: $(VENV)/.dev
	mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json $(BIN)/python

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
