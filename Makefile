# Two commands a new user needs: `make demo` and `make test`. Each sets itself up.
# Which Python makes the environment; empty takes the first of python3, python3.13, … that is new enough.
PYTHON ?=
# Published cases beside the checkout, where there are any.
CASEBOOK := $(wildcard ../shared/casebook)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

TRUTHS := truth_text truth_scan truth_pictures truth_planted truth_moving
# How long `make fuzz` takes, for all formats together.
SECONDS ?= 600

.PHONY: truth fuzz demo test test-fast lint types contracts law-check law-mutants law-properties check bench attack lock clean setup reference

setup: $(STAMP)

$(STAMP): requirements/lock.txt pyproject.toml
	@scripts/set-up "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(STAMP)
	@$(BIN)/carnet demo --folder .demo

test: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

test-fast: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

contracts: $(STAMP)
	@$(BIN)/lint-imports

law-check: $(STAMP)
	@$(BIN)/carnet law check

# Change every number, day and condition of the law once: which case notices? Names what survives.
law-mutants: $(STAMP)
	@$(BIN)/carnet law mutants $(CASEBOOK)

# The three properties of the movement document, 100,000 times each, and what every rule was meanwhile; then a
# million rows answered at once and each alone.
law-properties: $(STAMP)
	@$(BIN)/python scripts/law_properties.py --each 100000 --rows 1000000

check: lint types contracts law-check test

# What a scan says of real files, beside other tools. How much of what is there is masked: labelled pictures, a planted
# set, moving subjects. Each script says what it leaves out where ../shared is absent; the first that holds a bar not
# ends with an error, after all have run.
truth: $(STAMP)
	@failed=0; for one in $(TRUTHS); do $(BIN)/python scripts/$$one.py || failed=1; done; exit $$failed

bench: $(STAMP)
	@scripts/set-up-bench "$(PYTHON)" .venv-bench
	@$(BIN)/python scripts/bench.py

# Readers against inputs that coverage guides (atheris, for maintainers). Findings go to .fuzz/.
fuzz: $(STAMP)
	@scripts/set-up-fuzz "$(PYTHON)" $(VENV) .venv-fuzz
	@.venv-fuzz/bin/python scripts/fuzz_formats.py --seconds $(SECONDS)

# What an attacker gets who knows the rules: homes, tokens, faces, and planted values in every byte.
attack: $(STAMP)
	@$(BIN)/python scripts/attack.py

# Maintainers: make the locks anew (needs `uv` on the path).
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --all-extras --group dev pyproject.toml -o requirements/lock.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate requirements/fuzz.in -o requirements/fuzz.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --overrides requirements/bench-overrides.txt requirements/bench.in -o requirements/bench.txt

reference: $(STAMP)
	@$(BIN)/python scripts/make_reference.py

clean:
	rm -rf .demo .bench
