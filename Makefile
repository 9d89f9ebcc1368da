# make book    build the website into _build/html        make test   run every test
# make serve   serve it on localhost                     make check  run the fast tests
# make demo    a class, and every set, through nbgrader  make pdf    the whole book as _build/unrolled.pdf
# make bench   compare with other tools, as ratios       make kit    what students get, as a zip
# make clean   remove what was built
#
# Another Python: make book PYTHON=/path/to/python3.12

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
INSTALLED := .venv/installed
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: book serve pdf kit test test-book test-rest test-full check lint demo bench clean install lock

book: $(INSTALLED)
	@$(BIN)/python book/build.py

serve: book
	@echo "Serving on http://127.0.0.1:$(PORT) (stop with Ctrl-C)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

pdf: book
	@$(BIN)/python book/pdf.py

kit: book
	@$(BIN)/python book/kit.py

# The book's tests share one build and take as long as all the others, so the two run side by side.
test: $(INSTALLED) lint
	@$(MAKE) --no-print-directory -j2 test-book test-rest

test-book:
	@$(BIN)/python -m pytest -m "not full" tests/book

test-rest:
	@$(BIN)/python -m pytest -m "not full" --ignore=tests/book

test-full: $(INSTALLED) lint
	@$(BIN)/python -m pytest

check: $(INSTALLED) lint
	@$(BIN)/python -m pytest -m "not slow and not full"

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

demo: $(INSTALLED)
	@$(BIN)/python -m autograder.demo
	@$(BIN)/python -m autograder.demo.path

bench: $(INSTALLED)
	@$(BIN)/python -m bench

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis *.egg-info

install: $(INSTALLED)

# The stamp is written last: an installation that broke off is started again from nothing.
$(INSTALLED): requirements.txt requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: '$(PYTHON)' was not found. Install Python 3.11, 3.12 or 3.13, or name one: make book PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "make: Unrolled needs Python 3.11, 3.12 or 3.13; this is $$($(PYTHON) --version 2>&1). Name another: make book PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing into .venv (a few minutes the first time) …"
	@rm -f $@
	@$(PYTHON) -m venv --clear .venv || { echo "make: could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements.txt -c requirements.lock -e . \
	  || { echo "make: the packages could not be installed (see above). Is there a network? Then run make again." >&2; exit 1; }
	@touch $@

# For maintainers: hold still everything that the pins in requirements.txt bring along.
lock: $(INSTALLED)
	@$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock
