"""Line stores packed into bundles."""

from pathlib import Path

import numpy as np
import pytest
from line_images import image_file, stored_line

from hwr.bundle import BundleShard, find_shards
from hwr.errors import DataError, OutputError
from hwr.files.images import decode_image
from hwr.line import NORMALISATION, normalise_line
from hwr.prepare.bundling import BundleOptions, StoreSplit, bundle, find_splits
from hwr.prepare.samples import Reason
from hwr.store.lines import StoredLine
from hwr.store.writing import write_lines


def make_store(folder: Path, count: int = 5) -> list[StoredLine]:
    lines = [stored_line(number, image=image_file(200 + 10 * number, seed=number)) for number in range(count)]
    write_lines(folder / "train.parquet", lines)
    write_lines(folder / "val.parquet", lines[:2])
    return lines


def test_names_of_sets_and_splits(tmp_path: Path) -> None:
    make_store(tmp_path / "mine")
    (tmp_path / "mine" / "manifest.json").write_text("{}")
    write_lines(tmp_path / "other.parquet", [stored_line(0)])
    found = find_splits([tmp_path / "mine", tmp_path / "other.parquet"])
    assert found == [
        StoreSplit(tmp_path / "mine" / "train.parquet", "mine", "train"),
        StoreSplit(tmp_path / "mine" / "val.parquet", "mine", "val"),
        StoreSplit(tmp_path / "other.parquet", "other", "train"),
    ]


def test_lines_are_normalised_and_packed(tmp_path: Path) -> None:
    lines = make_store(tmp_path / "mine")
    sets, skipped = bundle(find_splits([tmp_path / "mine"]), tmp_path / "out", BundleOptions(height=32, quality=100))
    assert [(item.set, item.split, item.lines, item.shards) for item in sets] == [
        ("mine", "train", 5, 1),
        ("mine", "val", 2, 1),
    ]
    assert skipped == []
    shards = find_shards(tmp_path / "out")
    assert [path.name for path in shards] == ["mine-train-00000.npz", "mine-val-00000.npz"]
    shard = BundleShard(shards[0])
    assert (shard.header.normalisation, shard.header.height) == (NORMALISATION.name, 32)
    packed = shard.read_group(0)
    assert [(line.text, line.id, line.writer) for line in packed] == [
        (line.text, line.id, line.writer) for line in lines
    ]
    for line, found in zip(lines, packed, strict=True):
        np.testing.assert_array_equal(found.ink, normalise_line(decode_image(line.image, ""), 32))


def test_shards_have_the_size_that_is_asked_for(tmp_path: Path) -> None:
    lines = [stored_line(number, image=image_file(seed=number)) for number in range(600)]
    write_lines(tmp_path / "mine" / "train.parquet", lines)
    one, _ = bundle(find_splits([tmp_path / "mine"]), tmp_path / "one", BundleOptions())
    assert one[0].shards == 1
    many, _ = bundle(find_splits([tmp_path / "mine"]), tmp_path / "many", BundleOptions(shard_size=one[0].bytes // 2))
    assert many[0].shards == 3
    ids = [line.id for path in find_shards(tmp_path / "many") for line in BundleShard(path).read_group(0)]
    assert ids == [line.id for line in lines]


def test_broken_lines_are_named_and_the_rest_is_packed(tmp_path: Path) -> None:
    lines = [stored_line(0, image=image_file()), stored_line(1), stored_line(2, image=image_file())]
    write_lines(tmp_path / "mine" / "train.parquet", lines)
    sets, skipped = bundle(find_splits([tmp_path / "mine"]), tmp_path / "out", BundleOptions())
    assert sets[0].lines == 2
    assert [(item.where, item.reason) for item in skipped] == [
        (f"{tmp_path}/mine/train.parquet, row 1", Reason.BROKEN_IMAGE)
    ]


def test_licences_are_stated(tmp_path: Path) -> None:
    licensed = [
        StoredLine(image_file(), "", "a", str(number), 300, 40, licence=licence)
        for number, licence in enumerate(["CC BY 4.0", None, "CC0", "CC0"])
    ]
    write_lines(tmp_path / "mine" / "train.parquet", licensed)
    bundle(find_splits([tmp_path / "mine"]), tmp_path / "out", BundleOptions())
    assert BundleShard(tmp_path / "out" / "mine-train-00000.npz").header.licence == "CC BY 4.0; CC0"


def test_old_shards_need_force_and_then_go(tmp_path: Path) -> None:
    make_store(tmp_path / "mine")
    splits = find_splits([tmp_path / "mine"])
    bundle(splits, tmp_path / "out", BundleOptions())
    stale = tmp_path / "out" / "mine-train-00007.npz"
    stale.write_bytes(b"")
    with pytest.raises(OutputError, match="--force"):
        bundle(splits, tmp_path / "out", BundleOptions())
    bundle(splits, tmp_path / "out", BundleOptions(), force=True)
    assert not stale.exists() and len(find_shards(tmp_path / "out")) == 2


def test_stores_that_cannot_be_packed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    make_store(tmp_path / "a" / "same")
    make_store(tmp_path / "b" / "same")
    for stores, message in [
        ([tmp_path / "missing"], "does not exist"),
        ([tmp_path / "empty"], r"no \.parquet file"),
        ([tmp_path / "a" / "same", tmp_path / "b" / "same"], "another file is train of a set 'same' too"),
    ]:
        with pytest.raises(DataError, match=message):
            find_splits(stores)
    write_lines(tmp_path / "broken" / "train.parquet", [stored_line(0)])
    with pytest.raises(DataError, match="no line can be used"):
        bundle(find_splits([tmp_path / "broken"]), tmp_path / "out", BundleOptions())
