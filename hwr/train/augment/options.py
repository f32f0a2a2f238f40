"""What line augmentation does, how often and how much."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from hwr.errors import UsageError

Range = tuple[float, float]

GEOMETRY: dict[str, tuple[str, ...]] = {
    "height": ("height_log_scale", "vertical_overshoot"),
    "shear": ("shear",),
    "rotation": ("rotation_degrees", "rotation_overshoot"),
    "perspective": ("perspective", "perspective_width"),
    "elastic": ("elastic_sigma",),
    "grid": ("grid_width_change",),
    "wander": ("baseline_wander",),
}
"""The kinds of geometry and the sizes that turn them on."""


@dataclass(frozen=True)
class AugmentOptions:
    """Every probability and range of line augmentation.

    Lengths are pixels of the normalised line (48 rows). `*_probability` is the share of lines that get a kind.
    `strength` scales the sizes of the geometric kinds and of `gamma`, and the probabilities of all others; 0 turns
    everything off and leaves a plain linear resize.

    Raises:
        UsageError: a probability is outside 0..1, a range is upside down, a size is negative.
    """

    strength: float = 1.0

    # Geometry: every line gets all of it.
    height_log_scale: Range = (-0.2, 0.06)
    vertical_overshoot: float = 2.0
    shear: float = 0.35
    rotation_degrees: float = 1.5
    rotation_overshoot: float = 4.0
    perspective: float = 0.08
    perspective_width: float = 0.04
    elastic_sigma: float = 1.6
    elastic_spacing: float = 20.0
    grid_width_change: float = 0.15
    grid_spacing: float = 48.0
    baseline_wander: float = 1.0
    baseline_spacing: float = 80.0

    # The pen: a line is eroded, else perhaps dilated, else perhaps gets another thickness.
    erode_probability: float = 0.2
    erode_mix: Range = (0.2, 0.6)
    dilate_probability: float = 0.25
    dilate_mix: Range = (0.3, 0.8)
    thickness_probability: float = 0.15
    thickness_threshold: Range = (0.25, 0.6)
    gamma: float = 0.5
    fade_probability: float = 0.15
    fade_depth: Range = (0.2, 0.7)
    fade_spacing: float = 40.0

    # The paper and what lies on it.
    intrusion_probability: float = 0.15
    intrusion_rows: Range = (7.0, 16.0)
    bleed_probability: float = 0.08
    bleed_gain: Range = (0.08, 0.3)
    ruled_probability: float = 0.1
    ruled_gain: Range = (0.1, 0.5)
    ruled_vertical_share: float = 0.25
    texture_probability: float = 0.2
    texture_gain: Range = (0.02, 0.08)

    # The scanner and the line finder: a line is blurred, else perhaps of low resolution.
    contrast_probability: float = 0.2
    contrast_gain: Range = (0.7, 1.0)
    blur_probability: float = 0.3
    blur_sigma: Range = (0.4, 1.1)
    motion_probability: float = 0.05
    motion_length: Range = (2.0, 5.0)
    noise_probability: float = 0.3
    noise_sigma: Range = (0.01, 0.07)
    speckle_probability: float = 0.1
    speckle_gain: Range = (0.3, 1.0)
    low_resolution_probability: float = 0.1
    low_resolution_mix: Range = (0.5, 1.0)
    binarise_probability: float = 0.12
    binarise_threshold: Range = (0.25, 0.5)
    cut_probability: float = 0.1
    cut_rows: float = 4.0
    cut_columns: float = 4.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = value if isinstance(value, tuple) else (value, value)
            if low > high:
                raise UsageError(f"augmentation option {field.name}: {low} is above {high}; give (lowest, highest)")
            if low < 0 and field.name != "height_log_scale":
                raise UsageError(f"augmentation option {field.name}: {low} is below 0")
            if high > 1 and field.name.endswith(("_probability", "_share", "_mix")):
                raise UsageError(f"augmentation option {field.name}: {high} is above 1")
            if value == 0 and field.name.endswith("_spacing"):
                raise UsageError(f"augmentation option {field.name}: must be above 0")

    @classmethod
    def from_mapping(cls, values: Mapping[str, float | Range | list[float]]) -> "AugmentOptions":
        """Make options from a recipe's table.

        Raises:
            UsageError: an unknown name, or a value that does not fit.
        """
        known = {field.name: field.default for field in fields(cls)}
        checked: dict[str, float | Range] = {}
        for name, value in values.items():
            if name not in known:
                raise UsageError(f"unknown augmentation option {name!r}; known: {', '.join(known)}")
            if isinstance(known[name], tuple):
                if not isinstance(value, tuple | list) or len(value) != 2:
                    raise UsageError(f"augmentation option {name}: two numbers are needed, not {value!r}")
                checked[name] = (float(value[0]), float(value[1]))
            else:
                if isinstance(value, tuple | list | str):
                    raise UsageError(f"augmentation option {name}: one number is needed, not {value!r}")
                checked[name] = float(value)
        return cls(**checked)  # type: ignore[arg-type]

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """The names of all kinds of augmentation."""
        rare = [field.name.removesuffix("_probability") for field in fields(cls) if "_probability" in field.name]
        return (*GEOMETRY, "gamma", *rare)

    def only(self, kind: str, probability: float = 1.0) -> "AugmentOptions":
        """These options with one kind for every line (or for a share of them) and without all others.

        Raises:
            UsageError: no such kind.
        """
        if kind not in self.kinds():
            raise UsageError(f"unknown kind of augmentation {kind!r}; known: {', '.join(self.kinds())}")
        changes: dict[str, float | Range] = {}
        for other in self.kinds():
            names = GEOMETRY.get(other, ("gamma",) if other == "gamma" else (f"{other}_probability",))
            for name in names:
                rare = name.endswith("_probability")
                if other == kind:
                    changes[name] = probability if rare else getattr(self, name)
                else:
                    changes[name] = (0.0, 0.0) if isinstance(getattr(self, name), tuple) else 0.0
        return replace(self, **changes)  # type: ignore[arg-type]

    def probability(self, kind: str) -> float:
        """The probability of a kind, scaled by `strength`."""
        return min(1.0, float(getattr(self, f"{kind}_probability")) * self.strength)
