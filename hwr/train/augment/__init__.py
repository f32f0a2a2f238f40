"""Augmentation of normalised lines."""
