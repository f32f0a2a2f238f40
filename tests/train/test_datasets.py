"""The data of a run: stores, and lines that are held out (how many, which, and no text on both sides)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.line_images import image_file, stored_line
from helpers.training_runs import drawn_lines, write_drawn
from hwr.errors import DataError
from hwr.files.images import decode_image
from hwr.line import normalise_line
from hwr.store.normalised import LabelledLine
from hwr.store.writing import write_lines
from hwr.train.datasets import MAX_HELD_OUT, StoreLines, hold_out, open_run_data, training_texts
from hwr.train.recipe import Recipe, TrainingSet

INK = np.zeros((48, 10), np.uint8)


@dataclass
class Lines:
    """A source of groups of texts."""

    groups: list[list[str]]
    name: str = "lines"
    reads: int = 0

    @property
    def chains(self) -> list[int]:
        return list(range(len(self.groups)))

    def texts(self) -> Iterator[str]:
        for group in self.groups:
            yield from group

    def read(self, group: int) -> list[LabelledLine]:
        self.reads += 1
        return [LabelledLine(INK, text, f"{group}-{number}") for number, text in enumerate(self.groups[group])]


def texts(count: int, start: int = 0) -> list[str]:
    return [f"text {number}" for number in range(start, start + count)]


@pytest.mark.parametrize(
    ("count", "share", "held"), [(200, 0.1, 20), (20, 0.1, 2), (5, 0.1, 1), (2, 0.1, 1), (1, 0.5, 0), (10, 1.0, 9)]
)
def test_the_share_is_met(count: int, share: float, held: int) -> None:
    [(training, validation)] = hold_out([Lines([texts(count)])], share, seed=1)
    assert (len(list(training.texts())), len(list(validation.texts()))) == (count - held, held)


def test_it_is_bounded() -> None:
    [(training, validation)] = hold_out([Lines([texts(20_000)])], 0.1, seed=1)
    assert len(list(validation.texts())) == MAX_HELD_OUT and len(list(training.texts())) == 20_000 - MAX_HELD_OUT


def test_every_line_is_on_one_side_with_all_its_copies() -> None:
    sources = [Lines([texts(30), texts(40, 10)], "first"), Lines([texts(60, 20), []], "second")]
    parts = hold_out(sources, 0.2, seed=3)
    sides: list[set[str]] = [set(), set()]
    for source, both in zip(sources, parts, strict=True):
        read: Counter[str] = Counter()
        for part, side in zip(both, sides, strict=True):
            assert (part.name, part.chains) == (source.name, source.chains)
            lines = [line for group in range(len(part.chains)) for line in part.read(group)]
            assert [line.text for line in lines] == list(part.texts())
            read.update(line.text for line in lines)
            side.update(part.texts())
        assert read == Counter(source.texts())
    assert not sides[0] & sides[1] and 18 <= sum(len(list(part.texts())) for _, part in parts) <= 39


def test_the_seed_and_the_texts_decide() -> None:
    def held(groups: list[list[str]], seed: int) -> set[str]:
        return set(hold_out([Lines(groups)], 0.1, seed)[0][1].texts())

    lines = texts(100)
    assert held([lines], 1) == held([lines[50:][::-1], lines[:50]], 1)
    assert held([lines], 1) != held([lines], 2)


def test_lines_that_are_not_trained_on_are_not_drawn() -> None:
    [(training, validation)] = hold_out([Lines([["#a", "#b", "", *texts(2)]])], 0.9, seed=1, exclude="#")
    held = list(validation.texts())
    assert len(held) == 1 and held[0].startswith("text")
    assert sorted(training.texts()) == sorted(["#a", "#b", "", *({"text 0", "text 1"} - set(held))])


def test_a_text_that_is_everywhere_stays_to_train_on() -> None:
    [(training, validation)] = hold_out([Lines([["same"] * 50, ["same"] * 50 + texts(10)])], 0.05, seed=1)
    assert Counter(training.texts())["same"] == 100 and len(list(validation.texts())) > 0


def test_lines_to_validate_on_are_read_once() -> None:
    source = Lines([texts(50), texts(50, 50)])
    [(training, validation)] = hold_out([source], 0.1, seed=1)
    first = [validation.read(group) for group in (0, 1)]
    assert [validation.read(group) for group in (0, 1)] == first and source.reads == 2
    training.read(0)
    training.read(0)
    assert source.reads == 4


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of images with a broken one in the middle."""
    folder = tmp_path / "store"
    lines = [stored_line(number, image=image_file(200 + 10 * number, seed=number)) for number in range(5)]
    lines[2] = stored_line(2, image=b"no image")
    write_lines(folder / "train.parquet", lines)
    write_lines(folder / "val.parquet", lines[3:])
    return folder


def test_lines_of_a_store_are_normalised(store: Path) -> None:
    reports: list[str] = []
    for path in (store, store / "train.parquet"):
        source = StoreLines(path, 48, "train", reports.append)
        assert source.name == "store" and len(list(source.texts())) == 5
        lines = source.read(0)
        assert [line.id for line in lines] == ["line-0", "line-1", "line-3", "line-4"]
        for line in lines:
            number = int(line.id[-1])
            image = image_file(200 + 10 * number, seed=number)
            np.testing.assert_array_equal(line.ink, normalise_line(decode_image(image, ""), 48))
    assert len(reports) == 2 and all("row 2 left out: " in report for report in reports)
    assert [line.id for line in StoreLines(store, 48, "val").read(0)] == ["line-3", "line-4"]


def test_normalised_stores_are_taken_at_their_height_only(tmp_path: Path) -> None:
    write_drawn(tmp_path / "train.parquet", drawn_lines(5))
    lines = StoreLines(tmp_path, 48, "train").read(0)
    for line, drawn in zip(lines, drawn_lines(5), strict=True):
        np.testing.assert_array_equal(line.ink, drawn.ink)
    with pytest.raises(DataError, match=r"at height 48.*at height 32 is needed"):
        StoreLines(tmp_path, 32, "train")


def test_a_model_states_weight_lines_and_licence_of_each_set(tmp_path: Path) -> None:
    write_drawn(tmp_path / "one" / "train.parquet", drawn_lines(5), licence="CC0")
    write_drawn(tmp_path / "two" / "train.parquet", drawn_lines(7))
    sets = (TrainingSet(str(tmp_path / "one"), 2.0), TrainingSet(str(tmp_path / "two"), licence="mine"))
    data = open_run_data(Recipe(train=sets), 48, lambda text: None)
    assert [item.facts for item in data.training] == [
        {"lines": 5, "weight": 2.0, "licence": "CC0"},
        {"lines": 7, "weight": 1.0, "licence": "mine"},
    ]


def test_a_corrupt_row_group_costs_only_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    texts = [f"text {number:04}" for number in range(30)]
    images = [image_file(60, seed=number) for number in range(30)]
    table = pa.table({"image": images, "text": texts})
    pq.write_table(table, path, 10, compression="none", use_dictionary=False, write_page_checksum=True)
    path.write_bytes(path.read_bytes().replace(b"text 0015", b"TEXT 0015").replace(images[25], bytes(len(images[25]))))
    reports: list[str] = []
    data = open_run_data(Recipe(train=(TrainingSet(str(path)),)), 48, reports.append)
    source = data.training[0].source
    for _ in range(2):
        assert [line.text for group in range(3) for line in source.read(group)] == texts[:10]
        assert list(source.texts()) == texts[:10] + texts[20:]  # of the third group only the images are lost
    assert [report.split(":")[1] for report in reports] == [
        " row 10 left out",
        " row 20 left out",
    ]
    assert all("and the 9 rows after it: " in report and "row group" in report for report in reports)


def test_a_store_without_a_text_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"image": [b"i"], "text": ["text"]}), path, compression="none", write_page_checksum=True)
    path.write_bytes(path.read_bytes().replace(b"text", b"TEXT", 1))
    with pytest.raises(DataError, match=r"train\.parquet: no text can be read: .*row group 0 cannot be read"):
        list(training_texts(Recipe(train=(TrainingSet(str(path)),)), 48))


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "broken.parquet").write_bytes(b"broken")
    for name in ("missing", "empty", "text.txt", "broken.parquet"):
        with pytest.raises(DataError, match=name):
            StoreLines(tmp_path / name, 48, "train")
