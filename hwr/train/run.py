"""The run folder: models, resume state, log, recipe. Everything is written aside and renamed."""

import io
import json
from pathlib import Path
from typing import Any

import torch

from hwr.errors import InputError, OutputError
from hwr.files import atomic_write
from hwr.train.recipe import Recipe, recipe_to_toml

BEST, LAST, TRUNK = "best.safetensors", "last.safetensors", "trunk.safetensors"
RESUME, TRUNK_RESUME = "resume.pt", "trunk.pt"
METRICS, RECIPE = "metrics.jsonl", "recipe.toml"
STATE_VERSION = 1


class RunFolder:
    """Paths and writes of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, recipe: Recipe, resuming: bool) -> None:
        """Make the folder and keep the recipe.

        Raises:
            OutputError: it holds a run already and this is not meant to go on with it, or it cannot be written.
        """
        if not resuming and (self.path / RESUME).exists():
            raise OutputError(f"{self.path}: holds a run already; go on with --resume, or take another folder")
        with atomic_write(self.path / RECIPE) as temporary:
            temporary.write_text(recipe_to_toml(recipe), encoding="utf-8")

    def save_state(self, name: str, state: dict[str, Any]) -> None:
        """Write a resume state that `torch.load(weights_only=True)` reads."""
        # Through memory: torch's own writer says of a full disk "unexpected pos" and hides the error of the system.
        buffer = io.BytesIO()
        torch.save(state | {"version": STATE_VERSION}, buffer)
        with atomic_write(self.path / name) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    def load_state(self, name: str) -> dict[str, Any]:
        """Read a resume state.

        Raises:
            InputError: missing, damaged, or of another version.
        """
        path = self.path / name
        if not path.exists():
            raise InputError(f"{path}: no such file; there is no run to go on with")
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            version = state.get("version")
        except Exception as error:  # torch names many kinds; each means that the file is not usable
            raise InputError(f"{path}: the resume state is damaged ({type(error).__name__})") from None
        if version != STATE_VERSION:
            raise InputError(f"{path}: resume state of version {version}; this hwr reads version {STATE_VERSION}")
        return state

    def log(self, event: dict[str, Any]) -> None:
        """Append one event to metrics.jsonl."""
        try:
            with (self.path / METRICS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(event, ensure_ascii=False) + "\n")
        except OSError as error:
            raise OutputError(f"{self.path / METRICS}: cannot be written: {error.strerror}") from None

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
