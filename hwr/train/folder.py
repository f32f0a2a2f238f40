"""The run folder: models, resume state, log, recipe. Everything but the log is written aside and renamed."""

import io
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hwr.errors import InputError, OutputError
from hwr.files.atomic import atomic_write
from hwr.train.recipe import Recipe, recipe_to_toml

BEST, LAST, TRUNK = "best.safetensors", "last.safetensors", "trunk.safetensors"
RESUME, TRUNK_RESUME = "resume.pt", "trunk.pt"
METRICS, RECIPE = "metrics.jsonl", "recipe.toml"
STATE_VERSION = 2


class RunFolder:
    """Paths, reads and writes of one run. What is not in here lets a full disk pass; see `hwr.train.saving`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse_if_used(self) -> None:
        """Raises:
        OutputError: the folder holds a run already.
        """
        if (self.path / RESUME).exists():
            raise OutputError(f"{self.path}: holds a run already; go on with --resume, or take another folder")

    def start(self, recipe: Recipe) -> None:
        """Make the folder, keep the recipe, and remove what a process that was killed in a save had left.

        Raises:
            OutputError: it cannot be written.
        """
        with atomic_write(self.path / RECIPE) as temporary:
            temporary.write_text(recipe_to_toml(recipe), encoding="utf-8")
        for name in (BEST, LAST, TRUNK, RESUME, TRUNK_RESUME, RECIPE, METRICS):
            for leftover in self.path.glob(f".{name}.*.tmp"):
                with suppress(OSError):
                    leftover.unlink()

    def write(self, name: str, data: bytes) -> None:
        """Write a file; the old one stays whole until the new one is.

        Raises:
            OutputError: the folder cannot be written, the disk is full.
        """
        with atomic_write(self.path / name) as temporary:
            temporary.write_bytes(data)

    def load_state(self, name: str) -> dict[str, Any]:
        """Read a resume state, of this version or an earlier one.

        Raises:
            InputError: missing, damaged, or of a later version.
        """
        path = self.path / name
        if not path.exists():
            raise InputError(f"{path}: no such file; there is no run to go on with")
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            version = state.get("version")
        except Exception as error:  # torch names many kinds; each means that the file is not usable
            raise InputError(
                f"{path}: the resume state is damaged ({type(error).__name__}){self.way_on(name)}"
            ) from None
        if version not in range(1, STATE_VERSION + 1):
            raise InputError(
                f"{path}: resume state of version {version}; this hwr reads versions 1 to {STATE_VERSION}: "
                f"install a newer hwr{self.way_on(name)}"
            )
        try:
            return upgraded(state)
        except KeyError as error:
            raise InputError(f"{path}: the resume state lacks {error}{self.way_on(name)}") from None

    def way_on(self, name: str) -> str:
        """What can be done without the state `name`, as the end of a message."""
        ways = []
        if name != TRUNK_RESUME and (self.path / TRUNK_RESUME).exists():
            ways.append(f"copy {TRUNK_RESUME} to {name} to go on from before the decay")
        for weights in (LAST, TRUNK, BEST):
            if (self.path / weights).exists():
                ways.append(f"start a new run with --init-from {self.path / weights}")
                break
        return ("; " if ways else "") + ", or ".join(ways)

    def append_log(self, lines: str) -> None:
        """Append to metrics.jsonl: all of `lines` or nothing.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.path / METRICS
        try:
            with path.open("ab", buffering=0) as file:  # a buffer would try once more when it is closed
                before = os.fstat(file.fileno()).st_size
                rest = memoryview(lines.encode())
                try:
                    while rest:
                        rest = rest[file.write(rest) :]
                except OSError:
                    file.truncate(before)
                    raise
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from None

    def cut_log(self, step: int) -> None:
        """Drop events after `step`: work that a killed run had logged but not saved."""
        path = self.path / METRICS
        if not path.exists():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line).get("step", 0) <= step:
                    kept.append(line)
            except json.JSONDecodeError:
                continue
        with atomic_write(path) as temporary:
            temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


def state_bytes(state: dict[str, Any]) -> bytes:
    """A resume state as a file that `torch.load(weights_only=True)` reads."""
    # Through memory: torch's own writer says of a full disk "unexpected pos" and hides the error of the system.
    buffer = io.BytesIO()
    torch.save(state | {"version": STATE_VERSION}, buffer)
    return buffer.getvalue()


def upgraded(state: dict[str, Any]) -> dict[str, Any]:
    """A state of any version in the form of this one.

    Version 1 was of one process with one AdamW.

    Raises:
        KeyError: it is not complete.
    """
    if state["version"] == 1:
        cuda: list[Tensor] = state.get("random_cuda", [])
        random = [{"cpu": state["random"], "cuda": cuda[0] if len(cuda) == 1 else None}]
        state = state | {"optimiser": [state["optimiser"]], "random": random}
    return state
