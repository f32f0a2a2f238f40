"""Gates at work: the LSTM of a trained reader, on a line of handwriting.

The shipped model reads a line. The input of its last LSTM and the weights of that LSTM are taken from it, and
`lstm.py` runs the forward chain over the same columns to show its gates. (Convolutions and training are not done in
NumPy, so this file needs torch and the package.)

The file prints how long the cells keep what they hold, and what the gates do at the time steps where CTC names a
character, compared with those where it answers with the blank.

    python examples/recurrent_networks/gates.py [IMAGE]
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import lstm
import numpy as np
import torch
from common import Array, Weights
from numpy.typing import NDArray

from hwr.files.documents import to_grey
from hwr.line import normalise_line
from hwr.model.checkpoint import load_model

ROOT = Path(__file__).resolve().parents[2]
LINE = ROOT / "data" / "samples" / "line-2.png"


@dataclass(frozen=True)
class Reading:
    """One line, read.

    Attributes:
        ink: The normalised line (H, W), 0 paper to 255 ink.
        stride: Columns of ink for one time step.
        gates: i, f, g, o of the forward chain of the last LSTM, (4, T, units).
        states: Its states h (T, units).
        from_torch: The same states as torch computes them.
        labels: The most probable class of each time step, 0 for the blank.
        alphabet: Characters of classes 1, 2, ...
    """

    ink: NDArray[np.uint8]
    stride: int
    gates: Array
    states: Array
    from_torch: Array
    labels: NDArray[np.int64]
    alphabet: str


def forward_chain(layer: torch.nn.LSTM) -> Weights:
    """Return the weights of the forward direction; torch has two biases that are added."""
    w, u, b, d = (getattr(layer, name).detach().double().numpy() for name in layer._flat_weights_names[:4])
    return {"W": w, "U": u, "b": b + d}


def read(path: Path = LINE, model: str = "small") -> Reading:
    """Read a line, and watch the last LSTM."""
    network, info = load_model(ROOT / "checkpoints" / f"{model}.safetensors")
    network.eval()
    ink = normalise_line(to_grey(path), info.height)
    ink = np.pad(ink, ((0, 0), (0, -ink.shape[1] % network.stride)))  # whole time steps
    layers = [module for module in network.modules() if isinstance(module, torch.nn.LSTM)]
    seen: dict[str, Array] = {}

    def watch(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...], outputs: tuple[torch.Tensor, ...]) -> None:
        seen["x"], seen["h"] = (value.detach().double().numpy()[0] for value in (inputs[0], outputs[0]))

    handle = layers[-1].register_forward_hook(watch)
    with torch.no_grad():
        log_probs = network(torch.from_numpy(ink / np.float32(255))[None, None])[0]
    handle.remove()
    h, (_, _, _, gates) = lstm.forward(forward_chain(layers[-1]), seen["x"][:, None])
    from_torch = seen["h"][:, : h.shape[2]]
    labels = log_probs.argmax(1).numpy()
    return Reading(ink, network.stride, gates[:, :, 0], h[:, 0], from_torch, labels, info.alphabet)


def text(reading: Reading) -> str:
    """Return the best path as text."""
    labels = reading.labels
    first = np.flatnonzero((labels > 0) & (labels != np.concatenate([[0], labels[:-1]])))
    return "".join(reading.alphabet[label - 1] for label in labels[first])


def main() -> None:
    """Print the text of the line, how long cells remember, and the mean of each gate at spikes and at blanks."""
    reading = read(Path(sys.argv[1])) if len(sys.argv) > 1 else read()
    i, f, g, o = reading.gates
    spike = reading.labels > 0
    print(f"read: {text(reading)}")
    print(f"NumPy and torch differ by {np.abs(reading.states - reading.from_torch).max():.1e}")
    kept = np.exp(np.log(f).mean(0))  # share that is left after one step
    half = np.log(0.5) / np.log(kept)  # steps until half is left
    shares = ", ".join(f"{np.quantile(half, share):.1f} ({share:.0%})" for share in (0.1, 0.5, 0.9, 1.0))
    print(f"time steps until half of a cell is forgotten, quantiles of {len(half)} cells: {shares}")
    print(f"{spike.sum()} of {len(spike)} time steps name a character")
    for name, value in (("written, |i g|", np.abs(i * g)), ("kept, f", f), ("shown, o", o)):
        print(f"{name:15} at spikes {value[spike].mean():.3f}, at blanks {value[~spike].mean():.3f}")


if __name__ == "__main__":
    main()
