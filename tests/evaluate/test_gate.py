"""Bounds: each applies to each set, and NaN never passes."""

from pathlib import Path

import pytest

from hwr.evaluate.confidence import CalibrationError, ConfidenceFigures
from hwr.evaluate.evaluation import Figures, SetResult
from hwr.evaluate.intervals import Clusters
from hwr.evaluate.report import Gate, GateResult, check_gate
from hwr.evaluate.sets import EvaluationSet
from hwr.metrics import ErrorCounts


def result(name: str, characters: ErrorCounts, words: ErrorCounts) -> SetResult:
    none = CalibrationError(0.0, 0.0)
    confidence = ConfidenceFigures(0, 0, None, None, none, (), 0.0)
    figures = Figures(1, 0, characters, words, None, None, {}, 1.0, confidence)
    return SetResult(EvaluationSet(name, Path(name), None), figures, Clusters("line", 1, 1.0, 0))


GOOD = result("good", ErrorCounts(5, 100), ErrorCounts(4, 20))
BAD = result("bad", ErrorCounts(6, 100), ErrorCounts(5, 20))


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        (Gate(), []),
        (Gate(max_cer=0.05), [("good", "cer", True), ("bad", "cer", False)]),
        (Gate(max_wer=0.2), [("good", "wer", True), ("bad", "wer", False)]),
        (
            Gate(0.06, 0.1),
            [("good", "cer", True), ("good", "wer", False), ("bad", "cer", True), ("bad", "wer", False)],
        ),
        (Gate(max_cer=0.0), [("good", "cer", False), ("bad", "cer", False)]),
    ],
)
def test_each_limit_holds_for_each_set(gate: Gate, passed: list[tuple[str, str, bool]]) -> None:
    assert [(item.set, item.measure, item.passed) for item in check_gate(gate, [GOOD, BAD])] == passed


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0500001])
def test_what_is_not_below_the_limit_fails(value: float) -> None:
    assert not GateResult("set", "cer", value, 0.05).passed


def test_the_message_says_which_set_and_by_how_much() -> None:
    (_, failed) = check_gate(Gate(max_cer=0.05), [GOOD, BAD])
    assert str(failed) == "bad: CER 0.0600 is over --max-cer 0.05 by 0.01"
    assert "within" in str(GateResult("set", "wer", 0.1, 0.2))
