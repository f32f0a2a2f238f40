# Run `just` to list the recipes. Everything runs in the active virtual environment.

default:
    @just --list

# Style, types, layers and import cycles
check:
    ruff check .
    ruff format --check .
    mypy
    lint-imports

# The fast tests
test *arguments:
    pytest -n auto {{arguments}}

# The slow tests
slow *arguments:
    pytest -n auto -m slow {{arguments}}

# The fast tests, with the lines of hwr that none of them runs
coverage *arguments:
    pytest -n auto --cov {{arguments}}

# The wording of help texts and documentation, their links and options
docs:
    pytest tests/test_wording.py tests/test_documentation.py

# All checks in a fresh virtual environment
ci:
    .ci/run
