# On a fresh machine with Python 3.11 or newer: make demo, make test. Both install what they need into .venv first: the
# demo what facetwise itself needs, everything else the tools and tests of its developers too.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
READY_TO_RUN := .venv/.ready-to-run
INSTALL = $(BIN)/uv pip install --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt --editable .

# Compiled once, and not again by each of the hundred commands that the tests start: 3 seconds of torch alone.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check docs soak bench clean

help:
	@echo "make demo    draw a small catalogue, train on it, show what the model says"
	@echo "make test    every check and every test; a quarter of an hour on two cores"
	@echo "make check   format, lint, types and layers; seconds"
	@echo "make docs    the documentation, in docs/_build; warnings are errors"
	@echo "make soak    kill training and extraction a hundred times at random moments, fill disks; an hour"
	@echo "make bench   the benchmarks, one after another; many hours"
	@echo "make clean   remove what was built; .venv stays"

# Where everything is installed already, nothing less is installed over it.
demo: $(if $(wildcard $(READY)),$(READY),$(READY_TO_RUN))
	$(BIN)/facetwise demo --overwrite
	@echo
	@echo "facetwise is in .venv. For this shell to find it:"
	@echo "  . .venv/bin/activate"

test: check
	$(BIN)/pytest -n 2 --dist worksteal --durations 25

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/ty check src
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q docs docs/_build

soak: $(READY)
	$(BIN)/python tests/faults/kill_runs.py --stage train --runs 100
	$(BIN)/python tests/faults/kill_runs.py --stage extract --runs 30
	$(BIN)/python tests/faults/kill_commands.py --runs 20
	$(BIN)/python tests/faults/together.py
	@if unshare --map-root-user --mount true; then \
	  unshare --map-root-user --mount $(BIN)/python tests/faults/full_disk.py; \
	else echo "left out: tests/faults/full_disk.py mounts a small disk, which \`unshare\` is not allowed to do here"; fi

bench: $(READY)
	for file in benchmarks/[a-z]*.py; do $(BIN)/python "$$file" || exit 1; done

clean:
	rm -rf build dist docs/_build facetwise-demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache src/*.egg-info
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# uv installs in a quarter of pip's time; pip is only there to fetch uv.
define an_environment
@command -v $(PYTHON) > /dev/null || { echo "Python is missing. On Debian: sudo apt install python3 python3-venv"; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "Python 3.11 or newer is needed; $(PYTHON) is older. Name another: make PYTHON=/path/to/python3.12"; exit 1; }
@test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
  echo "Python cannot make virtual environments here. On Debian: sudo apt install python3-venv"; exit 1; }
test -x $(BIN)/python || $(PYTHON) -m venv .venv
$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
endef

$(READY_TO_RUN): pyproject.toml constraints.txt
	$(an_environment)
	$(INSTALL)
	touch $@

$(READY): pyproject.toml constraints.txt
	$(an_environment)
	$(INSTALL) --group dev
	touch $@
