"""Image -> page: the Python API and the runtime of the network."""

DEFAULT_MODEL = "base"
"""The shipped model that is read with by default."""

FAST_MODEL = "small"
"""The shipped model that `hwr recognize --fast` reads with."""
