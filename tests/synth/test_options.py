"""Options of synthesis: what is refused, and the way to plain values and back."""

import json
from pathlib import Path

import pytest

from hwr.errors import UsageError
from hwr.settings import from_dict, to_dict
from hwr.synth.options import PaperOptions, Shares, SynthOptions

FONTS = SynthOptions(texts=(Path("a.txt"),), fonts=(Path("fonts"),))


def test_options_go_to_json_and_back() -> None:
    options = SynthOptions(
        (Path("a.txt"), Path("b.txt.xz")),
        (Path("fonts"),),
        Path("strokes.npz"),
        None,
        Shares(fonts=2, words=0),
        0.5,
        PaperOptions(blur_sigma=(1.0, 2.0)).with_probabilities({"jpeg": 0.5}),
    )
    assert from_dict(SynthOptions, json.loads(json.dumps(to_dict(options))), "x") == options


def test_shares_count_where_a_source_is_given() -> None:
    assert FONTS.source_shares() == {"fonts": 1.0, "strokes": 0.0, "words": 0.0}
    both = SynthOptions(strokes=Path("s.npz"), words=Path("w.parquet"), shares=Shares(9, 3, 1))
    assert both.source_shares() == {"fonts": 0.0, "strokes": 0.75, "words": 0.25}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no source of lines"),
        ({"fonts": ["f"]}, "fonts need something to write: give --text"),
        ({"texts": ["t"]}, "texts need fonts"),
        ({"strokes": "s", "shares": {"strokes": 0}}, "have share 0"),
        (
            {"strokes": "s", "shares": {"strokes": -1}},
            "synthesis: shares: strokes = -1: a number, at least 0",
        ),
        ({"strokes": "s", "shares": {"pens": 1}}, "shares: unknown key 'pens'; known: fonts, strokes, words"),
        ({"strokes": "s", "colour": 1}, "synthesis: unknown key 'colour'"),
        (
            {"strokes": "s", "papers": {"jpeg_probability": 1.5}},
            "jpeg_probability = 1.5: a number, at least 0 and",
        ),
        (
            {"strokes": "s", "papers": {"jpeg_quality": [0, 50]}},
            "jpeg_quality = 0: a number, at least 1 and",
        ),
        (
            {"strokes": "s", "papers": {"low_resolution_rows": [5, 50]}},
            "low_resolution_rows = 5: ",
        ),
        ({"strokes": "s", "papers": {"darkness": [0, 0.5]}}, "darkness = 0: a number, above 0 and at most 1"),
        ({"strokes": "s", "papers": {"blur_sigma": 0.5}}, "blur_sigma = 0.5: a list is needed"),
        ({"strokes": "s", "paper_share": 2}, "paper_share = 2: a number, at least 0 and at most 1"),
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
