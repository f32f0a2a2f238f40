"""Synthesis: text -> images of handwritten lines."""
