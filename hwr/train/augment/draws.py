"""Random numbers for augmentation that depend only on a line's seed and a name.

A counter-based hash (splitmix64) replaces a generator with a state: line 7 draws the same numbers alone, in any
batch, on any device and with any number of threads. The numbers are drawn on the CPU in float64, so that the last
bits of a transcendental function cannot change a float32 result.
"""

from functools import lru_cache
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GOLDEN = np.uint64(0x9E3779B97F4A7C15)

NOISE_LENGTH = 1 << 20
NOISE_ROW_STRIDE = 4099
"""Columns between two rows of a noise field in the flat noise; odd, so that rows look unrelated."""
NOISE_STARTS = 1 << 18

PAPER_HEIGHT, PAPER_WIDTH = 256, 2048


def splitmix64(counter: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix 64 bits (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014)."""
    mixed = counter + GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def to_unit(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Turn 64 random bits into a number in [0, 1)."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bell(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Turn 64 random bits into a bell-shaped number of mean 0 and deviation 1, never beyond 2.45 (triangular)."""
    high = (bits >> np.uint64(32)).astype(np.float64) * 2.0**-32
    low = (bits & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
    return (high + low - 1.0) * float(np.sqrt(6.0))


class LineDraws:
    """Draws for each line of a batch; they depend only on the line's seed and the name of the draw."""

    def __init__(self, seeds: Tensor) -> None:
        self.keys = splitmix64(seeds.detach().cpu().numpy().astype(np.int64).view(np.uint64))

    def bits(self, name: str, count: int) -> NDArray[np.uint64]:
        """Return 64 random bits, (lines, count); a longer draw of the same name begins with the shorter one."""
        counters = np.arange(count, dtype=np.uint64) + (np.uint64(crc32(name.encode())) << np.uint64(32))
        return splitmix64(self.keys[:, None] ^ splitmix64(counters)[None, :])

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> NDArray[np.float64]:
        """Return one number in [low, high) for each line, (lines,)."""
        return low + (high - low) * to_unit(self.bits(name, 1)[:, 0])

    def signed(self, name: str, size: float = 1.0) -> NDArray[np.float64]:
        """Return one number in [-size, size) for each line, (lines,)."""
        return self.uniform(name, -size, size)

    def integer(self, name: str, below: int) -> NDArray[np.int64]:
        """Return one whole number in [0, below) for each line, (lines,)."""
        return np.minimum((self.uniform(name) * below).astype(np.int64), below - 1)

    def chosen(self, name: str, probability: float) -> NDArray[np.int64]:
        """Return the numbers of the lines that draw an event of this probability."""
        return np.flatnonzero(self.uniform(f"{name}?") < probability)

    def bells(self, name: str, count: int) -> NDArray[np.float64]:
        """Return bell-shaped numbers of mean 0 and deviation 1, (lines, count)."""
        return bell(self.bits(name, count))


@lru_cache(maxsize=4)
def flat_noise(device: str) -> Tensor:
    """Return fixed bell-shaped noise, (NOISE_LENGTH,), of mean 0 and deviation 1."""
    bits = splitmix64(np.arange(NOISE_LENGTH, dtype=np.uint64))
    # The sum of two independent triangular numbers is close to a normal one, up to 3.46 deviations.
    values = (bell(bits) + bell(splitmix64(bits))) / 2.0**0.5
    return torch.from_numpy(values.astype(np.float32)).to(device)


def noise_fields(starts: NDArray[np.int64], height: int, width: int, device: torch.device) -> Tensor:
    """Return white noise for lines, (lines, 1, height, width), cut from `flat_noise` at `starts` < NOISE_STARTS.

    Raises:
        ValueError: a line is too wide for the noise.
    """
    noise = flat_noise(str(device))
    if NOISE_STARTS + height * NOISE_ROW_STRIDE + width > NOISE_LENGTH:
        raise ValueError(f"a line of {height} x {width} pixels is too large to augment")
    strides = (width, NOISE_ROW_STRIDE, 1)
    fields = [noise.as_strided((1, height, width), strides, int(start)) for start in starts]
    return torch.stack(fields)


@lru_cache(maxsize=4)
def paper_tile(device: str) -> Tensor:
    """Return fixed periodic low-frequency texture, (PAPER_HEIGHT, PAPER_WIDTH), of mean 0 and deviation 1."""
    bits = splitmix64(np.arange(PAPER_HEIGHT * PAPER_WIDTH, dtype=np.uint64) + (np.uint64(1) << np.uint64(40)))
    spectrum = np.fft.rfft2(bell(bits).reshape(PAPER_HEIGHT, PAPER_WIDTH))
    rows = np.fft.fftfreq(PAPER_HEIGHT)[:, None]
    columns = np.fft.rfftfreq(PAPER_WIDTH)[None, :]
    texture = np.zeros((PAPER_HEIGHT, PAPER_WIDTH))
    for scale, share in ((1.5, 0.5), (5.0, 0.7), (16.0, 1.0)):  # fibres, stains, shading; in pixels
        low_pass = np.exp(-2.0 * (np.pi * scale) ** 2 * (rows**2 + columns**2))
        octave = np.fft.irfft2(spectrum * low_pass, s=texture.shape)
        texture += share * octave / octave.std()
    texture = (texture - texture.mean()) / texture.std()
    return torch.from_numpy(texture.astype(np.float32)).to(device)


def paper_fields(
    tops: NDArray[np.int64], lefts: NDArray[np.int64], height: int, width: int, device: torch.device
) -> Tensor:
    """Return paper texture for several lines, (lines, 1, height, width), cut from the periodic tile at (top, left)."""
    tile = paper_tile(str(device))
    rows = (tops[:, None] + np.arange(height)) % PAPER_HEIGHT
    columns = (lefts[:, None] + np.arange(width)) % PAPER_WIDTH
    pieces = [
        tile[torch.from_numpy(row).to(device)].index_select(1, torch.from_numpy(column).to(device))
        for row, column in zip(rows, columns, strict=True)
    ]
    return torch.stack(pieces)[:, None]
