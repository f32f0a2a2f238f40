"""The environment of child processes."""

import os
from pathlib import Path

TESTS = Path(__file__).parent.parent


def child_environment(**changes: object) -> dict[str, str]:
    """Return the environment of this process with these changes, in which a child finds `helpers` as well."""
    paths = filter(None, (str(TESTS), os.environ.get("PYTHONPATH")))
    changes = {"PYTHONPATH": os.pathsep.join(paths)} | changes
    return os.environ | {name: str(value) for name, value in changes.items()}
