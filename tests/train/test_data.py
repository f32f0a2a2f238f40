"""Stores, bundles and shards behind one interface."""

from pathlib import Path

import numpy as np
import pytest
from line_images import image_file, stored_line
from training_runs import drawn_lines, header

from hwr.bundle import BundleLine, BundleShard, write_bundle
from hwr.errors import DataError, InputError
from hwr.files.images import decode_image
from hwr.line import NORMALISATION, normalise_line
from hwr.store.writing import write_lines
from hwr.train.data import BundleSource, Normalised, StoreSource, open_sources

WANTED = Normalised(NORMALISATION.name, NORMALISATION.version, 48)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Two sets with a training split, one of them with a validation split in two shards."""
    folder = tmp_path / "bundle"
    write_bundle(folder, header("one", licence="CC0"), drawn_lines(5))
    write_bundle(folder, header("two"), drawn_lines(300, seed=2))
    write_bundle(folder, header("two", "val"), drawn_lines(300, seed=3), shard_size=1)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a broken image in the middle."""
    folder = tmp_path / "store"
    lines = [stored_line(number, image=image_file(200 + 10 * number, seed=number)) for number in range(5)]
    lines[2] = stored_line(2, image=b"no image")
    write_lines(folder / "train.parquet", lines)
    write_lines(folder / "val.parquet", lines[3:])
    return folder


@pytest.mark.parametrize(
    ("changes", "stated"),
    [
        ({"normalisation": "other"}, f"other {NORMALISATION.version} at height 48"),
        ({"normalisation_version": 99}, f"{NORMALISATION.name} 99 at height 48"),
        ({"height": 32}, "at height 32"),
    ],
)
def test_bundles_of_another_normalisation_are_refused(tmp_path: Path, changes: dict[str, object], stated: str) -> None:
    ink = np.zeros((int(str(changes.get("height", 48))), 9), np.uint8)
    write_bundle(tmp_path, header("good"), drawn_lines(2))
    write_bundle(tmp_path, header("odd", **changes), [BundleLine(ink, "text", "id")])
    with pytest.raises(DataError, match=f"{stated}.*needs {NORMALISATION.name}") as error:
        open_sources(tmp_path, WANTED, "train")
    assert "odd-train-00000.npz" in str(error.value)
    assert [source.name for source in open_sources(tmp_path, WANTED, "train", "good")] == ["good"]


def test_stores_cannot_be_made_to_another_normalisation(store: Path) -> None:
    with pytest.raises(DataError, match="the model needs normalisation other 1"):
        open_sources(store, Normalised("other", 1, 48), "train")


def test_folder_with_several_sets(bundle: Path) -> None:
    sources = open_sources(bundle, WANTED, "train")
    assert [source.name for source in sources] == ["one", "two"]
    assert [list(source.runs) for source in sources] == [[0], [0, 1]]
    assert sources[0].licences == {"CC0"}
    lines = [line for group in range(2) for line in sources[1].read(group)]
    assert [(line.text, line.id) for line in lines] == [(line.text, line.id) for line in drawn_lines(300, seed=2)]
    assert list(sources[1].texts()) == [line.text for line in lines]
    for line, drawn in zip(lines, drawn_lines(300, seed=2), strict=True):
        np.testing.assert_array_equal(line.ink, drawn.ink)


def test_split_and_set_of_a_folder(bundle: Path) -> None:
    (validation,) = open_sources(bundle, WANTED, "val")
    assert validation.name == "two" and len(list(bundle.glob("two-val-*.npz"))) == 2
    assert list(validation.texts()) == [line.text for line in drawn_lines(300, seed=3)]
    assert [source.name for source in open_sources(bundle, WANTED, "train", "two")] == ["two"]
    for split, only, message in [("test", "", "split 'test'"), ("val", "one", "split 'val' of the set 'one'")]:
        with pytest.raises(DataError, match=message):
            open_sources(bundle, WANTED, split, only)


def test_one_shard(bundle: Path) -> None:
    (source,) = open_sources(bundle / "two-val-00001.npz", WANTED, "train")
    assert list(source.texts()) == [line.text for line in drawn_lines(300, seed=3)][256:]


def test_texts_follow_the_rules_for_text(tmp_path: Path) -> None:
    ink = np.zeros((48, 9), np.uint8)
    write_bundle(tmp_path, header(), [BundleLine(ink, " e\u0301te\u0301 \n 1900 ", "id")])
    source = BundleSource([BundleShard(tmp_path / "drawn-train-00000.npz")], WANTED)
    assert list(source.texts()) == ["\u00e9t\u00e9 1900"] == [source.read(0)[0].text]


def test_store_and_parquet_file(store: Path) -> None:
    reports: list[str] = []
    for path in (store, store / "train.parquet"):
        (source,) = open_sources(path, WANTED, "train", report=reports.append)
        assert isinstance(source, StoreSource) and source.name == "store"
        assert len(list(source.texts())) == 5
        lines = source.read(0)
        assert [line.id for line in lines] == ["line-0", "line-1", "line-3", "line-4"]
        for line in lines:
            number = int(line.id[-1])
            image = image_file(200 + 10 * number, seed=number)
            np.testing.assert_array_equal(line.ink, normalise_line(decode_image(image, ""), 48))
    assert len(reports) == 2 and all(": left out: line-2: " in report for report in reports)
    (validation,) = open_sources(store, WANTED, "val")
    assert [line.id for line in validation.read(0)] == ["line-3", "line-4"]


def test_a_broken_image_is_reported_once(store: Path) -> None:
    reports: list[str] = []
    (source,) = open_sources(store, WANTED, "train", report=reports.append)
    assert [len(source.read(0)) for _ in range(3)] == [4, 4, 4]
    assert len(reports) == 1


def test_what_cannot_be_opened(tmp_path: Path, store: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "broken.npz").write_bytes(b"broken")
    (tmp_path / "broken.parquet").write_bytes(b"broken")
    for name in ("missing", "empty", "text.txt", "broken.npz", "broken.parquet"):
        with pytest.raises(InputError, match=name):
            open_sources(tmp_path / name, WANTED, "train")
    with pytest.raises(DataError, match="not a bundle, so it has no set 'one'"):
        open_sources(store, WANTED, "train", "one")
    with pytest.raises(DataError, match=r"no test\.parquet here; there is: train, val"):
        open_sources(store, WANTED, "test")
