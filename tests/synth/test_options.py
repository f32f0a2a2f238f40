"""Options of synthesis: what is refused, and conversion to plain values and back."""

import json
from pathlib import Path

import pytest

from hwr.errors import UsageError
from hwr.settings import from_dict, to_dict
from hwr.synth.options import PaperOptions, SynthOptions


def test_options_go_to_json_and_back() -> None:
    options = SynthOptions(
        (Path("a.txt"), Path("b.txt.xz")),
        (Path("fonts"),),
        0.5,
        PaperOptions(blur_sigma=(1.0, 2.0)).with_probabilities({"jpeg": 0.5}),
    )
    assert from_dict(SynthOptions, json.loads(json.dumps(to_dict(options))), "x") == options


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "lines need fonts"),
        ({"fonts": ["f"]}, "fonts need something to write: give --text"),
        ({"texts": ["t"]}, "lines need fonts"),
        ({"fonts": ["f"], "colour": 1}, "synthesis: unknown key 'colour'"),
        (
            {"fonts": ["f"], "papers": {"jpeg_probability": 1.5}},
            "jpeg_probability = 1.5: a number, at least 0 and",
        ),
        (
            {"fonts": ["f"], "papers": {"jpeg_quality": [0, 50]}},
            "jpeg_quality = 0: a number, at least 1 and",
        ),
        (
            {"fonts": ["f"], "papers": {"low_resolution_rows": [5, 50]}},
            "low_resolution_rows = 5: ",
        ),
        ({"fonts": ["f"], "papers": {"darkness": [0, 0.5]}}, "darkness = 0: a number, above 0 and at most 1"),
        ({"fonts": ["f"], "papers": {"blur_sigma": 0.5}}, "blur_sigma = 0.5: a list is needed"),
        ({"fonts": ["f"], "paper_share": 2}, "paper_share = 2: a number, at least 0 and at most 1"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_dict(SynthOptions, values, "synthesis")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_kind_has_a_probability() -> None:
    kinds = PaperOptions.kinds()
    assert {"ruled", "squared", "tabular", "jpeg", "binarised", "shadow"} <= set(kinds)
    changed = PaperOptions().with_probabilities(dict.fromkeys(kinds, 0.125))
    assert all(getattr(changed, f"{kind}_probability") == 0.125 for kind in kinds)


@pytest.mark.parametrize("shares", [{"snow": 0.5}, {"jpeg": 2.0}, {"jpeg": -0.1}])
def test_probabilities_are_checked(shares: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        PaperOptions().with_probabilities(shares)
