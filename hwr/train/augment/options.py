"""Options of line augmentation: kinds, probabilities and sizes."""

from dataclasses import dataclass, replace
from typing import Annotated

from hwr.settings import Pair, Range, Settings, Share

Size = Annotated[float, Range(0)]
Spacing = Annotated[float, Range(above=0)]
Sizes = Annotated[Pair, Range(0)]
Shares = Annotated[Pair, Range(0, 1)]


@dataclass(frozen=True)
class AugmentOptions(Settings):
    """Every probability and range of line augmentation.

    Lengths are pixels of the normalised line (48 rows). `*_probability` is the share of lines that get a kind.
    `strength` scales the sizes of the geometric kinds and of `gamma`, and the probabilities of all others; 0 turns
    everything off and leaves a plain linear resize.

    Raises:
        UsageError: a probability is outside 0..1, a range is reversed, a size is negative.
    """

    strength: Size = 1.0

    # Geometry: every line gets all of it.
    height_log_scale: Pair = (-0.2, 0.06)
    vertical_overshoot: Size = 2.0
    shear: Size = 0.35
    rotation_degrees: Size = 1.5
    rotation_overshoot: Size = 4.0
    perspective: Size = 0.08
    perspective_width: Size = 0.04
    elastic_sigma: Size = 1.6
    elastic_spacing: Spacing = 20.0
    grid_width_change: Size = 0.15
    grid_spacing: Spacing = 48.0
    baseline_wander: Size = 1.0
    baseline_spacing: Spacing = 80.0

    # The pen: a line is eroded, else perhaps dilated, else perhaps gets another thickness.
    erode_probability: Share = 0.2
    erode_mix: Shares = (0.2, 0.6)
    dilate_probability: Share = 0.25
    dilate_mix: Shares = (0.3, 0.8)
    thickness_probability: Share = 0.15
    thickness_threshold: Sizes = (0.25, 0.6)
    gamma: Size = 0.5
    fade_probability: Share = 0.15
    fade_depth: Sizes = (0.2, 0.7)
    fade_spacing: Spacing = 40.0

    # The paper.
    intrusion_probability: Share = 0.15
    intrusion_rows: Sizes = (7.0, 16.0)
    bleed_probability: Share = 0.08
    bleed_gain: Sizes = (0.08, 0.3)
    ruled_probability: Share = 0.1
    ruled_gain: Sizes = (0.1, 0.5)
    ruled_vertical_share: Share = 0.25
    texture_probability: Share = 0.2
    texture_gain: Sizes = (0.02, 0.08)

    # The scanner and the line finder: a line is blurred, else perhaps of low resolution.
    contrast_probability: Share = 0.2
    contrast_gain: Sizes = (0.7, 1.0)
    blur_probability: Share = 0.3
    blur_sigma: Sizes = (0.4, 1.1)
    motion_probability: Share = 0.05
    motion_length: Sizes = (2.0, 5.0)
    noise_probability: Share = 0.3
    noise_sigma: Sizes = (0.01, 0.07)
    speckle_probability: Share = 0.1
    speckle_gain: Sizes = (0.3, 1.0)
    low_resolution_probability: Share = 0.1
    low_resolution_mix: Shares = (0.5, 1.0)
    binarise_probability: Share = 0.12
    binarise_threshold: Sizes = (0.25, 0.5)
    cut_probability: Share = 0.1
    cut_rows: Size = 4.0
    cut_columns: Size = 4.0

    def scaled(self, factor: float) -> "AugmentOptions":
        """Return these options with `factor` times the strength."""
        return replace(self, strength=factor * self.strength)

    def probability(self, kind: str) -> float:
        """Return the probability of a kind, scaled by `strength`."""
        return min(1.0, float(getattr(self, f"{kind}_probability")) * self.strength)
