"""Draw the pictures of docs/recurrent-networks.md.

pip install ".[benchmarks]" && python examples/recurrent_networks/pictures.py docs/plots
"""

import sys
from pathlib import Path

import ctc
import gates
import gradients
import hopfield
import matplotlib
import numpy as np
import pyramid
import rcl
from matplotlib import pyplot as plt

matplotlib.use("agg")
plt.rcParams.update({"svg.hashsalt": "hwr", "font.size": 9, "image.interpolation": "nearest"})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})


def save(name: str, folder: Path) -> None:
    """Write the current figure without the time, so that the same picture is the same file."""
    metadata = {"Date": None} if name.endswith(".svg") else {"Software": None}
    plt.savefig(folder / f"recurrent-{name}", metadata=metadata, dpi=110, bbox_inches="tight")
    plt.close()


def draw_gradients(folder: Path) -> None:
    """Length of the error over the lag."""
    plt.figure(figsize=(6.5, 3))
    for name in gradients.NAMES:
        style = {"Elman": "-", "LSTM": "--", "GRU": ":"}[name.split()[0]]
        plt.semilogy(gradients.lengths(name), style, label=name)
    plt.ylim(1e-10, 1e4)
    plt.xlabel("lag k in time steps")
    plt.ylabel("length of the error at T - k")
    plt.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    save("gradients.svg", folder)


def draw_gates(folder: Path) -> None:
    """Draw the ink, what the reader names, and the forget gates of a quarter of the cells, longest memory on top."""
    reading = gates.read()
    _, forget, _, _ = reading.gates
    order = np.argsort(np.log(forget).mean(0))[::-4]
    _, (top, bottom) = plt.subplots(2, figsize=(8, 3.6), sharex=True, gridspec_kw={"height_ratios": [1, 2.2]})
    extent = (0, len(forget), reading.ink.shape[0], 0)
    top.imshow(255 - reading.ink, cmap="gray", aspect="auto", extent=extent)
    labels = reading.labels
    for t in np.flatnonzero((labels > 0) & (labels != np.concatenate([[0], labels[:-1]]))):
        top.text(t + 0.5, -4, reading.alphabet[labels[t] - 1], ha="center", color="tab:red", fontsize=8)
    top.axis("off")
    extent = (0, len(forget), 1, 0)
    shown = bottom.imshow(forget[:, order].T, aspect="auto", cmap="magma", vmin=0, vmax=1, extent=extent)
    bottom.set(xlabel="time step", yticks=[], ylabel="cells")
    plt.colorbar(shown, ax=[top, bottom], label="forget gate: 1 keeps", shrink=0.6, pad=0.02)
    save("gates.png", folder)


def draw_spikes(folder: Path) -> None:
    """Probabilities of a trained CTC network over columns."""
    p, text = ctc.train()
    plt.figure(figsize=(6.5, 2))
    for number, label in enumerate(text):
        plt.axvspan(8 * number - 0.5, 8 * number + 5.5, color="0.9")
        plt.text(8 * number + 2.5, 1.05, "-abc"[label], ha="center")
    for label, name in enumerate(("blank", "a", "b", "c")):
        plt.plot(p[:, label], color="0.5" if label == 0 else None, ls=":" if label == 0 else "-", label=name)
    plt.xlabel("time step (grey: ink of a letter)")
    plt.ylabel("probability")
    plt.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    save("spikes.svg", folder)


def draw_fields(folder: Path) -> None:
    """Draw the field of view of one pixel of an RCL after T steps."""
    _, axes = plt.subplots(1, 4, figsize=(6.5, 1.9))
    for steps, axis in enumerate(axes):
        field = rcl.field(steps)
        axis.imshow(np.where(field > 0, np.log10(np.maximum(field, 1e-12)), np.nan), cmap="viridis")
        axis.set(title=f"T = {steps}", xticks=[], yticks=[])
    save("fields.png", folder)


def draw_pyramid(folder: Path) -> None:
    """Two bars with a hidden part, and what the pyramid sees in them after each iteration."""
    network, _ = pyramid.fit("FLB")
    hidden, whole = pyramid.bars(np.random.default_rng(3), 2)
    restored, _ = pyramid.forward(network, hidden, 5)
    columns = [hidden, *restored, whole]
    titles = ["seen", *(f"{t}" for t in range(1, 6)), "truth"]
    _, axes = plt.subplots(2, len(columns), figsize=(6.5, 2.1))
    for column, (pictures, title) in enumerate(zip(columns, titles, strict=True)):
        for row in range(2):
            axes[row, column].imshow(pictures[row, 0], cmap="gray_r", vmin=0, vmax=1)
            axes[row, column].set(xticks=[], yticks=[])
        axes[0, column].set_title(title)
    save("pyramid.png", folder)


def draw_hopfield(folder: Path) -> None:
    """Overlap with a stored pattern over the load."""
    loads = np.array([0.04, 0.08, 0.1, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.2, 0.24])
    plt.figure(figsize=(5, 2.4))
    for size in (200, 1000):
        kept = [np.mean([hopfield.kept(load, size, seed) for seed in range(3)]) for load in loads]
        plt.plot(loads, kept, "o-", ms=3, label=f"n = {size}")
    plt.axvline(0.138, color="0.6", ls=":")
    plt.xlabel("stored patterns / n (dotted: 0.138)")
    plt.ylabel("overlap after settling")
    plt.legend(frameon=False)
    save("hopfield.svg", folder)


if __name__ == "__main__":
    for draw in (draw_gradients, draw_gates, draw_spikes, draw_fields, draw_pyramid, draw_hopfield):
        draw(Path(sys.argv[1]))
