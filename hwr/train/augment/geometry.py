"""The geometry of augmentation: one sampling grid for all kinds.

For a target pixel in column j and row i, with t = (i + 0.5) / (H / 2) - 1 in -1..1, the source position is
`p0[j] + p1[j] t + p2[j] t^2` in x and in y. Shear, rotation, scale, perspective, elastic and grid distortion all fit
into these six curves, which are cheap: they have one value a column, not one a pixel.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from hwr.train.augment.draws import LineDraws
from hwr.train.augment.options import AugmentOptions

POSITION_STEPS = 4096.0
"""Source positions are rounded to 1/4096 pixel: then float32 holds them exactly, in a batch of any width."""
SHRINK_LIMIT = 1.5
"""Lines that are shrunk by more are smoothed along x first, against aliasing."""


def per_line(values: NDArray[np.float64], device: torch.device) -> Tensor:
    """Return one float32 number for each line, (lines, 1), on `device`."""
    return torch.from_numpy(values.astype(np.float32)).to(device)[:, None]


def smooth_curves(draws: LineDraws, name: str, curves: int, spacing: float, width: int, device: torch.device) -> Tensor:
    """Return smooth random curves along the line, (lines, curves, width), of mean 0 and deviation about 1.

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


def base_curves(
    widths: NDArray[np.int64],
    target_widths: NDArray[np.int64],
    draws: LineDraws,
    options: AugmentOptions,
    half: float,
    device: torch.device,
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the x and y curves, three (lines, columns) each, of all but elastic distortion; `half` is H / 2."""

    def each(values: NDArray[np.float64]) -> Tensor:
        return per_line(values, device)

    def curve(name: str, spacing: float, size: float) -> Tensor:
        smooth = smooth_curves(draws, name, 1, spacing, len(centre[0]), device)[:, 0]
        return smooth * each(draws.uniform(name) * size)

    strength = options.strength
    target = target_widths.astype(np.float64)
    centre = (torch.arange(int(target.max()), dtype=torch.float32, device=device) + 0.5)[None, :]
    along = centre * each(2.0 / target) - 1.0  # -1 at the left end of the line, 1 at its right end
    nothing = torch.zeros_like(along)

    shear = draws.signed("shear", options.shear * strength)
    # The scale makes room for half of the shear, so that the ends of tall letters stay inside.
    margin = np.minimum(0.5 * np.abs(shear) * half, 0.06 * target)
    stretch = 1.0 + 2.0 * margin / target
    squeeze = widths / target  # source columns for one target column
    bow = (along * along - 1.0) * each(draws.signed("perspective width", options.perspective_width) * target / 2.0)
    local = curve("grid", options.grid_spacing, 0.5 * options.grid_width_change * options.grid_spacing)
    # The ends of the line stay where they are.
    local = local * ((1.0 - along.abs()) * each(target / (2.0 * options.grid_spacing))).clamp(0.0, 1.0)
    position = (centre - each(target / 2.0)) * each(stretch) + (bow + local) * strength
    x = [position * each(squeeze) + each(widths / 2.0 - 0.5), nothing + each(shear * stretch * half * squeeze), nothing]

    scale = np.exp(draws.uniform("height", *options.height_log_scale) * strength)
    room = np.maximum(0.0, (1.0 - scale) * half)
    shift = draws.signed("shift") * (room + options.vertical_overshoot * strength)
    steepest = np.tan(np.radians(options.rotation_degrees)) * target / 2.0
    rise = draws.signed("rotation") * strength * np.minimum(steepest, room + options.rotation_overshoot)
    wander = curve("wander", options.baseline_spacing, options.baseline_wander * strength)
    shrink = (along * each(draws.signed("perspective", options.perspective * strength)) + 1.0) * each(1.0 / scale)
    down = (along * each(rise) + wander) + each(shift)
    y = [-down * shrink + (half - 0.5), shrink * half, nothing]
    return x, y


def sampling_curves(
    widths: NDArray[np.int64],
    target_widths: NDArray[np.int64],
    height: int,
    draws: LineDraws,
    options: AugmentOptions,
    device: torch.device,
) -> Tensor:
    """Return the six curves of the module's docstring, (lines, 3 powers of t, columns, x and y), in source pixels."""
    x, y = base_curves(widths, target_widths, draws, options, height / 2.0, device)
    # Elastic distortion: curves for the top, middle and bottom row, of x and of y.
    bends = smooth_curves(draws, "elastic", 6, options.elastic_spacing, x[0].shape[1], device)
    bends = bends * per_line(draws.uniform("elastic") * options.elastic_sigma * options.strength, device)[:, None]
    for first, curves in ((0, x), (3, y)):
        top, middle, bottom = bends[:, first], bends[:, first + 1], bends[:, first + 2]
        curves[0] = curves[0] + middle
        curves[1] = curves[1] + (bottom - top) * 0.5
        curves[2] = curves[2] + ((top + bottom) * 0.5 - middle)
    return torch.stack([torch.stack(x, 1), torch.stack(y, 1)], dim=-1)


def sampling_grid(curves: Tensor, height: int, source_width: int) -> Tensor:
    """Return the grid for `grid_sample`, (lines, height, columns, 2), from the curves of `sampling_curves`."""
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
    """Average the columns of lines, (lines, 1, H, W), that are shrunk by more than SHRINK_LIMIT; in place.

    The window is as wide as the ratio; its two outermost columns have a lower weight.
    """
    width = source.shape[3]
    for line in np.flatnonzero(ratios > SHRINK_LIMIT):
        ratio = min(float(ratios[line]), float(width))
        reach = int((ratio - 1.0) // 2.0)
        part = (ratio - 1.0) / 2.0 - reach
        sums = pad(source[line], (reach + 2, reach + 1)).double().cumsum(dim=-1)
        outer = sums[..., 2 * reach + 3 :] - sums[..., : -2 * reach - 3]
        inner = sums[..., 2 * reach + 2 : -1] - sums[..., 1 : -2 * reach - 2]
        source[line] = ((inner + (outer - inner) * part) / ratio).float()


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
