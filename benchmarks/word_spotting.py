"""Find words on lines of handwriting: a ranking loss (Karpathy and Fei-Fei 2015) against the CTC lattice.

    python -m benchmarks.word_spotting DATA -o FOLDER [--model small] [--train-lines 1000] [--epochs 5]

Regions are the time steps of a line, as the last recurrent layer of a trained reader sees them. A bidirectional network
reads the characters of a word. The word's vector is compared with all regions of a line, and the best one counts:

    S_kl = sum over the words of line l of the maximum over the regions i of line k of v_i . s_word

Only the map from regions to vectors and the network of the words are trained, by a max-margin loss over batches of
lines with their texts; the data do not say where the words are. The lattice needs no training: its score of a word is
the logarithm of the best path that writes the word somewhere on the line, relative to the best path of all.

Queries are the words of at least four letters in the val split. Each ranks all its lines; those that have the word are
right. The table gives the mean average precision with its 95 % interval (queries are drawn) and, for comparison, that
of a random order.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, pad_sequence

from hwr.files.atomic import atomic_write
from hwr.files.images import decode_image
from hwr.line import normalise_line
from hwr.model.checkpoint import load_model
from hwr.store.lines import LineStore
from hwr.text import Alphabet, normalise_text

MIN_LETTERS = 4
SIZE = 96
BATCH = 16
MARGIN = 1.0
REPLICATES = 2000
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Lines:
    """Texts, and for each line the last recurrent layer's output (T, F) and the log-probabilities (T, classes)."""

    texts: list[str]
    regions: list[Array]
    log_probs: list[Array]


def words_of(text: str) -> set[str]:
    """Return the words of at least four letters."""
    return {word for word in re.findall(r"[^\W\d_]+", text) if len(word) >= MIN_LETTERS}


def read(model: Path, store: Path, split: str, limit: int, cache: Path) -> Lines:
    """Read at most `limit` lines, spread over a split, with a trained reader; the result is kept in `cache`."""
    if not cache.exists():
        network, info = load_model(model)
        network.eval()
        last = [module for module in network.modules() if isinstance(module, nn.LSTM)][-1]
        seen: list[Tensor] = []
        last.register_forward_hook(lambda _, inputs, outputs: seen.append(outputs[0]))
        lines = LineStore(store, split)
        step = -(-lines.count // limit)
        texts, log_probs = [], []
        for _, line in islice(lines.rows(), 0, None, step):
            if isinstance(line, str):
                continue
            ink = normalise_line(decode_image(line.image, line.id), info.height)
            ink = np.pad(ink, ((0, 0), (0, -ink.shape[1] % network.stride)))  # whole time steps: nothing is masked
            with torch.no_grad():
                log_probs.append(network(torch.from_numpy(ink).float()[None, None] / 255)[0].numpy())
            texts.append(normalise_text(line.text))
        arrays: dict[str, Any] = {f"r{i}": value[0].half().numpy() for i, value in enumerate(seen)}
        arrays |= {f"p{i}": value.astype(np.float16) for i, value in enumerate(log_probs)}
        with atomic_write(cache) as temporary, temporary.open("wb") as file:
            np.savez(file, texts=np.array(texts), **arrays)
    with np.load(cache) as data:
        texts = [str(text) for text in data["texts"]]
        numbers = range(len(texts))
        return Lines(
            texts,
            [data[f"r{i}"].astype(np.float32) for i in numbers],
            [data[f"p{i}"].astype(np.float32) for i in numbers],
        )


class Spotter(nn.Module):
    """Vectors of regions and of words."""

    def __init__(self, features: int, characters: str) -> None:
        super().__init__()
        self.characters = {character: number for number, character in enumerate(characters)}
        self.regions = nn.Linear(features, SIZE)
        self.letters = nn.Embedding(len(characters) + 1, SIZE)  # the last one is for all others
        self.chains = nn.RNN(SIZE, SIZE, nonlinearity="relu", bidirectional=True)
        self.word = nn.Linear(SIZE, SIZE)

    def words(self, words: Sequence[str]) -> Tensor:
        """Return the vectors (W, SIZE) of words: both chains after their last character, added."""
        other = len(self.characters)
        numbers = [torch.tensor([self.characters.get(letter, other) for letter in word]) for word in words]
        packed = pack_sequence([self.letters(word) for word in numbers], enforce_sorted=False)
        _, ends = self.chains(packed)
        vectors: Tensor = self.word(ends.sum(0))
        return vectors

    def match(self, regions: Sequence[Array], words: Tensor) -> Tensor:
        """Return the match (K, W) of the best region of each of K lines with each word."""
        lengths = torch.tensor([len(line) for line in regions])
        padded = pad_sequence([torch.from_numpy(line) for line in regions], batch_first=True)
        scores = self.regions(padded) @ words.T
        padding = torch.arange(padded.shape[1]) >= lengths[:, None]
        best: Tensor = scores.masked_fill(padding[:, :, None], -torch.inf).amax(1)
        return best


def ranking_loss(match: Tensor, member: Tensor) -> Tensor:
    """Return the max-margin loss of K lines with their own texts.

    Args:
        match: (K, W), of each line with each word.
        member: (K, W), 1 where the text of a line has a word.
    """
    score = match @ member.T / member.sum(1).clamp(min=1)  # S_kl, by word
    own = score.diagonal()
    over = (score - own[:, None] + MARGIN).relu() + (score - own[None] + MARGIN).relu()
    return (over - torch.diag(over.diagonal())).sum() / len(score)


def train(spotter: Spotter, lines: Lines, epochs: int, seed: int) -> None:
    """Train on batches of lines that have words."""
    generator = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(spotter.parameters(), lr=2e-3)
    usable = np.array([index for index, text in enumerate(lines.texts) if words_of(text)])
    for epoch in range(epochs):
        total = 0.0
        for picked in np.array_split(generator.permutation(usable), max(1, len(usable) // BATCH)):
            vocabulary = sorted(set().union(*(words_of(lines.texts[i]) for i in picked)))
            member = [[float(word in words_of(lines.texts[i])) for word in vocabulary] for i in picked]
            match = spotter.match([lines.regions[i] for i in picked], spotter.words(vocabulary))
            loss = ranking_loss(match, torch.tensor(member))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(spotter.parameters(), 1.0)
            optimiser.step()
            total += loss.item() * len(picked)
        print(f"epoch {epoch + 1}: loss {total / len(usable):.3f}", flush=True)


def lattice_scores(log_probs: Sequence[Array], labels: Sequence[int]) -> NDArray[np.float64]:
    """Return for each line the log of the best path that writes `labels` somewhere, over that of the best path."""
    steps = max(map(len, log_probs))
    rows = np.zeros(2 * len(labels) - 1, int)  # l1, blank, l2, ...
    rows[::2] = labels
    emitted = np.full((len(log_probs), steps, len(rows)), -np.inf)
    for line, values in enumerate(log_probs):
        emitted[line, : len(values)] = values[:, rows] - values.max(1, keepdims=True)
    jump = np.zeros(len(rows), bool)
    jump[2:] = (rows[2:] != 0) & (rows[2:] != rows[:-2])
    path = np.full((len(log_probs), len(rows)), -np.inf)
    best = np.full(len(log_probs), -np.inf)
    for t in range(steps):
        before = np.pad(path, ((0, 0), (2, 0)), constant_values=-np.inf)
        arrived = np.maximum(path, before[:, 1:-1])
        arrived = np.maximum(arrived, np.where(jump, before[:, :-2], -np.inf))
        arrived[:, 0] = np.maximum(arrived[:, 0], 0)  # the word may begin at every step
        path = arrived + emitted[:, t]
        best = np.maximum(best, path[:, -1])
    return best


def average_precision(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Return the mean, over the right lines, of the share of right lines among those ranked no lower."""
    hits = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def row(name: str, precisions: Sequence[float]) -> str:
    """Return a line of the table; queries are drawn for the interval."""
    values = np.array(precisions)
    drawn = np.random.default_rng(0).integers(len(values), size=(REPLICATES, len(values)))
    low, high = np.quantile(values[drawn].mean(1), (0.025, 0.975))
    return f"| {name} | {values.mean():.3f} | {low:.3f} to {high:.3f} |"


def rank(spotter: Spotter, lines: Lines, alphabet: Alphabet) -> dict[str, list[float]]:
    """Return the average precision of each word of the lines, by each score."""
    texts = [words_of(text) for text in lines.texts]
    queries = sorted(word for word in set().union(*texts) if not alphabet.missing([word]))
    with torch.no_grad():
        match = spotter.match(lines.regions, spotter.words(queries)).numpy()
    found: dict[str, list[float]] = {"CTC lattice": [], "ranking loss": [], "random order": []}
    generator = np.random.default_rng(0)
    for number, word in enumerate(queries):
        right = np.array([word in text for text in texts])
        lattice = lattice_scores(lines.log_probs, alphabet.encode(word))
        found["CTC lattice"].append(average_precision(lattice, right))
        found["ranking loss"].append(average_precision(match[:, number], right))
        found["random order"].append(average_precision(generator.random(len(texts)), right))
    return found


def main() -> None:
    """Train, rank, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="line store with a train and a val split")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("checkpoints/small.safetensors"))
    parser.add_argument("--train-lines", type=int, default=1000)
    parser.add_argument("--val-lines", type=int, default=10**6)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    lines, val = (
        read(options.model, options.data, split, limit, options.output / f"{split}-{limit}.npz")
        for split, limit in (("train", options.train_lines), ("val", options.val_lines))
    )
    torch.manual_seed(0)
    alphabet = load_model(options.model)[1].make_alphabet()
    spotter = Spotter(lines.regions[0].shape[1], alphabet.characters)
    train(spotter, lines, options.epochs, seed=0)
    found = rank(spotter, val, alphabet)
    print(f"\n{len(found['CTC lattice'])} words on {len(val.texts)} lines; trained on {len(lines.texts)} lines\n")
    print("| score | mean average precision | 95 % |\n|---|---|---|")
    for name, precisions in found.items():
        print(row(name, precisions))


if __name__ == "__main__":
    main()
