"""The run folder: models, resume state, log and recipe; saving to it and restoring from it.

Everything but the log is written to a temporary file and renamed.
"""

import io
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hwr.errors import InputError, OutputError, as_argument
from hwr.files.atomic import write_file
from hwr.files.tree import check_regular
from hwr.model.checkpoint import model_bytes
from hwr.model.info import ModelInfo
from hwr.settings import to_toml
from hwr.train.loop import Trainer
from hwr.train.recipe import Recipe
from hwr.train.schedule import Progress, in_decay

BEST, LAST, TRUNK = "best.safetensors", "last.safetensors", "trunk.safetensors"
RESUME, TRUNK_RESUME = "resume.pt", "trunk.pt"
METRICS, RECIPE, CACHE = "metrics.jsonl", "recipe.toml", "cache"
STATE_VERSION = 5


class RunFolder:
    """The files of one run: paths, reads and writes; `Saver` is for writes that may fail."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse_if_used(self) -> None:
        """Refuse a folder with a run in it, or with models of a run that lost its resume state.

        Raises:
            OutputError: the folder holds a run or a model already.
        """
        if (self.path / RESUME).exists():
            raise OutputError(f"{self.path}: already contains a run; continue it with --resume, or use another folder")
        for name in (BEST, LAST, TRUNK):
            if (self.path / name).exists():
                raise OutputError(f"{self.path / name}: already exists; use another folder for the new run")

    def start(self, recipe: Recipe) -> None:
        """Make the folder, write the recipe, and remove what a process that was killed in a save had left.

        Raises:
            OutputError: it cannot be written.
        """
        write_file(self.path / RECIPE, to_toml(recipe).encode())
        for name in (BEST, LAST, TRUNK, RESUME, TRUNK_RESUME, RECIPE, METRICS):
            for leftover in self.path.glob(f".{name}.*.tmp"):
                with suppress(OSError):
                    leftover.unlink()

    def load_state(self, name: str) -> dict[str, Any]:
        """Read a resume state.

        Raises:
            InputError: missing, damaged, or of another version.
        """
        path = self.path / name
        if not path.exists():
            raise InputError(f"{path}: no such file, so no run can be resumed{self.recovery_hint(name)}")
        check_regular(path)
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            version = state.get("version")
        except Exception as error:  # torch raises many kinds; each means that the file is not usable
            raise InputError(
                f"{path}: the resume state is damaged ({type(error).__name__}){self.recovery_hint(name)}"
            ) from None
        if version != STATE_VERSION:
            raise InputError(
                f"{path}: written by another version of hwr (state {version}, this one reads {STATE_VERSION})"
                f"{self.recovery_hint('')}"
            )
        return state

    def recovery_hint(self, name: str) -> str:
        """Return what can be done without the state `name`, as the end of a message; "": without any state."""
        ways = []
        if name not in (TRUNK_RESUME, "") and (self.path / TRUNK_RESUME).exists():
            ways.append(f"copy {TRUNK_RESUME} to {name} to resume from before the decay")
        for weights in (LAST, TRUNK, BEST):
            if (self.path / weights).exists():
                ways.append(f"start a new run with --init-from {as_argument(self.path / weights)}")
                break
        return ("; " if ways else "") + ", or ".join(ways)

    def append_log(self, lines: str) -> None:
        """Append to metrics.jsonl: all of `lines` or nothing.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.path / METRICS
        try:
            with path.open("ab", buffering=0) as file:  # a buffer would try again when it is closed
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

    def truncate_log(self, step: int) -> int:
        """Drop events after `step`, which a killed run had logged but not saved; return the number of damaged lines.

        Damaged lines are dropped as well.
        """
        path = self.path / METRICS
        if not path.exists():
            return 0
        check_regular(path)
        lines = path.read_bytes().decode("utf-8", errors="replace").split("\n")
        events = [(line, _step_of(line)) for line in lines if line]
        kept = [line for line, at in events if at is not None and at <= step]
        write_file(path, "".join(line + "\n" for line in kept).encode())
        return sum(at is None for _, at in events)


def _step_of(line: str) -> int | None:
    """Return the step of an event of the log; None for a damaged line."""
    try:
        step = json.loads(line).get("step", 0)
    except (ValueError, AttributeError, RecursionError):
        return None
    return step if isinstance(step, int) else None


def state_bytes(state: dict[str, Any]) -> bytes:
    """Return a resume state as a file that `torch.load(weights_only=True)` reads."""
    # Through memory: torch's own writer reports a full disk as "unexpected pos" and hides the error of the system.
    buffer = io.BytesIO()
    torch.save(state | {"version": STATE_VERSION}, buffer)
    return buffer.getvalue()


class Saver:
    """Writes the files of a run. If a file cannot be written, it is kept in memory and written with the next save.

    Args:
        report: receives a message about a failed save, once for each series of failures.
        writes: False in the processes that write nothing.
    """

    def __init__(self, run: RunFolder, report: Callable[[str], None], writes: bool = True) -> None:
        self.run, self.report, self.writes = run, report, writes
        self._waiting: dict[str, bytes] = {}
        self._unlogged = ""
        self._failing = False

    def save_state(self, name: str, state: dict[str, Any]) -> None:
        """Save a resume state."""
        if self.writes:
            self._waiting[name] = state_bytes(state)
            self._try()

    def save_model(self, name: str, weights: dict[str, Tensor], info: ModelInfo, with_auxiliary: bool = False) -> None:
        """Save a model file."""
        if self.writes:
            self._waiting[name] = model_bytes(weights, info, with_auxiliary=with_auxiliary)
            self._try()

    def log(self, event: dict[str, Any]) -> None:
        """Append one event to metrics.jsonl."""
        if self.writes:
            self._unlogged += json.dumps(event, ensure_ascii=False) + "\n"
            self._try()

    def finish(self) -> None:
        """Write all files that are waiting.

        Raises:
            OutputError: some cannot be written, and are lost; `partial` if the model is not among them.
        """
        error = self._write_waiting()
        if error is None:
            return
        lost = [*self._waiting, *([METRICS] if self._unlogged else [])]
        complete = not {BEST, LAST} & self._waiting.keys() and (self.run.path / LAST).exists()
        model = " (the model is complete)" if complete else ""
        raise OutputError(f"the run ended without saving {', '.join(lost)}{model}: {error}", partial=complete)

    def _try(self) -> None:
        error = self._write_waiting()
        if error and not self._failing:
            self.report(
                f"{error}; training continues, the previous save is kept, and every save tries again: free disk space"
            )
        self._failing = error is not None

    def _write_waiting(self) -> OutputError | None:
        """Write everything that is waiting; return the first failure."""
        failures = []
        try:
            if self._unlogged:
                self.run.append_log(self._unlogged)
                self._unlogged = ""
        except OutputError as error:
            failures.append(error)
        for name, data in list(self._waiting.items()):
            try:
                write_file(self.run.path / name, data)
                del self._waiting[name]
            except OutputError as error:
                failures.append(error)
        return failures[0] if failures else None


def restore(run: RunFolder, trainer: Trainer, recipe: Recipe, characters: str) -> list[str]:
    """Load the saved state into `trainer`; return messages for the user.

    A run that was made longer after its learning rate had begun to fall resumes from its trunk.

    Raises:
        InputError: the state is missing, damaged, of another version, of another network or of other characters.
    """
    state = run.load_state(RESUME)
    if state.get("alphabet", characters) != characters:
        raise InputError(
            f"{run.path}: the training data have other characters than when this run began; "
            f"resume with the same data, or start a new run with --init-from {as_argument(run.path / LAST)}"
        )
    try:
        state, messages, back = _before_decay(run, state, recipe)
        messages += trainer.load_state(state)
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{run.path}: the saved state does not fit this recipe ({str(error).splitlines()[0]})"
            f"{run.recovery_hint(RESUME)}"
        ) from None
    if back:
        trainer.progress.trunk_saved = False
    return messages


def _before_decay(run: RunFolder, state: dict[str, Any], recipe: Recipe) -> tuple[dict[str, Any], list[str], bool]:
    """Return the state to resume from, messages, and whether it is from before a decay that is undone."""
    progress = Progress(**state["progress"])
    if not progress.trunk_saved:
        return state, [], False
    try:
        trunk = run.load_state(TRUNK_RESUME)
    except InputError as error:
        again = not in_decay(progress.share(recipe), recipe.optimisation)
        return state, [f"{error}; resuming from {RESUME}"], again
    # Even if little is added: at the end of the decay the weights have settled, and a higher rate would only disturb
    # them.
    if in_decay(Progress(**trunk["progress"]).share(recipe), recipe.optimisation):
        return state, [], False
    return trunk, ["the run was lengthened: resuming from the trunk, before the learning rate fell"], True
