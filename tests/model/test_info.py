"""The facts in a model file: checked, and each wrong one is one clear line."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from hwr.errors import ModelError
from hwr.model.info import ModelInfo, info_from_json

INFO = ModelInfo(
    spec="[1,16,0,1 Mp0,1 Lbx4 O1c5]",
    alphabet="aé😀ß",
    height=16,
    normalisation="ink-moments",
    normalisation_version=1,
    stride=1,
    name="tiny",
    licence="CC0",
    trained_on={"drawn": {"lines": 3, "licence": "CC0"}},
    validation={"drawn": {"cer": 0.5, "lines": 3}},
)


def changed(**values: Any) -> str:
    return json.dumps(asdict(INFO) | values)


class TestFacts:
    def test_round_trip(self) -> None:
        assert info_from_json(INFO.to_json(), "x") == INFO
        assert "\n" not in INFO.to_json() and "😀" in INFO.to_json()

    def test_classes_and_alphabet(self) -> None:
        assert INFO.classes == 5
        assert INFO.make_alphabet().encode("ßa") == [4, 1]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[]", "model format None is unknown"),
            ("{}", "model format None is unknown"),
            (changed(format_version=2), "model format 2 is unknown"),
            (changed(format_version="1"), "model format '1' is unknown"),
            (changed(colour="red"), "the model's metadata: unknown key 'colour'"),
            (json.dumps({"format_version": 1, "spec": ""}), "the key 'alphabet' is missing"),
            (changed(format_version=True), "model format True is unknown"),
            (changed(format_version=10**400), "model format"),
            (changed(alphabet=5), "alphabet = 5"),
            (changed(height="48"), "height = '48'"),
            (changed(height=0), "height = 0.*at least 1"),
            (changed(height=10**9), "height = 1000000000.*at most 1024"),
            (changed(height=10**400), "height = "),
            (changed(stride=4.0), "stride = 4.0"),
            (changed(stride=True), "stride = True"),
            (changed(stride=0), "stride = 0"),
            (changed(stride=-4), "stride = -4"),
            (changed(normalisation_version=-1), "normalisation_version = -1"),
            (changed(spec=None), "spec = None"),
            (changed(validation=[]), "validation = "),
            (changed(validation={"set": {"cer": float("nan")}}), "not JSON"),
            (changed(alphabet="aba"), "occurs twice"),
        ],
    )
    def test_bad_metadata_is_one_line_that_names_the_file(self, text: str, says: str) -> None:
        with pytest.raises(ModelError, match=says) as caught:
            info_from_json(text, "m.safetensors")
        assert str(caught.value).startswith("m.safetensors: ") and "\n" not in str(caught.value)
