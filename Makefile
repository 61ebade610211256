# The every-day commands. On a fresh machine `make run` needs Python 3.11+ and make, nothing else.
# Paths below are relative on purpose: the folder's own name may hold spaces.

# Which Python makes .venv, as in `make clean run PYTHON=python3.13`. Empty: the first that fits.
PYTHON ?=
# Added to the command that a target ends in, for example `make test ARGS="-k purge"`.
ARGS ?=
# Set by `make upgrade`.
UPGRADE =

PYTHONS = $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11 python)
BIN = .venv/bin

# pip reads these; a private pip configuration (`user = true`) must not reach into .venv.
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1
export PIP_ROOT_USER_ACTION = ignore
export PIP_USER = 0

.DEFAULT_GOAL = help
.DELETE_ON_ERROR:
.NOTPARALLEL:
# What must hold on PostgreSQL as well; `make test` runs only some of it on both databases.
ON_POSTGRES := $(addprefix tests/,services download upload links web)

.PHONY: help run test torture bench screenshots lint format pins upgrade clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1#/p' Makefile | awk -F'#' '{ printf "%-16s%s\n", $$1, $$2 }'

run: .venv/run.installed ## Install what the server needs, then serve on http://127.0.0.1:8000
	@$(BIN)/python -m minifile serve $(ARGS)

test: .venv/test.installed .venv/node.installed .venv/swift.installed ## Install what the tests need, then run them all but the torture
	$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=8 $(ARGS)

torture: .venv/test.installed .venv/node.installed .venv/swift.installed ## Run the large and slow tests, one at a time
	$(BIN)/python -m pytest --database=postgres --numprocesses=logical --maxprocesses=8 $(ON_POSTGRES)
	$(BIN)/python -m pytest -m torture --timeout=3600 $(ARGS)

bench: .venv/run.installed .bench/peers.installed .bench/node.installed ## Measure beside the peers, minutes long; writes docs/performance.md
	$(BIN)/python -m bench $(ARGS)

screenshots: .venv/test.installed .venv/node.installed ## Take the pictures in docs/screenshots anew
	$(BIN)/python tools/screenshots.py

lint: .venv/dev.installed ## Check format, style, types and the layer line
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.installed ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The packages that build minifile are pinned too, because it is installed without build isolation.
BUILD_REQUIRES = $(BIN)/python -c 'import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
COMPILE = $(BUILD_REQUIRES) | $(BIN)/uv pip compile pyproject.toml - --quiet $(UPGRADE) \
	--extra preview --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-config

pins: | $(BIN)/python ## Remake requirements/*.txt from pyproject.toml, keeping versions that still fit
	@$(BIN)/python -m pip install --quiet 'uv>=0.9,<1'
	@mkdir -p requirements
	$(COMPILE) --group dev --output-file requirements/dev.txt
	$(COMPILE) --group test --constraint requirements/dev.txt --output-file requirements/test.txt
	$(COMPILE) --constraint requirements/dev.txt --output-file requirements/run.txt
	$(COMPILE) --extra postgres --extra s3 --extra gcs --extra redis --extra oidc --extra analytics --extra metrics --constraint requirements/dev.txt \
		--output-file requirements/engines.txt
	printf 'swift\nkeystonemiddleware\n' | $(BIN)/uv pip compile - --quiet $(UPGRADE) --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-config --output-file requirements/swift.txt

upgrade: UPGRADE = --upgrade
upgrade: pins ## Remake requirements/*.txt with the newest versions that pyproject.toml allows

clean: ## Remove .venv, caches and builds; instance/ with its uploads stays
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find minifile migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

# dev.txt holds all of test.txt, and test.txt all of run.txt, at the same versions (a test sees to
# it); so the larger installation marks the smaller ones as done.
define install
	@echo "Installing requirements/$(1).txt into .venv"
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(BIN)/python -m ensurepip > /dev/null
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/$(1).txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endef

.venv/run.installed: requirements/run.txt pyproject.toml $(BIN)/python
	$(call install,run)
	@touch $@

.venv/test.installed: requirements/test.txt pyproject.toml $(BIN)/python
	$(call install,test)
	@touch .venv/run.installed $@

.venv/dev.installed: requirements/dev.txt pyproject.toml $(BIN)/python
	$(call install,dev)
	@touch .venv/run.installed .venv/test.installed $@

# node and npm come as a wheel with the tests' packages.
.venv/node.installed: .venv/test.installed $(wildcard tests/node/*) tests/node/.npmrc
	@echo "Installing tests/node/package-lock.json into .venv/node"
	@rm -rf .venv/node && mkdir -p .venv/node && cp tests/node/*.js* tests/node/.npmrc .venv/node
	@PATH="$$PWD/.venv/bin:$$PATH" npm ci --prefix .venv/node --ignore-scripts --loglevel=error --no-audit --no-fund
	@touch $@

# The S3 server of the tests. Its packages are many, and none of ours.
.venv/swift.installed: requirements/swift.txt $(BIN)/python
	@echo "Installing requirements/swift.txt into .venv/swift"
	@$(BIN)/python -m venv --clear .venv/swift
	@.venv/swift/bin/python -m pip install --quiet --require-hashes --requirement $<
	@touch $@

.bench/peers.installed: requirements/bench.txt $(BIN)/python
	@echo "Installing the peers into .bench/peers"
	@$(BIN)/python -m venv --clear .bench/peers
	@.bench/peers/bin/python -m pip install --quiet --require-hashes --requirement $<
	@touch $@

# Without npm, or when it fails, the benchmark goes on and names what is left out.
.bench/node.installed: $(wildcard bench/node/*) bench/node/.npmrc
	@rm -rf .bench/node && mkdir -p .bench/node && cp $^ .bench/node
	@if command -v npm > /dev/null; then \
	  echo "Installing the peers into .bench/node"; \
	  npm ci --prefix .bench/node --ignore-scripts --omit=optional --silent && touch $@ \
	    || rm -rf .bench/node/node_modules; \
	fi

# Takes the first Python that is new enough and can make a virtual environment. Debian and Ubuntu
# keep the modules venv and ensurepip in a package of their own.
$(BIN)/python:
	@old=; bare=; \
	for python in $(PYTHONS); do \
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) \
	    || continue; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { old="$$old $$version"; continue; }; \
	  "$$python" -c 'import ensurepip, venv' 2> /dev/null || { bare="$$bare $$version"; continue; }; \
	  echo "Making .venv with Python $$version"; \
	  exec "$$python" -m venv --clear .venv; \
	done; \
	if [ -n "$$bare" ]; then \
	  set -- $$bare; \
	  echo "Python $$1 is here, but not its venv module. On Debian and Ubuntu install it with" >&2; \
	  echo "    apt install python$$1-venv" >&2; \
	else \
	  echo "minifile needs Python 3.11 or newer, and found$${old:- none}. Install one, or name it:" >&2; \
	  echo "    make PYTHON=/path/to/python3" >&2; \
	fi; \
	exit 1
