# make demo | test | lint | bench | gui | docs | release | fuzz | soak        (CONTRIBUTING.md says what each is for)

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
# One thread a process: more of them spin against each other on a busy machine.
# pytest compiles napari, whose plugin it is, at each start unless that is kept.
TEST_ENV := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=
# A crash of Python is a failure at once: with workers begun anew xdist has waited for ever.
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider -n 2 --dist loadfile --max-worker-restart 0 --durations 10

.PHONY: demo test lint bench gui docs release fuzz soak constraints clean
.DEFAULT_GOAL := demo

demo: .venv/.base
	$(BIN)/spatialrecon demo --out demo-output

# A file of tests at a time on either core: everything on PyQt6, then what
# needs Qt on PySide6 as well.
test: .venv/.test
	tools/system-libraries.sh
	$(BIN)/ruff check .
	@status=0; \
	$(TEST_ENV) QT_API=pyqt6 PYTEST_QT_API=pyqt6 $(PYTEST) || status=$$?; \
	$(TEST_ENV) QT_API=pyside6 PYTEST_QT_API=pyside6 $(PYTEST) tests/viewer --qt-only || status=$$?; \
	exit $$status

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -f src/napari_spatialrecon/napari.yaml ]; then \
		$(BIN)/npe2 validate src/napari_spatialrecon/napari.yaml; fi
	$(BIN)/python tools/check_docstrings.py

bench: .venv/.base
	@for file in benchmarks/bench_*.py; do echo "$$file"; $(BIN)/python $$file || exit 1; done

gui: .venv/.test
	$(BIN)/python tools/gui.py

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# sdist and wheel, and the demo from the wheel in an environment of its own.
release:
	tools/release.sh $(PYTHON)

# Hostile inputs, runs that are killed at random, and random use of the window: each for as long
# as SECONDS says.
SECONDS ?= 600
SEED ?= 0
RIG := $(TEST_ENV) QT_QPA_PLATFORM=offscreen PYTHONPATH=tests $(BIN)/python -m

fuzz: .venv/.test
	$(RIG) hostile.trial --seconds $(SECONDS) --seed $(SEED)
	$(RIG) hostile.fuzz --seconds $(SECONDS) --seed $(SEED)

soak: .venv/.test
	$(RIG) faults.kills --seconds $(SECONDS) --seed $(SEED)
	$(RIG) faults.monkey --seconds $(SECONDS) --seed $(SEED)

# Resolve anew, in an environment of its own, and write down what came out.
constraints:
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/pip install --quiet ".[test,docs]"
	{ head -2 constraints.txt; build/constraints/bin/pip freeze \
		| grep '==' | sed 's/+.*//' | sort -f; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean:
	rm -rf .venv build dist site demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.python:
	@[ -n "$(PYTHON)" ] || { \
		echo "Expected Python 3.11 or newer, found none. Try: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv .venv || { \
		rm -rf .venv; \
		echo "Expected Python's venv module, found none. Try: apt-get install python3-venv" >&2; \
		exit 1; }
	@touch $@

.venv/.base: pyproject.toml constraints.txt | .venv/.python
	@echo "Installing napari-spatialrecon into .venv (a few minutes the first time) ..."
	$(INSTALL) -e .
	@touch $@

.venv/.test: pyproject.toml constraints.txt | .venv/.python
	@echo "Installing napari-spatialrecon and its tests into .venv (minutes the first time) ..."
	$(INSTALL) -e ".[test]"
	@touch .venv/.base $@

.venv/.docs: pyproject.toml constraints.txt | .venv/.python
	$(INSTALL) -e ".[docs]"
	@touch $@
