"""Augmentation of text lines for training: one implementation, batched, on CPU and CUDA.

Each line's result depends only on its seed, its ink and its widths, not on its batch. Geometry is one `grid_sample`;
the kinds that few lines draw are computed for those lines only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwr.train.augment import effects
from hwr.train.augment.draws import NOISE_STARTS, PAPER_HEIGHT, PAPER_WIDTH, LineDraws, noise_fields, paper_fields
from hwr.train.augment.geometry import smooth_curves, warp
from hwr.train.augment.options import AugmentOptions

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]


class Augmented:
    """The lines being augmented, (lines, 1, H, W) in 0..1, with their draws; each kind changes some of them."""

    def __init__(self, lines: Tensor, target_widths: Integers, draws: LineDraws, options: AugmentOptions) -> None:
        self.lines = lines
        self.target_widths = target_widths
        self.draws = draws
        self.options = options
        self.device = lines.device
        self.height, self.width = int(lines.shape[2]), int(lines.shape[3])
        self.inside: Tensor | None = None
        if bool((target_widths < self.width).any()):
            inside = np.arange(self.width)[None, :] < target_widths[:, None]
            self.inside = torch.from_numpy(inside.astype(np.float32)).to(self.device)[:, None, None, :]
            self.lines *= self.inside

    def apply(self, chosen: Integers, kind: Callable[[Tensor], Tensor]) -> None:
        """Apply `kind` to the chosen lines; to the right of their widths they stay zero."""
        if len(chosen) == 0:
            return
        numbers = torch.from_numpy(chosen).to(self.device)
        everything = len(chosen) == len(self.lines)
        changed = kind(self.lines if everything else self.lines.index_select(0, numbers))
        if self.inside is not None:
            changed = changed * self.inside.index_select(0, numbers)
        self.lines = changed if everything else self.lines.index_copy_(0, numbers, changed)

    def chosen(self, kind: str, unless: tuple[str, ...] = ()) -> Integers:
        """Return the numbers of the lines that draw `kind` and none of the kinds in `unless`."""
        lines = self.draws.chosen(kind, self.options.probability(kind))
        for other in unless:
            lines = np.setdiff1d(lines, self.draws.chosen(other, self.options.probability(other)))
        return lines

    def simple(
        self,
        kind: str,
        change: Callable[[Tensor, Tensor], Tensor],
        bounds: tuple[float, float],
        unless: tuple[str, ...] = (),
    ) -> None:
        """Apply a kind that needs one number for each line, drawn from `bounds`, to the lines that draw it."""
        chosen = self.chosen(kind, unless)
        amount = effects.column(self.draws.uniform(kind, *bounds)[chosen], self.device)
        self.apply(chosen, lambda lines: change(lines, amount))


def add_intrusion(batch: Augmented) -> None:
    """Add strokes of a pseudo-neighbour above, below or both."""
    low, high = batch.options.intrusion_rows
    for name in ("intrusion above", "intrusion below"):
        # Each side has half of the probability.
        chosen = batch.draws.chosen(name, batch.options.probability("intrusion") / 2.0)
        rows = batch.draws.uniform(f"{name} rows", low, high)[chosen] * batch.height / 48.0
        reach = np.round(rows).astype(np.int64)
        widths = batch.target_widths[chosen]
        offsets = (batch.draws.uniform(f"{name} offset", 0.1, 0.9)[chosen] * widths).astype(np.int64)
        above = np.full(len(chosen), int(name == "intrusion above"))
        batch.apply(
            chosen,
            lambda lines, w=widths, o=offsets, r=reach, a=above: effects.intrusion(lines, w, o, r, a),  # type: ignore[misc]
        )


def add_fading(batch: Augmented) -> None:
    """Let the ink run dry along the line, more at its top or at its bottom."""
    options, draws = batch.options, batch.draws
    chosen = batch.chosen("fade")
    if len(chosen) == 0:
        return
    depth = effects.column(draws.uniform("fade", *options.fade_depth)[chosen], batch.device)
    tilt = effects.column(draws.signed("fade tilt", 0.3)[chosen], batch.device)
    curve = smooth_curves(draws, "fade", 1, options.fade_spacing, batch.width, batch.device)[:, :, None, :]
    curve = curve[torch.from_numpy(chosen).to(batch.device)]
    rows = torch.linspace(-1.0, 1.0, batch.height, device=batch.device)[:, None]
    batch.apply(chosen, lambda lines: lines * (1.0 - depth * (curve * 0.5 + rows * tilt + 0.2).clamp(0.0, 1.0)))


def add_gamma(batch: Augmented) -> None:
    """Change the contrast of the ink: raise every line to a power of its own."""
    exponent = np.exp(batch.draws.signed("gamma", batch.options.gamma * batch.options.strength))
    everything = np.arange(len(exponent))
    batch.apply(everything, lambda lines: effects.gamma(lines, effects.column(exponent, batch.device)))


def add_paper(batch: Augmented) -> None:
    """Add bleed-through, ruled lines and paper texture."""
    options, draws, device = batch.options, batch.draws, batch.device
    chosen = batch.chosen("bleed")
    widths = batch.target_widths[chosen]
    offsets = (draws.uniform("bleed offset")[chosen] * widths).astype(np.int64)
    down = np.round(draws.signed("bleed down", batch.height / 3.0)[chosen]).astype(np.int64)
    gain = draws.uniform("bleed", *options.bleed_gain)[chosen]
    batch.apply(chosen, lambda lines: effects.bleed_through(lines, widths, offsets, down, gain))

    rules = batch.chosen("ruled")
    pitch = batch.height * draws.uniform("ruled pitch", 0.35, 1.2)[rules]
    first = batch.height * draws.uniform("ruled first", 0.6, 0.95)[rules]
    slope = draws.signed("ruled slope", 0.01)[rules]
    darkness = draws.uniform("ruled", *options.ruled_gain)[rules]
    upright = (draws.uniform("ruled vertical")[rules] < options.ruled_vertical_share).astype(np.float64)
    batch.apply(rules, lambda lines: effects.ruled(lines, first, pitch, slope, darkness, upright))

    # A threshold over stained paper gives illegible black blots.
    textured = batch.chosen("texture", unless=("binarise",))
    tops = draws.integer("texture top", PAPER_HEIGHT)[textured]
    lefts = draws.integer("texture left", PAPER_WIDTH)[textured]
    strength = effects.column(draws.uniform("texture", *options.texture_gain)[textured], device)

    def texture(lines: Tensor) -> Tensor:
        ground = paper_fields(tops, lefts, batch.height, batch.width, device)
        return effects.lay_under(lines, (ground * strength).clamp_(0.0, 0.5))

    batch.apply(textured, texture)


def add_noise(batch: Augmented) -> None:
    """Add Gaussian noise and dust."""
    options, draws, device = batch.options, batch.draws, batch.device
    noisy = batch.chosen("noise")
    starts = draws.integer("noise start", NOISE_STARTS)
    sigma = effects.column(draws.uniform("noise", *options.noise_sigma)[noisy], device)
    batch.apply(
        noisy,
        lambda lines: (lines + noise_fields(starts[noisy], batch.height, batch.width, device) * sigma).clamp_(0.0, 1.0),
    )
    dusty = batch.chosen("speckle")
    dust = draws.integer("speckle start", NOISE_STARTS)[dusty]
    gain = effects.column(draws.uniform("speckle", *options.speckle_gain)[dusty], device)
    threshold = effects.column(draws.uniform("speckle threshold", 2.5, 3.2)[dusty], device)
    batch.apply(
        dusty,
        lambda lines: effects.speckle(lines, noise_fields(dust, batch.height, batch.width, device), threshold, gain),
    )


def add_cut(batch: Augmented) -> None:
    """Cut off a few rows at the top or bottom and a few columns at the ends."""
    options, draws = batch.options, batch.draws
    chosen = batch.chosen("cut")
    sides = []
    for side, most in (("top", options.cut_rows), ("bottom", options.cut_rows), ("left", options.cut_columns)):
        sides.append(np.floor(draws.uniform(f"cut {side}", -most, most + 1.0)[chosen].clip(0.0)).astype(np.int64))
    right = np.floor(draws.uniform("cut right", -options.cut_columns, options.cut_columns + 1.0)[chosen].clip(0.0))
    widths = batch.target_widths[chosen]
    # Never more than a tenth of a short line.
    left = np.minimum(sides[2], widths // 10)
    right = np.minimum(right.astype(np.int64), widths // 10)
    batch.apply(chosen, lambda lines: effects.cut_off(lines, widths, sides[0], sides[1], left, right))


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """On the CPU, use only the calling thread.

    There are many small operations. On free cores two threads save a quarter of the time, but if other work occupies a
    core, every operation waits for the slower thread, and a batch takes many times as long.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def augment(ink: Tensor, widths: Tensor, target_widths: Tensor, seeds: Tensor, options: AugmentOptions) -> Tensor:
    """Change normalised lines as other writers, pens, papers and scanners would have.

    Args:
        ink: uint8 (lines, H, W), 0 paper, zero padded on the right.
        widths: int64 (lines,), the columns of each line that are used; best kept on the CPU.
        target_widths: int64 (lines,), the width that each line is resized to; best kept on the CPU.
        seeds: int64 (lines,), the only source of randomness of a line; best kept on the CPU.
        options: what is done, how often and how much.

    Returns:
        float32 (lines, 1, H, largest target width) in 0..1, exactly 0 right of each line's target width.

    Raises:
        ValueError: shapes or types do not fit, a width is below 1.
    """
    if ink.ndim != 3 or ink.dtype != torch.uint8:
        raise ValueError(f"ink must be uint8 (lines, H, W), not {ink.dtype} {tuple(ink.shape)}")
    for name, numbers in (("widths", widths), ("target_widths", target_widths), ("seeds", seeds)):
        if numbers.shape != ink.shape[:1]:
            raise ValueError(f"{name} must be ({len(ink)},), not {tuple(numbers.shape)}")
    if len(ink) == 0:
        raise ValueError("an empty batch cannot be augmented")
    source, target = widths.cpu().numpy(), target_widths.cpu().numpy()
    if source.min() < 1 or target.min() < 1 or source.max() > ink.shape[2]:
        raise ValueError(f"widths must be 1 to {ink.shape[2]} and target widths 1 or more")

    with torch.no_grad(), one_thread(ink.device):
        draws = LineDraws(seeds)
        batch = Augmented(warp(ink, source, target, draws, options), target, draws, options)
        if options.strength == 0.0:
            return batch.lines
        add_intrusion(batch)
        batch.simple("erode", effects.erode, options.erode_mix)
        batch.simple("dilate", effects.dilate, options.dilate_mix, unless=("erode",))
        unless = ("erode", "dilate")
        batch.simple("thickness", effects.thickness, options.thickness_threshold, unless)
        add_gamma(batch)
        add_fading(batch)
        add_paper(batch)
        batch.simple("contrast", lambda lines, gain: lines * gain, options.contrast_gain)
        batch.simple("blur", effects.blur, options.blur_sigma)
        batch.simple("motion", effects.motion, options.motion_length, unless=("blur",))
        add_noise(batch)
        batch.simple("low_resolution", effects.low_resolution, options.low_resolution_mix, unless=("blur", "motion"))
        batch.simple("binarise", effects.binarise, options.binarise_threshold)
        add_cut(batch)
        return batch.lines.clamp_(0.0, 1.0)
