# Two commands: `make lab` to learn, `make test` to prove. docs/contributor.md says what each target is for.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup lab test test-all lint check build bench pretrain ladder lock packages

setup:
	@$(PYTHON) tools/environment.py

lab: setup
	@$(BIN)/course lab $(if $(PORT),--port $(PORT))

test: setup packages lint check
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: setup packages lint check
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m ""

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

check: setup
	@$(BIN)/python tools/check.py

build: setup
	@$(BIN)/python tools/build.py

bench: setup
	@for bench in tools/bench*.py; do $(BIN)/python $$bench || exit; done

pretrain: setup
	@$(BIN)/python -m course.pretrain --size $(or $(SIZE),1m) --folder runs/$(or $(SIZE),1m)

ladder: setup
	@$(BIN)/python -m course.ladder

lock: setup
	@$(BIN)/python tools/lock.py

packages:
	@$(PYTHON) tools/debian.py
