"""Augmentation of the ink and of the picture: strokes, contrast, blur, resolution. No geometry.

Every function takes the lines that drew its kind, (lines, 1, H, W) in 0..1, and one number a line, (lines, 1, 1, 1);
it returns lines of the same shape. What lies outside the picture counts as paper (0).
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

BINARY_SLOPE = 12.0
THICKNESS_SLOPE = 2.5


def extreme(lines: Tensor, largest: bool) -> Tensor:
    """The largest (or smallest) value of each 3 x 3 neighbourhood; far faster on a CPU than max_pool2d."""
    pick = torch.maximum if largest else torch.minimum
    padded = pad(lines, (1, 1, 1, 1))
    rows = pick(pick(padded[:, :, :-2], padded[:, :, 1:-1]), padded[:, :, 2:])
    return pick(pick(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def weighted(lines: Tensor, weights: Tensor, axis: int) -> Tensor:
    """A symmetric filter along rows (axis 2) or columns (axis 3); `weights` (lines, reach + 1), the middle first."""
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
    """A Gaussian of `sigma` pixels, up to about 1.3."""
    distance = torch.arange(4, dtype=torch.float32, device=lines.device)
    weights = torch.exp(-0.5 * (distance / sigma.reshape(-1, 1)) ** 2)
    weights = weights / (2.0 * weights.sum(dim=1, keepdim=True) - weights[:, :1])
    return weighted(weighted(lines, weights, 2), weights, 3)


def motion(lines: Tensor, length: Tensor) -> Tensor:
    """A box of `length` columns, up to 7: the picture moved while it was taken."""
    distance = torch.arange(4, dtype=torch.float32, device=lines.device)
    weights = ((length.reshape(-1, 1) + 1.0) / 2.0 - distance).clamp(0.0, 1.0)
    weights = weights / (2.0 * weights.sum(dim=1, keepdim=True) - weights[:, :1])
    return weighted(lines, weights, 3)


def ink_level(lines: Tensor) -> Tensor:
    """How dark the strokes of a line are, (lines, 1, 1, 1): the mean of the ink, weighted by itself."""
    total = lines.sum(dim=(1, 2, 3), keepdim=True)
    return ((lines * lines).sum(dim=(1, 2, 3), keepdim=True) / total.clamp(min=1e-6)).clamp(min=0.05)


def erode(lines: Tensor, mix: Tensor) -> Tensor:
    """Thinner strokes: a share `mix` of the smallest neighbour, as dark as before (line normalisation sees to that)."""
    thin = lines + (extreme(lines, largest=False) - lines) * mix
    return (thin * (ink_level(lines) / ink_level(thin))).clamp_(max=1.0)


def dilate(lines: Tensor, mix: Tensor) -> Tensor:
    """Thicker strokes: a share `mix` of the largest neighbour."""
    return lines + (extreme(lines, largest=True) - lines) * mix


def thickness(lines: Tensor, threshold: Tensor) -> Tensor:
    """Another pen: blur, then a soft threshold at a share of the line's ink level; a low one gives thick strokes."""
    level = ink_level(lines)
    softened = blur(lines, torch.full_like(threshold, 0.9)) / level
    return ((softened - threshold) * THICKNESS_SLOPE + 0.35).clamp_(0.0, 1.0) * level


def binarise(lines: Tensor, threshold: Tensor) -> Tensor:
    """A scan in black and white: a steep threshold at a share of the line's ink level (edges keep one grey pixel)."""
    cut = threshold * ink_level(lines)
    return ((lines - cut) * (BINARY_SLOPE * threshold / cut) + 0.5).clamp_(0.0, 1.0)


def gamma(lines: Tensor, exponent: Tensor) -> Tensor:
    """Ink to the power of `exponent`: above 1 faint strokes get fainter."""
    return lines.pow(exponent)


def low_resolution(lines: Tensor, mix: Tensor) -> Tensor:
    """A share `mix` of the line at half its resolution."""
    height, width = lines.shape[2:]
    # Two paper columns more than needed, so that the right end of a line does not depend on the batch's width.
    padded = pad(lines, (2, 2 + width % 2, 2, 2 + height % 2))
    coarse = interpolate(avg_pool2d(padded, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    return lines + (coarse[:, :, 2 : 2 + height, 2 : 2 + width] - lines) * mix
