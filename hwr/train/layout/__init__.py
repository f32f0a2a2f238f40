"""Trains the network that finds the lines of a page: pages with baselines -> `hwr/segment/lines.onnx`."""
