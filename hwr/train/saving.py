"""Saves of a run that goes on: a disk that is full for a while costs no training."""

import json
from collections.abc import Callable
from typing import Any

from torch import Tensor

from hwr.errors import OutputError
from hwr.model.checkpoint import model_bytes
from hwr.model.info import ModelInfo
from hwr.train.folder import RunFolder, state_bytes


class Saver:
    """Writes the files of a run. What cannot be written is kept in memory and tried again with the next save.

    Args:
        tell: hears of a save that failed, once for each time that saves begin to fail.
        writes: False in the processes that write nothing.
    """

    def __init__(self, run: RunFolder, tell: Callable[[str], None], writes: bool = True) -> None:
        self.run, self.tell, self.writes = run, tell, writes
        self._waiting: dict[str, bytes] = {}
        self._unlogged = ""
        self._failing = False

    def save_state(self, name: str, state: dict[str, Any]) -> None:
        """Keep a resume state."""
        if self.writes:
            self._waiting[name] = state_bytes(state)
            self._try()

    def save_model(self, name: str, weights: dict[str, Tensor], info: ModelInfo, with_auxiliary: bool = False) -> None:
        """Keep a model file."""
        if self.writes:
            self._waiting[name] = model_bytes(weights, info, with_auxiliary=with_auxiliary)
            self._try()

    def log(self, event: dict[str, Any]) -> None:
        """Append one event to metrics.jsonl."""
        if self.writes:
            self._unlogged += json.dumps(event, ensure_ascii=False) + "\n"
            self._try(log_only=True)

    def finish(self) -> None:
        """Write what is still waiting.

        Raises:
            OutputError: it cannot be written; now it is lost.
        """
        if error := self._write_waiting():
            raise error

    def _try(self, log_only: bool = False) -> None:
        error = self._write_log() if log_only else self._write_waiting()
        if error is None:
            self._failing = self._failing and log_only
        elif not self._failing:
            self._failing = True
            self.tell(f"{error}; training goes on, the save before stays, and every save tries again: make room")

    def _write_waiting(self) -> OutputError | None:
        """Write all that waits; the first failure."""
        failure = self._write_log()
        for name, data in list(self._waiting.items()):
            try:
                self.run.write(name, data)
                del self._waiting[name]
            except OutputError as error:
                failure = failure or error
        return failure

    def _write_log(self) -> OutputError | None:
        if not self._unlogged:
            return None
        try:
            self.run.append_log(self._unlogged)
            self._unlogged = ""
        except OutputError as error:
            return error
        return None
