"""Where each pixel of an augmented line is taken from: all geometry in one sampling grid.

For a target pixel in column j and row i, with t = (i + 0.5) / (H / 2) - 1 in -1..1, the source position is
`p0[j] + p1[j] t + p2[j] t^2` in x and in y. Shear, rotation, scale, perspective, elastic and grid distortion all fit
into these six curves, which are cheap: they have one value a column, not one a pixel.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from hwr.train.augment_options import AugmentOptions
from hwr.train.augment_random import LineDraws

POSITION_STEPS = 4096.0
"""Source positions are rounded to 1/4096 pixel: then float32 holds them exactly, whatever the width of the batch."""
SHRINK_LIMIT = 1.5
"""Lines that are shrunk by more are smoothed along x first, against aliasing."""


def per_line(values: NDArray[np.float64], device: torch.device) -> Tensor:
    """One float32 number a line, (lines, 1), on `device`."""
    return torch.from_numpy(values.astype(np.float32)).to(device)[:, None]


def smooth_curves(
    draws: LineDraws, name: str, curves: int, spacing: float, width: int, device: torch.device
) -> Tensor:
    """Smooth random curves along the line, (lines, curves, width), of mean 0 and deviation about 1.

    Uniform cubic B-splines over control values `spacing` columns apart. The four taps are added one by one, not with
    a matrix product, so that a line's curve is the same to the bit in a batch of any width.
    """
    controls = int(np.ceil(width / spacing)) + 4
    values = np.stack([draws.bells(f"{name}{curve}", controls) for curve in range(curves)], axis=1)
    knots = torch.from_numpy(values.astype(np.float32)).to(device)
    position = (np.arange(width) + 0.5) / spacing
    left = np.floor(position).astype(np.int64)
    f = position - left
    taps = ((1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3)
    # A B-spline of independent values has about 0.7 times their deviation.
    weights = torch.from_numpy((np.stack(taps) / (6.0 * 0.7)).astype(np.float32)).to(device)
    columns = torch.from_numpy(left).to(device)
    curve = knots.index_select(2, columns) * weights[0]
    for tap in range(1, 4):
        curve += knots.index_select(2, columns + tap) * weights[tap]
    return curve


def sampling_curves(
    widths: NDArray[np.int64],
    target_widths: NDArray[np.int64],
    height: int,
    draws: LineDraws,
    options: AugmentOptions,
    device: torch.device,
) -> Tensor:
    """The six curves of the module's head, (lines, 3 powers of t, columns, x and y), in source pixels."""
    strength = options.strength
    width = int(target_widths.max())
    half = height / 2.0
    target = target_widths.astype(np.float64)
    squeeze = widths / target  # source columns for one target column

    scale = np.exp(draws.uniform("height", *options.height_log_scale) * strength)
    room = np.maximum(0.0, (1.0 - scale) * half)
    shift = draws.signed("shift") * (room + options.vertical_overshoot * strength)
    steepest = np.tan(np.radians(options.rotation_degrees)) * target / 2.0
    rise = draws.signed("rotation") * strength * np.minimum(steepest, room + options.rotation_overshoot)
    perspective = draws.signed("perspective", options.perspective * strength)
    perspective_width = draws.signed("perspective width", options.perspective_width * strength)
    shear = draws.signed("shear", options.shear * strength)
    # Half of what shear pushes out is made room for, so that the ends of tall end letters stay inside.
    margin = np.minimum(0.5 * np.abs(shear) * half, 0.06 * target)
    elastic = draws.uniform("elastic") * options.elastic_sigma * strength

    centre = (torch.arange(width, dtype=torch.float32, device=device) + 0.5)[None, :]
    along = centre * per_line(2.0 / target, device) - 1.0  # -1 at the left end of the line, 1 at its right end
    # Drawn curves for the three control rows (top, middle, bottom) of x and y, the local width and the base line.
    bends = smooth_curves(draws, "elastic", 6, options.elastic_spacing, width, device)
    bends = bends * per_line(elastic, device)[:, None]
    local = smooth_curves(draws, "grid", 1, options.grid_spacing, width, device)[:, 0]
    widest = options.grid_width_change * options.grid_spacing * strength
    local = local * per_line(draws.uniform("grid") * widest, device)
    ends = ((1.0 - along.abs()) * per_line(target / (2.0 * options.grid_spacing), device)).clamp(0.0, 1.0)
    wander = smooth_curves(draws, "wander", 1, options.baseline_spacing, width, device)[:, 0]
    wander = wander * per_line(draws.uniform("wander") * options.baseline_wander * strength, device)

    stretch = per_line(1.0 + 2.0 * margin / target, device)
    bow = (along * along - 1.0) * per_line(perspective_width * target / 2.0, device)
    x = [
        ((centre - per_line(target / 2.0, device)) * stretch + (bow + local * 0.5 * ends)) * per_line(squeeze, device)
        + per_line(widths / 2.0 - 0.5, device),
        (along * 0.0 + per_line(shear * half, device)) * per_line(squeeze, device),
        along * 0.0,
    ]
    shrink = (along * per_line(perspective, device) + 1.0) * per_line(1.0 / scale, device)
    down = (along * per_line(rise, device) + wander) + per_line(shift, device)
    y = [-down * shrink + (half - 0.5), shrink * half, along * 0.0]
    for axis, curves in ((0, x), (1, y)):
        top, middle, bottom = bends[:, 3 * axis], bends[:, 3 * axis + 1], bends[:, 3 * axis + 2]
        curves[0] = curves[0] + middle
        curves[1] = curves[1] + (bottom - top) * 0.5
        curves[2] = curves[2] + ((top + bottom) * 0.5 - middle)
    return torch.stack([torch.stack(x, 1), torch.stack(y, 1)], dim=-1)


def sampling_grid(curves: Tensor, height: int, source_width: int) -> Tensor:
    """The grid for `grid_sample`, (lines, height, columns, 2), from the curves of `sampling_curves`."""
    lines, _, width, _ = curves.shape
    powers = (curves * POSITION_STEPS).reshape(lines, 3, 1, width * 2)
    t = (torch.arange(height, dtype=torch.float32, device=curves.device) + 0.5)[:, None] * (2.0 / height) - 1.0
    # Separate additions and multiplications, in place: a fused one could differ between batches in the last bit.
    grid = powers[:, 2] * t
    grid.add_(powers[:, 1]).mul_(t).add_(powers[:, 0]).round_()
    sizes = torch.tensor([source_width, height], dtype=torch.float32, device=curves.device).repeat(width)
    grid.mul_(2.0 / (sizes * POSITION_STEPS)).add_(1.0 / sizes - 1.0)
    return grid.view(lines, height, width, 2)


def smooth_shrunk(source: Tensor, ratios: NDArray[np.float64]) -> None:
    """Average neighbouring columns of lines, (lines, 1, H, W), that are shrunk by more than SHRINK_LIMIT; in place."""
    for line in np.flatnonzero(ratios > SHRINK_LIMIT):
        reach = int(min(np.round(ratios[line]), source.shape[3])) // 2
        window = 2 * reach + 1
        sums = pad(source[line], (reach + 1, reach)).double().cumsum(dim=-1)
        source[line] = ((sums[..., window:] - sums[..., :-window]) / window).float()


def warp(
    ink: Tensor,
    widths: NDArray[np.int64],
    target_widths: NDArray[np.int64],
    draws: LineDraws,
    options: AugmentOptions,
) -> Tensor:
    """Sample every line once, (lines, 1, H, max target width), 0..1; the rest of the arguments as in `augment`."""
    lines, height, width = ink.shape
    # A power of two: then positions are scaled to -1..1 and back without rounding, in a batch of any width.
    source_width = 1 << max(0, width - 1).bit_length()
    source = ink.new_zeros((lines, 1, height, source_width), dtype=torch.float32)
    source[:, 0, :, :width] = ink
    smooth_shrunk(source, widths / target_widths)
    curves = sampling_curves(widths, target_widths, height, draws, options, ink.device)
    grid = sampling_grid(curves, height, source_width)
    sampled = grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled.mul_(1.0 / 255.0)
