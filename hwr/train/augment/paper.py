"""Augmentation with what lies on the paper beside the line: texture, rules, bleed-through, neighbours, cut-offs, noise.

Functions take the lines that drew a kind, (lines, 1, H, W) in 0..1, and what was drawn for them, one number a line.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]


def column(values: Numbers | Integers, device: torch.device) -> Tensor:
    """One number a line as (lines, 1, 1, 1), float32."""
    return torch.from_numpy(values.astype(np.float32)).to(device)[:, None, None, None]


def lay_under(lines: Tensor, ground: Tensor) -> Tensor:
    """Ink over a ground that is not white: both darken, ink hides what lies under it."""
    return lines + ground * (1.0 - lines)


def turned_columns(target_widths: Integers, offsets: Integers, width: int, mirrored: bool) -> Integers:
    """For each line the columns of itself, moved round by `offsets` (and mirrored), (lines, width)."""
    columns = np.arange(width)[None, :] + offsets[:, None]
    columns = columns % target_widths[:, None]
    return target_widths[:, None] - 1 - columns if mirrored else columns


def pick(lines: Tensor, rows: Integers, columns: Integers) -> Tensor:
    """Pixels of each line at its own rows (lines, R) and columns (lines, C); rows outside give paper."""
    height = lines.shape[2]
    inside = torch.from_numpy((rows >= 0) & (rows < height)).to(lines.device)
    row = torch.from_numpy(rows.clip(0, height - 1)).to(lines.device)[:, :, None]
    number = torch.arange(len(rows), device=lines.device)[:, None, None]
    picked = lines[number, 0, row, torch.from_numpy(columns).to(lines.device)[:, None, :]]
    return (picked * inside[:, :, None])[:, None]


def bleed_through(lines: Tensor, target_widths: Integers, offsets: Integers, down: Integers, gain: Numbers) -> Tensor:
    """The back of the sheet shines through: the line itself, mirrored, moved and faint."""
    height, width = lines.shape[2:]
    rows = np.arange(height)[None, :] - down[:, None]
    back = pick(lines, rows, turned_columns(target_widths, offsets, width, mirrored=True))
    return lay_under(lines, back * column(gain, lines.device))


def intrusion(lines: Tensor, target_widths: Integers, offsets: Integers, reach: Integers, above: Integers) -> Tensor:
    """Strokes of a neighbouring line: the line's own lower rows reach in from above, or its upper rows from below.

    `reach` is the number of rows that reach in, `above` 1 for a neighbour above and 0 for one below.
    """
    height, width = lines.shape[2:]
    rows = np.arange(height)[None, :] + np.where(above == 1, height - reach, reach - height)[:, None]
    neighbour = pick(lines, rows, turned_columns(target_widths, offsets, width, mirrored=False))
    return torch.maximum(lines, neighbour)


def ruled(lines: Tensor, first: Numbers, pitch: Numbers, slope: Numbers, gain: Numbers, vertical: Numbers) -> Tensor:
    """Printed rules `pitch` rows apart; where `vertical` is above 0, also upright ones (squared paper)."""
    device = lines.device
    height, width = lines.shape[2:]
    across = torch.arange(height, dtype=torch.float32, device=device)[:, None]
    along = torch.arange(width, dtype=torch.float32, device=device)[None, :]
    distance = column(pitch, device)

    def rules(position: Tensor) -> Tensor:
        nearest = (torch.remainder(position / distance + 0.5, 1.0) - 0.5) * distance
        return (1.25 - nearest.abs()).clamp_(0.0, 1.0)

    level = rules(across - along * column(slope, device) - column(first, device))
    upright = rules(along + across * column(slope, device) - column(first, device)) * column(vertical, device)
    return lay_under(lines, torch.maximum(level, upright) * column(gain, device))


def cut_off(
    lines: Tensor, target_widths: Integers, top: Integers, bottom: Integers, left: Integers, right: Integers
) -> Tensor:
    """Rows and columns at the edges are lost (they become paper): the line finder cut too close."""
    height, width = lines.shape[2:]
    row, place = np.arange(height)[None, :], np.arange(width)[None, :]
    rows = (row >= top[:, None]) & (row < height - bottom[:, None])
    columns = (place >= left[:, None]) & (place < (target_widths - right)[:, None])
    kept = torch.from_numpy(rows).to(lines.device)[:, None, :, None]
    return lines * kept * torch.from_numpy(columns).to(lines.device)[:, None, None, :]


def speckle(lines: Tensor, noise: Tensor, threshold: Tensor, gain: Tensor) -> Tensor:
    """Dust: dark specks where `noise` is above `threshold`, light ones in the ink where it is below its negative."""
    dark = (noise - threshold).clamp(min=0.0).mul(4.0).clamp_(max=1.0) * gain
    light = (-noise - threshold).clamp(min=0.0).mul(4.0).clamp_(max=1.0) * gain
    return torch.maximum(lines * (1.0 - light), dark)
