# make demo, make demo-run and make test each set up what they need: a virtual environment with pinned versions.
PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python
READY   = $(VENV)/.ready

# Not among them: validation, which trains the whole zoo (`make bench BENCHMARKS=validation`, an hour or more).
BENCHMARKS ?= engine fingerprint gate inside judges log organisms redteam scanners sequential training triggers whitebox

# Two more than there are cores, since some tests wait for processes that they started; six at most.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(min(6, (os.cpu_count() or 1) + 2))")

.PHONY: demo demo-run test test-slow bench nulls docs lint clean

demo: $(READY)
	$(VENV)/bin/modelassay demo

demo-run: $(READY)
	OMP_NUM_THREADS=1 $(VENV)/bin/modelassay run demo

test: $(READY) lint
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not slow"

test-slow: $(READY)
	OMP_NUM_THREADS=1 $(PY) -m pytest -m slow

bench: $(READY)
	@failed=; for subject in $(BENCHMARKS); do echo "== $$subject"; \
	  $(PY) benchmarks/$$subject.py || failed="$$failed $$subject"; done; \
	  if [ -n "$$failed" ]; then echo "could not be measured, or missed a goal:$$failed"; exit 1; fi

# Null distributions of organisms, 200 fine-tunes a base; hours. What was measured is kept, and goes on.
nulls: $(READY)
	@for shape in llama neox; do OMP_NUM_THREADS=1 $(VENV)/bin/modelassay nulls --organisms --count 200 \
	  --seeds 0,1 --architecture $$shape --work build/nulls-$$shape \
	  --out src/modelassay/validation/nulls/$$shape.json || exit 1; done

docs: $(READY)
	$(PY) docs/generate.py

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

# torch first and alone: its pinned build is for the CPU, and later steps then find it installed.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) build dist demo demo-run assay .pytest_cache .mypy_cache .ruff_cache
