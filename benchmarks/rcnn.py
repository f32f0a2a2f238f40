"""Recurrent convolutional networks (Liang and Hu 2015) against plain ones, on letters and on digits.

    python -m benchmarks.rcnn -o FOLDER [--letters LINES] [--maps 24] [--epochs 4] [--digit-epochs 40] [--seeds 3]

RCNN-K is a convolution of 5 x 5 with K maps, two recurrent convolutional layers, a pool, two more, the maximum of each
map, and a linear classifier. `rcnn` builds it as published (local response normalisation, dropout, T = 3): with ten
classes 671,712, 1,190,528 and 1,856,800 weights for K = 96, 128 and 160, and an unfolded depth of 4 (T + 1) + 2 = 18.

These networks are compared, with batch norm and without dropout, since training is short:

    recurrent        T = 3
    equal weights    each recurrent layer replaced by two convolutions: the same number of kernels
    equal depth      each recurrent layer replaced by T + 1 convolutions: the same depth and multiplications

on letters that are cut from lines by alignment (62 classes; writers of the test letters are not among those of
training) and on scikit-learn's digits. Finished runs are not repeated. The table gives the error of the test images
with its 95 % interval (whole writers are drawn), and the difference from `recurrent` on the same images.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.ablations import Errors, kept, paired_interval
from benchmarks.letters import Letters, load_digits, load_letters
from benchmarks.recurrent_family import cer, pooled
from hwr.model import letters
from hwr.model.layers import Convolution, Frame, Layer
from hwr.model.recurrent_convolution import RecurrentConvolution

PUBLISHED = {96: 671_712, 128: 1_190_528, 160: 1_856_800}
"""Weights without biases with three input channels and ten classes."""
BLOCKS = 4
SHIFT = 2
"""Training images are shifted by up to this many pixels."""


class Network(nn.Module):
    """(B, channels, 32, 32) -> scores (B, classes).

    Args:
        blocks: the layers in place of each of the four recurrent convolutional layers.
        dropout: after each block but the last; after the pool where one follows.
    """

    def __init__(
        self, first: Layer, blocks: Sequence[Sequence[Layer]], maps: int, classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.first = first
        self.blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(maps, classes)

    def forward(self, x: Tensor) -> Tensor:
        frame = Frame(None)  # all images fill their maps
        x = self.dropout(self.pool(self.first(x, frame)[0]))
        for number, stage in enumerate(self.stages()):
            for layer in stage:
                x = layer(x, frame)[0]
            if number == 1:
                x = self.pool(x)
            if number < len(self.blocks) - 1:
                x = self.dropout(x)
        scores: Tensor = self.classifier(x.amax((2, 3)))
        return scores

    def stages(self) -> list[nn.ModuleList]:
        """Return the layers of each block."""
        return [block for block in self.blocks if isinstance(block, nn.ModuleList)]

    def depth(self) -> int:
        """Return the number of layers with weights on the longest path, iterations counted one by one."""
        layers = [layer for stage in self.stages() for layer in stage]
        return 2 + sum(layer.layer.iterations + 1 if isinstance(layer, RecurrentConvolution) else 1 for layer in layers)


def rcnn(
    maps: int,
    classes: int,
    channels: int = 3,
    iterations: int = 3,
    norm: letters.Norm = "response",
    dropout: float = 0.5,
) -> Network:
    """Build RCNN-K, K being `maps`; the defaults are those of the paper."""
    layer = letters.RecurrentConvolution((3, 3), maps, iterations, norm)
    blocks = [[RecurrentConvolution(letters.Maps(maps, 16), layer)] for _ in range(BLOCKS)]
    return Network(_first(maps, channels, norm), blocks, maps, classes, dropout)


def plain(maps: int, classes: int, convolutions: int, channels: int = 3, norm: letters.Norm = "batch") -> Network:
    """Build the same network with this number of plain convolutions in place of each recurrent layer."""
    layer = letters.Convolution((3, 3), maps, norm=norm)
    blocks = [[Convolution(letters.Maps(maps, 16), layer) for _ in range(convolutions)] for _ in range(BLOCKS)]
    return Network(_first(maps, channels, norm), blocks, maps, classes, 0.0)


def _first(maps: int, channels: int, norm: letters.Norm) -> Convolution:
    return Convolution(letters.Maps(channels, 32), letters.Convolution((5, 5), maps, norm=norm))


def kernel_weights(network: Network) -> int:
    """Return the number of weights in kernels and matrices, as the paper counts them."""
    return sum(weight.numel() for weight in network.parameters() if weight.ndim > 1)


def contenders(maps: int, classes: int, iterations: int = 3) -> dict[str, Network]:
    """Build the networks that are compared, for grey images."""
    return {
        "recurrent": rcnn(maps, classes, 1, iterations, "batch", 0.0),
        "equal weights": plain(maps, classes, 2, 1),
        "equal depth": plain(maps, classes, iterations + 1, 1),
    }


@dataclass(frozen=True)
class Result:
    """Wrong answers, 1 and writer of each test image, and the seconds of training."""

    errors: Errors
    seconds: float


def train(network: Network, letters: Letters, epochs: int, seed: int, batch: int = 64, rate: float = 3e-3) -> None:
    """Train with AdamW and one cycle of the learning rate (Smith and Topin 2019) on shifted images."""
    generator = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.01)
    steps = max(1, len(letters) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=epochs * steps)
    network.train()
    for _ in range(epochs):
        order = generator.permutation(len(letters))
        for step in range(steps):
            picked = order[step * batch : (step + 1) * batch]
            shift = generator.integers(-SHIFT, SHIFT + 1, 2)
            images = np.roll(letters.images[picked], shift, axis=(1, 2))
            loss = functional.cross_entropy(network(_tensor(images)), torch.from_numpy(letters.labels[picked]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def misread(network: Network, letters: Letters, batch: int = 256) -> Errors:
    """Return for each image 1 if it is misread, else 0; 1; and its writer."""
    network.eval()
    with torch.no_grad():
        parts = [network(_tensor(letters.images[i : i + batch])).argmax(1) for i in range(0, len(letters), batch)]
    wrong = torch.cat(parts).numpy() != letters.labels
    return {str(i): (int(wrong[i]), 1, str(letters.writers[i])) for i in range(len(letters))}


def _tensor(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).float()[:, None] / 255


def measure(name: str, data: tuple[Letters, Letters], maps: int, epochs: int, seed: int, done: Path) -> Result:
    """Train and test one network, or return what an earlier call found."""

    def make() -> Result:
        torch.manual_seed(seed)
        network = contenders(maps, data[0].classes)[name]
        start = time.process_time()
        train(network, data[0], epochs, seed)
        return Result(misread(network, data[1]), time.process_time() - start)

    return kept(done, Result, make)


def row(name: str, found: dict[str, list[Result]], network: Network) -> str:
    """Return a line of the table."""
    errors = pooled([result.errors for result in found[name]])
    rate, low, high = cer(errors)
    difference = "–"
    if name != "recurrent":
        least, most = paired_interval(pooled([result.errors for result in found["recurrent"]]), errors)
        difference = f"{least:+.3f} to {most:+.3f}"
    seconds = np.mean([result.seconds for result in found[name]])
    return (
        f"| {name} | {kernel_weights(network):,} | {network.depth()} | {len(found[name])} | {rate:.3f} | "
        f"{low:.3f} to {high:.3f} | {difference} | {seconds:.0f} |"
    )


def main() -> None:
    """Train what is not trained yet, and print a table for each kind of image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--letters", type=Path, help="line store with a train and a val split; without it, digits only")
    parser.add_argument("--limit", type=int, default=600, help="lines of each split that letters are cut from")
    parser.add_argument("--maps", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=4, help="passes over the letters")
    parser.add_argument("--digit-epochs", type=int, default=40, help="passes over the digits")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    sets = {"digits": (load_digits(), options.digit_epochs)}
    if options.letters:
        parts = [
            load_letters(options.letters, split, options.limit, options.output / f"{split}-{options.limit}.npz")
            for split in ("train", "val")
        ]
        sets["letters"] = ((parts[0], parts[1]), options.epochs)
    for kind, (data, epochs) in sets.items():
        print(f"{kind}: {len(data[0]):,} for training, {len(data[1]):,} for testing, {epochs} epochs\n")
        print("| network | weights | depth | seeds | error | 95 % | against recurrent | s in training |")
        print("|---|---|---|---|---|---|---|---|")
        found: dict[str, list[Result]] = {}
        for name, network in contenders(options.maps, data[0].classes).items():
            for seed in range(1, options.seeds + 1):
                done = options.output / f"{kind}-{name.replace(' ', '-')}-{options.maps}-{epochs}-{seed}.json"
                found.setdefault(name, []).append(measure(name, data, options.maps, epochs, seed, done))
            print(row(name, found, network), flush=True)
        print()


if __name__ == "__main__":
    main()
