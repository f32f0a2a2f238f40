"""Augmentation of the ink, the picture and the paper: everything except geometry.

Functions take the lines that drew a kind, (lines, 1, H, W) in 0..1, and the numbers drawn for them, one a line; they
return lines of the same shape. Pixels outside the picture count as paper (0).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

BINARY_SLOPE = 12.0
THICKNESS_SLOPE = 2.5


def extreme(lines: Tensor, largest: bool) -> Tensor:
    """Return the largest (or smallest) value of each 3 x 3 neighbourhood; far faster on a CPU than max_pool2d."""
    pick = torch.maximum if largest else torch.minimum
    padded = pad(lines, (1, 1, 1, 1))
    rows = pick(pick(padded[:, :, :-2], padded[:, :, 1:-1]), padded[:, :, 2:])
    return pick(pick(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def weighted(lines: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Filter symmetrically along rows (axis 2) or columns (axis 3); `weights` (lines, reach + 1), the middle first."""
    reach = weights.shape[1] - 1
    size = lines.shape[axis]
    padded = pad(lines, (reach, reach) if axis == 3 else (0, 0, reach, reach))
    taps = weights[:, :, None, None, None]
    total = lines * taps[:, 0]
    for offset in range(1, reach + 1):
        both = padded.narrow(axis, reach - offset, size) + padded.narrow(axis, reach + offset, size)
        total += both * taps[:, offset]
    return total


def blur(lines: Tensor, sigma: Tensor) -> Tensor:
    """Blur with a Gaussian of `sigma` pixels, up to about 1.3."""
    distance = torch.arange(4, dtype=torch.float32, device=lines.device)
    weights = torch.exp(-0.5 * (distance / sigma.reshape(-1, 1)) ** 2)
    weights = weights / (2.0 * weights.sum(dim=1, keepdim=True) - weights[:, :1])
    return weighted(weighted(lines, weights, 2), weights, 3)


def motion(lines: Tensor, length: Tensor) -> Tensor:
    """Blur with a box of `length` columns, up to 7: the camera moved."""
    distance = torch.arange(4, dtype=torch.float32, device=lines.device)
    weights = ((length.reshape(-1, 1) + 1.0) / 2.0 - distance).clamp(0.0, 1.0)
    weights = weights / (2.0 * weights.sum(dim=1, keepdim=True) - weights[:, :1])
    return weighted(lines, weights, 3)


def ink_level(lines: Tensor) -> Tensor:
    """Return the darkness of the strokes, (lines, 1, 1, 1): the mean of the ink, weighted by the ink."""
    total = lines.sum(dim=(1, 2, 3), keepdim=True)
    return ((lines * lines).sum(dim=(1, 2, 3), keepdim=True) / total.clamp(min=1e-6)).clamp(min=0.05)


def erode(lines: Tensor, mix: Tensor) -> Tensor:
    """Thin the strokes: mix in the smallest neighbour; they stay as dark as line normalisation makes them."""
    thin = lines + (extreme(lines, largest=False) - lines) * mix
    return (thin * (ink_level(lines) / ink_level(thin))).clamp_(max=1.0)


def dilate(lines: Tensor, mix: Tensor) -> Tensor:
    """Thicken the strokes: mix in a share of the largest neighbour."""
    return lines + (extreme(lines, largest=True) - lines) * mix


def thickness(lines: Tensor, threshold: Tensor) -> Tensor:
    """Imitate another pen: blur, then a soft threshold at a share of the ink level; a low one gives thick strokes."""
    level = ink_level(lines)
    softened = blur(lines, torch.full_like(threshold, 0.9)) / level
    return ((softened - threshold) * THICKNESS_SLOPE + 0.35).clamp_(0.0, 1.0) * level


def binarise(lines: Tensor, threshold: Tensor) -> Tensor:
    """Imitate a scan in black and white: a steep threshold at a share of the ink level; edges keep one grey pixel."""
    cut = threshold * ink_level(lines)
    return ((lines - cut) * (BINARY_SLOPE * threshold / cut) + 0.5).clamp_(0.0, 1.0)


def gamma(lines: Tensor, exponent: Tensor) -> Tensor:
    """Raise the ink to the power of `exponent`: above 1 faint strokes get fainter."""
    return lines.pow(exponent)


def low_resolution(lines: Tensor, mix: Tensor) -> Tensor:
    """Mix in a share of the line at half its resolution."""
    height, width = lines.shape[2:]
    # Two paper columns more than needed, so that the right end of a line does not depend on the batch's width.
    padded = pad(lines, (2, 2 + width % 2, 2, 2 + height % 2))
    coarse = interpolate(avg_pool2d(padded, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    return lines + (coarse[:, :, 2 : 2 + height, 2 : 2 + width] - lines) * mix


Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]


def column(values: Numbers | Integers, device: torch.device) -> Tensor:
    """Return one number for each line as (lines, 1, 1, 1), float32."""
    return torch.from_numpy(values.astype(np.float32)).to(device)[:, None, None, None]


def lay_under(lines: Tensor, ground: Tensor) -> Tensor:
    """Put a background that is not white behind the ink: both darken, and ink hides the background."""
    return lines + ground * (1.0 - lines)


def turned_columns(target_widths: Integers, offsets: Integers, width: int, mirrored: bool) -> Integers:
    """Return for each line its own columns, rotated by `offsets` (and mirrored), (lines, width)."""
    columns = np.arange(width)[None, :] + offsets[:, None]
    columns = columns % target_widths[:, None]
    return target_widths[:, None] - 1 - columns if mirrored else columns


def pick(lines: Tensor, rows: Integers, columns: Integers) -> Tensor:
    """Return the pixels of each line at its own rows (lines, R) and columns (lines, C); rows outside give paper."""
    height = lines.shape[2]
    inside = torch.from_numpy((rows >= 0) & (rows < height)).to(lines.device)
    row = torch.from_numpy(rows.clip(0, height - 1)).to(lines.device)[:, :, None]
    number = torch.arange(len(rows), device=lines.device)[:, None, None]
    picked = lines[number, 0, row, torch.from_numpy(columns).to(lines.device)[:, None, :]]
    return (picked * inside[:, :, None])[:, None]


def bleed_through(lines: Tensor, target_widths: Integers, offsets: Integers, down: Integers, gain: Numbers) -> Tensor:
    """Let the back of the sheet shine through: the line itself, mirrored, moved and faint."""
    height, width = lines.shape[2:]
    rows = np.arange(height)[None, :] - down[:, None]
    back = pick(lines, rows, turned_columns(target_widths, offsets, width, mirrored=True))
    return lay_under(lines, back * column(gain, lines.device))


def intrusion(lines: Tensor, target_widths: Integers, offsets: Integers, reach: Integers, above: Integers) -> Tensor:
    """Add strokes of a neighbouring line: the line's own lower rows at its top, or its upper rows at its bottom.

    `reach` is the number of rows of the neighbour, and `above` is 1 for a neighbour above and 0 for one below.
    """
    height, width = lines.shape[2:]
    rows = np.arange(height)[None, :] + np.where(above == 1, height - reach, reach - height)[:, None]
    neighbour = pick(lines, rows, turned_columns(target_widths, offsets, width, mirrored=False))
    return torch.maximum(lines, neighbour)


def ruled(lines: Tensor, first: Numbers, pitch: Numbers, slope: Numbers, gain: Numbers, vertical: Numbers) -> Tensor:
    """Print rules `pitch` rows apart; where `vertical` is above 0, also vertical ones (squared paper)."""
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
    """Turn rows and columns at the edges into paper: the line finder cut too close."""
    height, width = lines.shape[2:]
    row, column = np.arange(height)[None, :], np.arange(width)[None, :]
    rows = (row >= top[:, None]) & (row < height - bottom[:, None])
    columns = (column >= left[:, None]) & (column < (target_widths - right)[:, None])
    kept = torch.from_numpy(rows).to(lines.device)[:, None, :, None]
    return lines * kept * torch.from_numpy(columns).to(lines.device)[:, None, None, :]


def speckle(lines: Tensor, noise: Tensor, threshold: Tensor, gain: Tensor) -> Tensor:
    """Add dust: dark specks where `noise` is above `threshold`, light ones where it is below its negative."""
    dark = (noise - threshold).clamp(min=0.0).mul(4.0).clamp_(max=1.0) * gain
    light = (-noise - threshold).clamp(min=0.0).mul(4.0).clamp_(max=1.0) * gain
    return torch.maximum(lines * (1.0 - light), dark)
