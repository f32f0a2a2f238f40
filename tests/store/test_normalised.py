"""Normalised lines: the same from the images as found and from a normalised store."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.line_images import stored_line
from hwr.errors import DataError, InputError
from hwr.files.images import decode_image
from hwr.line import normalise_line
from hwr.store.columns import Normalised
from hwr.store.lines import LineStore, StoredLine
from hwr.store.normalised import NormalisedLines, current_normalisation, line_ink, normalised_line
from hwr.store.writing import write_lines

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "lines" / "val.parquet"
HEIGHT = 48


@pytest.fixture(scope="module")
def lines() -> list[StoredLine]:
    return list(LineStore(SAMPLES))


def normalise(lines: list[StoredLine], height: int = HEIGHT, quality: int = 100) -> list[StoredLine]:
    return [normalised_line(line, line_ink(line, None, height), quality) for line in lines]


def test_a_normalised_store_gives_the_same_ink(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "train.parquet", normalise(lines), current_normalisation(HEIGHT))
    found = list(NormalisedLines(tmp_path, HEIGHT, "train"))
    raw = list(NormalisedLines(SAMPLES, HEIGHT))
    assert len(found) == len(raw) == len(lines)
    for line, again, stored in zip(raw, found, lines, strict=True):
        expected = normalise_line(decode_image(stored.image, stored.id), HEIGHT)
        np.testing.assert_array_equal(line.ink, expected)
        np.testing.assert_array_equal(again.ink, expected)
        assert (again.text, again.id, again.writer) == (line.text, line.id, line.writer)


def test_quality_costs_little_ink_and_saves_bytes(lines: list[StoredLine]) -> None:
    whole, lossy = normalise(lines), normalise(lines, quality=80)
    assert sum(len(line.image) for line in lossy) < sum(len(line.image) for line in whole)
    for one, other in zip(whole, lossy, strict=True):
        difference = line_ink(one, current_normalisation(HEIGHT), HEIGHT).astype(float) - line_ink(
            other, current_normalisation(HEIGHT), HEIGHT
        )
        assert 0 < np.abs(difference).mean() < 4


def test_lines_too_wide_for_webp_keep_every_pixel() -> None:
    ink = np.random.default_rng(0).integers(0, 255, (20, 17_000), np.uint8)
    line = normalised_line(stored_line(1, image=b"-"), ink, quality=50)
    assert line.path.endswith(".png") and (line.width, line.height) == (17_000, 20)
    np.testing.assert_array_equal(line_ink(line, current_normalisation(20), 20), ink)


@pytest.mark.parametrize(
    ("stated", "height"),
    [
        (current_normalisation(HEIGHT), 40),
        (Normalised("ink-moments", 0, HEIGHT), HEIGHT),
        (Normalised("other", 1, 48), 48),
    ],
)
def test_another_normalisation_is_refused(
    tmp_path: Path, lines: list[StoredLine], stated: Normalised, height: int
) -> None:
    path = tmp_path / "a.parquet"
    write_lines(path, normalise(lines[:1]), stated)
    with pytest.raises(DataError, match=f"a.parquet: contains lines normalised by {stated.name} {stated.version} at"):
        NormalisedLines(path, height)


def test_images_as_found_are_asked_for(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "a.parquet", normalise(lines[:1]), current_normalisation(HEIGHT))
    assert LineStore(tmp_path / "a.parquet", normalised=True).normalised == current_normalisation(HEIGHT)
    with pytest.raises(DataError, match=r"already normalised .ink-moments 1 at height 48., which this command"):
        LineStore(tmp_path / "a.parquet")


def test_an_image_that_cannot_be_a_line_is_refused() -> None:
    buffer = io.BytesIO()
    Image.new("L", (9000, 2)).save(buffer, "PNG")
    for stated in (None, current_normalisation(2)):
        with pytest.raises(InputError, match="9000 x 2 pixels are too wide for a line"):
            line_ink(stored_line(1, image=buffer.getvalue()), stated, 2)


def test_a_line_of_another_height_is_refused(lines: list[StoredLine]) -> None:
    with pytest.raises(InputError, match="has 40 rows, its store says 48"):
        line_ink(normalise(lines[:1], 40)[0], current_normalisation(48), 48)


def test_broken_images_are_reported_once_with_their_row(tmp_path: Path, lines: list[StoredLine]) -> None:
    path = tmp_path / "a.parquet"
    write_lines(path, [lines[0], stored_line(1, image=b"broken"), lines[2]])
    reported: list[tuple[int, str]] = []
    found = NormalisedLines(path, HEIGHT, report=lambda row, reason: reported.append((row, reason)))
    for _ in range(2):
        assert [line.id for line in found] == [lines[0].id, lines[2].id]
    assert [row for row, _ in reported] == [1]


def test_shards_are_one_set(tmp_path: Path, lines: list[StoredLine]) -> None:
    many = [line for line in lines for _ in range(3)]
    size = sum(len(line.image) for line in many)
    whole = write_lines(tmp_path / "one" / "train.parquet", many)
    cut = write_lines(tmp_path / "cut" / "train.parquet", many, shard_size=size // 3)
    assert 3 <= len(cut.files) <= 4 and cut.files[0].name == "train-00000.parquet"
    assert (cut.sha256, cut.count) == (whole.sha256, len(many))
    store = LineStore(tmp_path / "cut", "train")
    assert list(store) == many
    assert [line for _, line in store.rows()] == many
    assert list(store.texts()) == [line.text for line in many]
    assert [row for group in store.groups for row, _ in store.read_rows(group.index)] == list(range(len(many)))


def test_the_content_hash_sees_every_file(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "train.parquet", lines, shard_size=1)
    before = LineStore(tmp_path, "train").content_hash()
    assert before == LineStore(tmp_path, "train").content_hash()
    last = sorted(tmp_path.glob("*.parquet"))[-1]
    write_lines(last, [*LineStore(last), stored_line(1)])
    assert LineStore(tmp_path, "train").content_hash() != before


def test_shards_normalised_differently_are_refused(tmp_path: Path, lines: list[StoredLine]) -> None:
    write_lines(tmp_path / "train-0.parquet", normalise(lines[:1]), current_normalisation(HEIGHT))
    write_lines(tmp_path / "train-1.parquet", lines[:1])
    with pytest.raises(DataError, match=r"train-1.parquet: its images are not normalised like those of train-0"):
        NormalisedLines(tmp_path, HEIGHT, "train")


@pytest.mark.parametrize("stated", [b"{}", b"[", b'{"name": "a", "version": true, "height": 48}', b"[" * 5000])
def test_a_statement_that_cannot_be_understood(tmp_path: Path, lines: list[StoredLine], stated: bytes) -> None:
    from pyarrow import parquet

    write_lines(tmp_path / "a.parquet", lines[:1])
    table = parquet.read_table(tmp_path / "a.parquet")
    parquet.write_table(table.replace_schema_metadata({b"hwr.normalisation": stated}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="invalid normalisation"):
        LineStore(tmp_path / "a.parquet", normalised=True)
