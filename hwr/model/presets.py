"""The networks that have names."""

from hwr.errors import UsageError

PRESETS = {
    # Meant for CPUs: dense convolutions with few channels, 2.4 M parameters with 134 classes.
    "small": (
        "[1,48,0,1 C5,5,32,2,2 R3,3,32 Mp2,2 R3,3,64 R3,3,64 Mp2,1 R3,3,128 R3,3,128 R3,3,128 Mp0,1"
        " Do0.2 Lbx192 Do0.2 Lbx192 Do0.2 O1c{classes}]"
    ),
    # Meant for GPUs: wider, a taller line and a third recurrent layer, 7.0 M parameters with 134 classes.
    "base": (
        "[1,64,0,1 C5,5,48,2,2 R3,3,48 Mp2,2 R3,3,96 R3,3,96 Mp2,1 R3,3,192 R3,3,192 R3,3,192 Mp2,1 R3,3,192 Mp0,1"
        " Do0.25 Lbx256 Do0.25 Lbx256 Do0.25 Lbx256 Do0.25 O1c{classes}]"
    ),
}


def preset_spec(name: str, classes: int) -> str:
    """The VGSL specification of a preset with an output for `classes` classes, the blank included.

    Raises:
        UsageError: there is no such preset.
    """
    if name not in PRESETS:
        raise UsageError(f"preset {name!r} is unknown; there are: {', '.join(PRESETS)}")
    return PRESETS[name].format(classes=classes)
