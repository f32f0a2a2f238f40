"""Lines that kraken's default segmenter finds; `benchmarks.line_finding` runs it in kraken's environment.

    VENV/bin/python benchmarks/kraken_lines.py IMAGE... > lines.jsonl

Prints one JSON object per image: `image`, `seconds` and `cpu` of the segmentation alone, on one core, and `lines`, each
a baseline. The first object has `load`: the seconds for importing kraken and loading its model. kraken needs its own
environment.
"""

import json
import sys
import time
from importlib import resources
from pathlib import Path

import torch
from PIL import Image

start = time.perf_counter()
from kraken import blla  # noqa: E402
from kraken.lib.vgsl import TorchVGSLModel  # noqa: E402


def main() -> None:
    """Segment each image."""
    torch.set_num_threads(1)
    model = TorchVGSLModel.load_model(resources.files("kraken").joinpath("blla.mlmodel"))
    print(json.dumps({"load": time.perf_counter() - start}), flush=True)
    for name in sys.argv[1:]:
        with Image.open(Path(name)) as image:
            image.load()
            begin, used = time.perf_counter(), time.process_time()
            found = blla.segment(image, model=model)
            seconds, cpu = time.perf_counter() - begin, time.process_time() - used
        lines = [[[float(x), float(y)] for x, y in line.baseline] for line in found.lines if line.baseline]
        print(json.dumps({"image": name, "seconds": seconds, "cpu": cpu, "lines": lines}), flush=True)


if __name__ == "__main__":
    main()
