"""Random fields for papers: smooth ones made for each line, fine ones cropped from tiles that are made once.

Normal numbers for every pixel of every line would cost more than all the rest of a paper. Fine textures are therefore
cut at a random place out of fixed tiles; smooth ones are drawn on a coarse grid and enlarged.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

TILE_ROWS, TILE_COLUMNS = 256, 2048
TILE_SEED = 20_061
"""Tiles are the same in every process and for every seed; only the position of the crop differs."""


@cache
def grain() -> Field:
    """Return white noise of mean 0 and deviation 1: sensor noise, (TILE_ROWS, TILE_COLUMNS)."""
    return np.random.default_rng(TILE_SEED).standard_normal((TILE_ROWS, TILE_COLUMNS), dtype=np.float32)


@cache
def paper_grain() -> Field:
    """Return the tooth of paper, a pixel or two wide, of mean 0 and deviation 1, (TILE_ROWS, TILE_COLUMNS)."""
    tooth = cv2.GaussianBlur(grain(), (0, 0), 0.9, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.clip((tooth - tooth.mean()) / tooth.std(), -3, 3), dtype=np.float32)


def cut(tile: Field, shape: tuple[int, int], generator: np.random.Generator) -> Field:
    """Return a crop of a tile at a random position, (H, W); a larger crop repeats the tile."""
    rows, columns = shape
    if rows > tile.shape[0] or columns > tile.shape[1]:
        tile = np.tile(tile, (-(-rows // tile.shape[0]), -(-columns // tile.shape[1])))
    top = int(generator.integers(tile.shape[0] - rows + 1))
    left = int(generator.integers(tile.shape[1] - columns + 1))
    return tile[top : top + rows, left : left + columns]


def smooth(shape: tuple[int, int], cell: tuple[float, float], generator: np.random.Generator) -> Field:
    """Return a smooth field between 0 and 1 that changes over about `cell` (rows, columns) pixels, (H, W)."""
    rows, columns = shape
    coarse = (int(np.ceil(rows / cell[0])) + 1, int(np.ceil(columns / cell[1])) + 1)
    values = generator.random(coarse, dtype=np.float32)
    return np.asarray(cv2.resize(values, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
