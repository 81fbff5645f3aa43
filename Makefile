# mixtune: `make demo` and `make test` are all that a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_PROCESSES ?= 2

.PHONY: demo test test-benchmarks unit check docs docs-check format base bench bench-search calibration crash t2l clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'mixtune needs Python 3.11 or newer, this is ' + sys.version.split()[0] + '. Try: make demo PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(STAMP)  ## the whole main job on a generated library, a few minutes
	$(BIN)/mixtune demo --again

test: $(STAMP)  ## every test of the product that this machine can run, in PYTEST_PROCESSES processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PYTEST_PROCESSES) -m "not benchmarks and not docs"

test-benchmarks: $(STAMP)  ## tests of what `make bench` and its like measure with
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PYTEST_PROCESSES) -m benchmarks

unit: $(STAMP)  ## tests without Ray and without models, about five minutes
	$(BIN)/python -m pytest -m "not ray and not torch and not books and not browser and not notebook and not benchmarks and not docs"

check: $(STAMP)  ## style, types, layers, and the rules of the house: kinds, sizes, private names
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/*.py
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/test_kinds.py tests/test_layout.py tests/test_private_names.py tests/test_dependencies.py tests/test_words.py

docs: $(STAMP)  ## serve the documentation on http://127.0.0.1:8000
	$(BIN)/mkdocs serve

docs-check: $(STAMP)  ## build the documentation, where a warning is an error; run its code and the examples
	$(BIN)/mkdocs build --quiet --strict
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PYTEST_PROCESSES) -m docs

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

base: $(STAMP)  ## make the shipped base model anew, about six minutes
	$(BIN)/python -m studies.demo.make_base

calibration: $(STAMP)  ## how well intervals hold and rankings rank; GAMES=folder of exhaustive games, 10 to 25 minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[calibration]"
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.calibration $(GAMES)

bench: $(STAMP)  ## trials an hour against the stack that one would write instead, about seven minutes
	$(BIN)/python -m tests.benchmarks.throughput

bench-search: $(STAMP)  ## samplers and pruners by regret; TABLES=folder of the public tables, about fifteen minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[calibration]"
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.search_regret $(TABLES)

t2l: $(STAMP)  ## Text-to-LoRA against its rivals, docs/text_to_lora_results.md anew, about 25 minutes
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m tests.benchmarks.t2l

crash: $(STAMP)  ## a hundred kills of a driver at random moments, on SQLite and PostgreSQL, about 16 minutes
	$(BIN)/python -m tests.crash

clean:
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis
