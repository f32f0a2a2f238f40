"""Image -> page: the Python API and the runtime of the network."""
