"""Image -> page: the Python API and the runtimes of the network."""
