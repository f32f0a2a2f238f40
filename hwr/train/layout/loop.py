"""Training of the line finder: loss, schedule, checkpoints."""

import copy
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hwr.files.atomic import atomic_write
from hwr.train.layout.crops import TruePage, random_crop
from hwr.train.layout.network import LineFinder, export

EMA = 0.998
END_WEIGHT = 4.0
"""Weight of a pixel at a line's end; there are few of them."""
PRINTED_WEIGHT = 5.0
"""Weight of a printed line; there are few of them."""
CHECKPOINT_SECONDS = 120


@dataclass(frozen=True)
class LayoutRecipe:
    """Settings of a training run.

    Attributes:
        minutes: time of all steps; pauses between two runs do not count.
        size: side of a crop in pixels.
        batch: crops in each step.
        learning_rate: of AdamW; it falls to zero over the last `decay_share` of the time.
        seed: random seed for weights and crops.
    """

    minutes: float = 90.0
    size: int = 640
    batch: int = 4
    learning_rate: float = 2e-3
    decay_share: float = 0.4
    weight_decay: float = 0.02
    warm_up_steps: int = 50
    seed: int = 1


def line_loss(found: Tensor, true: Tensor) -> Tensor:
    """Return cross-entropy and Dice (Milletari et al. 2016) of baselines and ends; kind and height on the bands only.

    Args:
        found: the network's maps, shape (N, 4, H, W).
        true: maps of `draw_maps`, shape (N, 5, H, W).
    """
    band = true[:, 4]
    total = found.new_zeros(())
    for channel, weight in ((0, 2.0), (1, END_WEIGHT)):
        logits, target = found[:, channel], true[:, channel]
        total = total + functional.binary_cross_entropy_with_logits(
            logits, target, pos_weight=target.new_tensor(weight)
        )
        share = torch.sigmoid(logits)
        overlap = 2 * (share * target).sum() + 1
        total = total + 0.5 * (1 - overlap / (share.sum() + target.sum() + 1))
    count = band.sum().clamp(min=1)
    printed = functional.binary_cross_entropy_with_logits(
        found[:, 2], true[:, 2], reduction="none", pos_weight=band.new_tensor(PRINTED_WEIGHT)
    )
    height = functional.smooth_l1_loss(found[:, 3], true[:, 3], reduction="none", beta=0.2)
    return total + ((0.5 * printed + 0.2 * height) * band).sum() / count


def to_ink(grey: NDArray[np.uint8]) -> Tensor:
    """Return grey images (N, S, S) as input of the network (N, 1, S, S): 0 white to 1 black."""
    return 1 - torch.from_numpy(grey)[:, None].float() / 255


class LayoutTrainer:
    """A network in training that can be resumed."""

    def __init__(self, pages: Sequence[TruePage], recipe: LayoutRecipe, folder: Path) -> None:
        torch.manual_seed(recipe.seed)
        self.pages, self.recipe, self.folder = pages, recipe, folder
        self.network = LineFinder()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.step, self.seconds = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "resume.pt").exists():
            self._load()

    def rate(self) -> float:
        """Return the learning rate of the next step."""
        done = self.seconds / (60 * self.recipe.minutes)
        fall = min(1.0, max(0.0, (1 - done) / self.recipe.decay_share))
        return self.recipe.learning_rate * fall * min(1.0, (self.step + 1) / self.recipe.warm_up_steps)

    def run(self) -> None:
        """Train until the time is used up, then write `lines.onnx`."""
        self.network.train()
        saved, losses = time.monotonic(), []
        while self.seconds < 60 * self.recipe.minutes:
            start = time.monotonic()
            losses.append(self._step())
            # a pause of the whole process is not training
            self.seconds += min(time.monotonic() - start, 20.0)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save(float(np.mean(losses)))
                saved, losses = time.monotonic(), []
        self._save(float(np.mean(losses or [0.0])))

    def _step(self) -> float:
        random = np.random.default_rng((self.recipe.seed, self.step))
        crops = [
            random_crop(self.pages[int(random.integers(len(self.pages)))], self.recipe.size, random)
            for _ in range(self.recipe.batch)
        ]
        ink = to_ink(np.stack([grey for grey, _ in crops])).contiguous(memory_format=torch.channels_last)
        true = torch.from_numpy(np.stack([maps for _, maps in crops]))
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        with torch.autocast("cpu", torch.bfloat16):
            found = self.network(ink)
        loss = line_loss(found.float(), true)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        decay = min(EMA, self.step / (self.step + 20))
        with torch.no_grad():
            state = self.network.state_dict()
            for name, tensor in self.average.state_dict().items():
                if tensor.dtype.is_floating_point:
                    tensor.lerp_(state[name], 1 - decay)
                else:
                    tensor.copy_(state[name])
        return loss.item()

    def _save(self, loss: float) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        with atomic_write(self.folder / "resume.pt") as temporary:
            torch.save(state, temporary)
        with atomic_write(self.folder / "lines.onnx") as temporary:
            export(copy.deepcopy(self.average), str(temporary))
        report = {
            "step": self.step,
            "minutes": round(self.seconds / 60, 2),
            "loss": round(loss, 4),
            "rate": self.rate(),
        }
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(report) + "\n")

    def _load(self) -> None:
        state = torch.load(self.folder / "resume.pt", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
