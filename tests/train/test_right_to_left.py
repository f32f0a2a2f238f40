"""A run on Hebrew is the same run as one on Latin letters, if the lines look the same."""

from dataclasses import replace
from pathlib import Path

from helpers.training_runs import drawn_lines, recipe, run, write_drawn
from hwr.model.files import read_info

HEBREW = str.maketrans("abcd", "\u05d0\u05d1\u05d2\u05d3")


def test_hebrew_is_learned_as_latin_letters_are(tmp_path: Path) -> None:
    losses = []
    latin = drawn_lines(60)
    hebrew = [replace(line, text=line.text.translate(HEBREW)[::-1]) for line in latin]
    for direction, lines in (("ltr", latin), ("rtl", hebrew)):
        for split in ("train", "val"):
            write_drawn(tmp_path / direction / "set" / f"{split}.parquet", lines)
        recorded = run(recipe(tmp_path / direction / "set", lines=120), tmp_path / f"run-{direction}")
        losses.append(recorded.losses)
        assert read_info(tmp_path / f"run-{direction}" / "last.safetensors").text_direction == direction
    assert losses[0] == losses[1] and len(losses[0]) > 3
