"""Child processes: their environment, and calls of a function of a test module."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent
CALL = "import pickle, sys; function, arguments = pickle.load(open(sys.argv[1], 'rb')); function(*arguments)"


def child_environment(**changes: object) -> dict[str, str]:
    """Return the environment of this process with these changes, in which a child finds `helpers` as well."""
    paths = filter(None, (str(TESTS), os.environ.get("PYTHONPATH")))
    changes = {"PYTHONPATH": os.pathsep.join(paths)} | changes
    return os.environ | {name: str(value) for name, value in changes.items()}


@dataclass(frozen=True)
class Ended:
    """The exit code of a child (negative: the signal that ended it), and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str


def run_children(
    folder: Path, environments: Sequence[dict[str, object]], function: Callable[..., object], *arguments: Any
) -> list[Ended]:
    """Call a function of a module in child processes at the same time, one for each environment (changes only)."""
    call = folder / "call.pickle"
    call.write_bytes(pickle.dumps((function, arguments)))
    fixed = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": 1}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CALL, str(call)],
            env=child_environment(**fixed, **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in environments
    ]
    done = [child.communicate(timeout=300) for child in children]
    return [Ended(child.returncode, *streams) for child, streams in zip(children, done, strict=True)]


def run_child(folder: Path, function: Callable[..., object], *arguments: Any) -> Ended:
    """Call a function of a module in a child process; see `run_children`."""
    return run_children(folder, [{}], function, *arguments)[0]
