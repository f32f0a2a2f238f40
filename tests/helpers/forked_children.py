"""Child processes that train: forked from a server that has imported torch once, which takes seconds."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["hwr.train.run"])


@dataclass(frozen=True)
class Ended:
    """The exit code of a child (negative: the signal that ended it), and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str


def run_children(
    folder: Path, environments: Sequence[dict[str, object]], function: Callable[..., object], *arguments: Any
) -> list[Ended]:
    """Call a function of a module in child processes at the same time, one for each environment (changes only).

    Their output is written to files in `folder`.
    """
    children, streams = [], []
    for number, environment in enumerate(environments):
        streams.append((folder / f"child{number}.out", folder / f"child{number}.err"))
        settings = {name: str(value) for name, value in environment.items()}
        child = _CONTEXT.Process(target=_run, args=(*streams[-1], settings, function, arguments))
        child.start()
        children.append(child)
    for child in children:
        child.join(120)
        child.kill()
        child.join()
    return [
        Ended(child.exitcode or 0, out.read_text(), err.read_text())
        for child, (out, err) in zip(children, streams, strict=True)
    ]


def run_child(folder: Path, function: Callable[..., object], *arguments: Any) -> Ended:
    """Call a function of a module in a child process; see `run_children`."""
    return run_children(folder, [{}], function, *arguments)[0]


def _run(
    out: Path, err: Path, environment: dict[str, str], function: Callable[..., object], arguments: Sequence[Any]
) -> None:
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ |= environment
    torch.set_num_threads(1)
    function(*arguments)
