# Everyday commands; CI runs the same ones. `uv run just --list` shows them.

# Lint, types, layers, generated docs, then every test.
all: lint test

# Style, types, the direction of imports, and docs that are generated from the code.
lint:
    uv run ruff check
    uv run ruff format --check
    uv run mypy
    uv run lint-imports
    uv run python -m docs.generate --check

# Fix what can be fixed, and generate the docs.
fix:
    uv run ruff check --fix
    uv run ruff format
    uv run python -m docs.generate

# Tests without servers, browsers, models and killed processes: about two minutes on two cores.
fast *arguments:
    uv run pytest -m fast {{arguments}}

# Every test, with the slowest 25.
test *arguments:
    uv run pytest --durations=25 {{arguments}}

# Damaged and random inputs for all that reads strangers' data: a minute each, two at a time.
fuzz *arguments:
    uv run python -m tests.fuzz {{arguments}}

# A small feed on this machine.
demo:
    uv run image-tags demo
