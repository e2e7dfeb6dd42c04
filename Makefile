# Two commands are all a newcomer needs: `make up` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROTOS := $(shell find protos -name '*.proto')

.PHONY: help up demo test coverage check gen gen-check format lint types imports contracts lock clean bench

help:  ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/pip check --disable-pip-version-check
	@touch $@

up: $(STAMP)  ## Start the whole mesh on this machine
	$(BIN)/residency up

demo: $(STAMP)  ## Run the demonstration on a running mesh, or on one of its own
	$(BIN)/residency demo

test: $(STAMP)  ## Run all tests
	$(BIN)/python -m pytest -n 2 --no-loadscope-reorder

coverage: $(STAMP)  ## Run all tests, and fail where they miss more than 5 % of ingest and the durable log
	$(BIN)/python -m pytest -n 2 --no-loadscope-reorder --cov

check: $(STAMP) format lint types imports contracts gen-check coverage  ## Everything CI checks

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports --no-cache

contracts: $(STAMP)
	$(BIN)/buf lint
	@if git rev-parse -q --verify HEAD~1 >/dev/null && git ls-tree -d HEAD~1 protos | grep -q .; then $(BIN)/buf breaking --against '.git#ref=HEAD~1'; fi

gen: $(STAMP)  ## Generate gen/ from protos/
	rm -rf gen/sankofa
	$(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=gen --pyi_out=gen --grpc_python_out=gen $(PROTOS)
	find gen/sankofa -type d -exec touch {}/__init__.py \;

gen-check: gen
	@git diff --exit-code --stat -- gen && test -z "$$(git status --porcelain -- gen)" || { echo "gen/ differs from protos/: run 'make gen' and commit"; exit 1; }

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

lock: $(STAMP)  ## Pin every dependency with its hash, for work on it, to run it, and to install it
	$(LOCK) --extra dev -o requirements.lock pyproject.toml
	$(LOCK) --constraint requirements.lock -o requirements-run.lock pyproject.toml
	echo hatchling | $(LOCK) --constraint requirements.lock -o requirements-build.lock -

bench: $(STAMP)  ## Measure ingest beside its floor
	$(BIN)/residency bench ingest

clean:  ## Remove the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
