"""The table `[synthesis]` of a recipe: what synthetic lines are made of, and how many of them a run sees when."""

from dataclasses import dataclass
from typing import Annotated

from hwr.errors import UsageError
from hwr.settings import Range, Share
from hwr.synth.options import SynthOptions


@dataclass(frozen=True)
class Synthesis(SynthOptions):
    """Synthetic lines made while a run goes on, mixed into every pool.

    Attributes:
        share_start, share_end: share of synthetic lines among all lines seen, before and after it changes. Between
            `change_start` and `change_end`, parts of the run from 0 to 1, it goes linearly from one to the other.
        share_decay: the share in the part of the run in which the learning rate falls.
        characters: characters that synthetic lines may have beside those of the training sets. Without training sets
            and without this, all that the sources have.
        licence: of texts, fonts, strokes and words; stated in the model.
        workers: processes that make the lines; 0: the trainer makes them itself. The lines are the same.

    Raises:
        UsageError: a share or a part of the run outside 0..1, the change ends before it starts, too few workers.
    """

    share_start: Share = 0.5
    share_end: Share = 0.25
    change_start: Share = 0.0
    change_end: Share = 0.5
    share_decay: Share = 0.0
    characters: str = ""
    licence: str = ""
    workers: Annotated[int, Range(0, 64)] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.change_start > self.change_end:
            raise UsageError(f"change_start = {self.change_start} is after change_end = {self.change_end}")

    def share(self, progress: float, decaying: bool) -> float:
        """Share of synthetic lines at `progress` through the run, 0 to 1."""
        if decaying:
            return self.share_decay
        length = self.change_end - self.change_start
        over = (progress - self.change_start) / length if length else float(progress >= self.change_start)
        return self.share_start + min(1.0, max(0.0, over)) * (self.share_end - self.share_start)
