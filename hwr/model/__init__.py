"""VGSL -> network -> file."""
