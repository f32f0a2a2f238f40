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


def _columns(target_widths: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the centres of the target columns, (1, columns), and their positions in each line, -1 to 1 across it."""
    centre = (torch.arange(int(target_widths.max()), dtype=torch.float32, device=device) + 0.5)[None, :]
    return centre, centre * per_line(2.0 / target_widths, device) - 1.0


def _wave(draws: LineDraws, name: str, spacing: float, size: float, like: Tensor) -> Tensor:
    """Return a smooth curve for each line, (lines, columns) as `like`, of a random size up to `size`."""
    smooth = smooth_curves(draws, name, 1, spacing, like.shape[1], like.device)[:, 0]
    return smooth * per_line(draws.uniform(name) * size, like.device)


def horizontal_curves(
    widths: NDArray[np.int64],
    target_widths: NDArray[np.int64],
    draws: LineDraws,
    options: AugmentOptions,
    half: float,
    device: torch.device,
) -> list[Tensor]:
    """Return the curves of x, three (lines, columns), of all but elastic distortion; `half` is H / 2."""
    strength, target = options.strength, target_widths.astype(np.float64)
    centre, along = _columns(target_widths, device)
    shear = draws.signed("shear", options.shear * strength)
    # The scale makes room for half of the shear, so that the ends of tall letters stay inside.
    margin = np.minimum(0.5 * np.abs(shear) * half, 0.06 * target)
    stretch = 1.0 + 2.0 * margin / target
    squeeze = widths / target  # source columns for one target column
    perspective = draws.signed("perspective width", options.perspective_width) * target / 2.0
    bow = (along * along - 1.0) * per_line(perspective, device)
    local = _wave(draws, "grid", options.grid_spacing, 0.5 * options.grid_width_change * options.grid_spacing, along)
    # The ends of the line stay where they are.
    local = local * ((1.0 - along.abs()) * per_line(target / (2.0 * options.grid_spacing), device)).clamp(0.0, 1.0)
    position = (centre - per_line(target / 2.0, device)) * per_line(stretch, device) + (bow + local) * strength
    position = position * per_line(squeeze, device) + per_line(widths / 2.0 - 0.5, device)
    nothing = torch.zeros_like(along)
    return [position, nothing + per_line(shear * stretch * half * squeeze, device), nothing]


def vertical_curves(
    target_widths: NDArray[np.int64], draws: LineDraws, options: AugmentOptions, half: float, device: torch.device
) -> list[Tensor]:
    """Return the curves of y, three (lines, columns), of all but elastic distortion; `half` is H / 2."""
    strength, target = options.strength, target_widths.astype(np.float64)
    _, along = _columns(target_widths, device)
    scale = np.exp(draws.uniform("height", *options.height_log_scale) * strength)
    room = np.maximum(0.0, (1.0 - scale) * half)
    shift = draws.signed("shift") * (room + options.vertical_overshoot * strength)
    steepest = np.tan(np.radians(options.rotation_degrees)) * target / 2.0
    rise = draws.signed("rotation") * strength * np.minimum(steepest, room + options.rotation_overshoot)
    wander = _wave(draws, "wander", options.baseline_spacing, options.baseline_wander * strength, along)
    perspective = along * per_line(draws.signed("perspective", options.perspective * strength), device)
    shrink = (perspective + 1.0) * per_line(1.0 / scale, device)
    down = (along * per_line(rise, device) + wander) + per_line(shift, device)
    return [-down * shrink + (half - 0.5), shrink * half, torch.zeros_like(along)]


def sampling_curves(
    widths: NDArray[np.int64],
    target_widths: NDArray[np.int64],
    height: int,
    draws: LineDraws,
    options: AugmentOptions,
    device: torch.device,
) -> Tensor:
    """Return the six curves of the module's docstring, (lines, 3 powers of t, columns, x and y), in source pixels."""
    x = horizontal_curves(widths, target_widths, draws, options, height / 2.0, device)
    y = vertical_curves(target_widths, draws, options, height / 2.0, device)
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
