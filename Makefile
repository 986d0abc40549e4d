# `make demo` draws the demo, `make test` runs every check. Both make .venv and install what they need into it.
# Without make: see README.md for the plain pip and conda lines.
PYTHON ?= python3
EXTRAS ?= test

VENV := .venv/bin/python
INSTALL = $(VENV) -m pip install --disable-pip-version-check --quiet --editable
DEMO := out/distractor_demo.png

.PHONY: demo test lessons pictures bench dist clean
.NOTPARALLEL:

demo: .venv/.installed
	@mkdir -p $(dir $(DEMO))
	.venv/bin/minixai demo --save $(DEMO)
	@echo "the demo is in $(CURDIR)/$(DEMO)"

# A compiled kernel reads past the end of an array in silence, plain Python raises: the kernels' tests run as both.
# Two processes share the test files out: a file's fixtures, such as a trained network, are made once.
test: .venv/.installed-$(EXTRAS)
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	NUMBA_DISABLE_JIT=1 $(VENV) -m pytest tests/test_kernels.py
	$(VENV) -m pytest --numprocesses 2 --dist loadfile

lessons: .venv/.installed-test,course
	$(VENV) lessons/build.py

pictures: .venv/.installed-$(EXTRAS)
	$(VENV) -m docs.pictures.build

bench: .venv/.installed-bench
	$(VENV) -m benchmarks

dist: .venv/.installed-test
	$(VENV) -m build

clean:
	rm -rf .venv build dist minixai.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamps: the install is redone when pyproject.toml is newer, or when other extras are asked for.
.venv/.installed: pyproject.toml .venv/bin/pip
	$(INSTALL) .
	@touch $@

.venv/.installed-%: pyproject.toml .venv/bin/pip
	$(INSTALL) '.[$*]'
	@touch $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "minixai needs Python 3.11 or newer, and $(PYTHON) is %d.%d: run make again with PYTHON=path/to/a/newer/python" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
