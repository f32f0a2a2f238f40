"""The cache of a run: the same lines, normalised once."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.line_images import image_file, stored_line
from helpers.training_runs import drawn_lines, opened, write_drawn
from hwr.errors import OutputError
from hwr.store.normalised import NormalisedLines
from hwr.store.writing import write_lines
from hwr.train import cache
from hwr.train.cache import CachedLines, write_cache


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two shards, several groups, and a broken image."""
    lines = [stored_line(number, image=image_file(100 + number, seed=number)) for number in range(20)]
    lines[7] = stored_line(7, image=b"no image")
    write_lines(tmp_path / "store" / "train.parquet", lines, shard_size=500)
    return tmp_path / "store"


def cached(path: Path, folder: Path, height: int = 48) -> CachedLines:
    lines = NormalisedLines(path, height, "train")
    write_cache("store", lines, folder, lambda text: None)
    return CachedLines("store", lines, folder)


def test_cached_lines_are_those_of_the_store(store: Path, tmp_path: Path) -> None:
    lines = NormalisedLines(store, 48, "train")
    assert len(lines.groups) > 1
    found = cached(store, tmp_path / "cache")
    assert found.chains == [group.row_group for group in lines.groups]
    assert list(found.texts()) == [line.text for line in lines]
    for group in lines.groups:
        for line, expected in zip(found.read(group.index), lines.read_group(group.index), strict=True):
            assert (line.text, line.id) == (expected.text, expected.id)
            np.testing.assert_array_equal(line.ink, expected.ink)


def test_lines_are_normalised_once(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(store, tmp_path / "cache")

    def again(*arguments: object) -> None:
        raise AssertionError("normalised again")

    monkeypatch.setattr("hwr.store.normalised.line_ink", again)
    assert len(cached(store, tmp_path / "cache").read(0)) > 0
    with pytest.raises(AssertionError):
        cached(store, tmp_path / "cache", height=32)


def test_another_store_of_the_same_name_gets_a_cache_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "store" / "train.parquet"
    write_drawn(file, drawn_lines(5))
    cached(file.parent, tmp_path / "cache")
    write_drawn(file, drawn_lines(5, seed=1))
    found = cached(file.parent, tmp_path / "cache").read(0)
    assert [line.text for line in found] == [line.text for line in drawn_lines(5, seed=1)]


def test_an_interrupted_cache_is_written_again(store: Path, tmp_path: Path) -> None:
    complete = cached(store, tmp_path / "cache")
    complete.file.with_suffix(".npz").unlink()
    complete.file.write_bytes(b"half")
    assert all(line.ink.shape[0] == 48 for line in cached(store, tmp_path / "other").read(0))
    assert list(cached(store, tmp_path / "cache").texts()) == list(complete.texts())


def test_a_store_without_a_usable_image(tmp_path: Path) -> None:
    write_lines(tmp_path / "store" / "train.parquet", [stored_line(0, image=b"no image")])
    assert cached(tmp_path / "store", tmp_path / "cache").read(0) == []


def test_the_room_is_checked_before(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: usage._replace(free=10_000))
    with pytest.raises(OutputError, match=r"needs about 0\.[0-9] MiB, 0\.0 MiB are free.*--no-cache"):
        cached(store, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_the_estimate_is_close(tmp_path: Path) -> None:
    write_drawn(tmp_path / "store" / "train.parquet", drawn_lines(50))
    source = opened(tmp_path / "store")
    size = sum(line.ink.size for line in source.read(0))
    estimate = sum(cache._area(line, 48) for _, line in source.lines.store.rows(images=False))
    assert estimate == pytest.approx(size, rel=0.01)
