"""Recipes are compared by greedy readings."""

from pathlib import Path

from benchmarks.ablations import read_errors
from helpers.line_images import SAMPLES
from hwr.evaluate.sets import find_sets
from hwr.metrics import character_errors
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.recognizer import Recognizer
from hwr.store.normalised import NormalisedLines

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"


def test_a_model_that_states_a_beam_is_read_greedily():
    model = CHECKPOINTS / "tiny.safetensors"
    sets, _ = find_sets([SAMPLES / "lines"], "val")
    found = read_errors(model, sets)["lines"]
    recognizer = Recognizer(model, decoder=DecoderOptions("greedy"))
    assert Recognizer(model).decoder.name == "beam"
    lines = list(NormalisedLines(SAMPLES / "lines", recognizer.height, "val"))
    readings = recognizer.read_normalised([line.ink for line in lines])
    expected = {
        line.id: character_errors(line.text, reading.text).edits for line, reading in zip(lines, readings, strict=True)
    }
    assert {line: edits for line, (edits, _, _) in found.items()} == expected
    assert sum(expected.values()) > 0
