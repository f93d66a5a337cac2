# The README's commands. PYTHON is the interpreter that .venv is made with.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done || true)
BIN := .venv/bin

.PHONY: try test lint install dev bench picture readme recipe-smoke clean

try: install  ## see the built-in model complete real code
	@$(BIN)/codels try

test: dev lint  ## everything that must hold: style, types, unit, contract, end to end in Neovim
	CODELS_NVIM_INSTALL=1 $(BIN)/python -m pytest

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install:
	@$(or $(PYTHON),python3) .ci/install.py

dev:
	@$(or $(PYTHON),python3) .ci/install.py dev

bench: install
	$(BIN)/codels bench

recipe-smoke:  ## the built-in model's recipe from text to a suggestion, with a toy
	@$(or $(PYTHON),python3) .ci/install.py dev models/tiny/requirements.txt
	$(BIN)/mypy models/tiny
	$(BIN)/python -m pytest tests/recipe
	$(BIN)/python -m pytest tests/backends -k transformers
	$(BIN)/python models/tiny/smoke.py

picture:  ## the README's picture, taken from a real Neovim in tmux
	@$(or $(PYTHON),python3) .ci/install.py dev picture
	$(BIN)/python tests/e2e/picture/picture.py editors/nvim/ghost.png

readme: install  ## the README's table of models, from their cards
	$(BIN)/python .ci/readme.py

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
