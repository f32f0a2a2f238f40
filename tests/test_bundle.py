"""Bundles: what is packed comes out again, and no broken shard gives more than one clear error."""

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from training_runs import drawn_lines, header

from hwr.bundle import GROUP_LINES, BundleLine, BundleShard, find_shards, write_bundle
from hwr.errors import DataError, InputError, OutputError


def noisy_line(number: int, width: int = 200) -> BundleLine:
    """A line with soft strokes, which lossy compression changes."""
    generator = np.random.default_rng(number)
    coarse = generator.integers(0, 256, (12, width // 4)).astype(np.uint8)
    ink = np.kron(coarse, np.ones((4, 4), np.uint8))
    return BundleLine(
        ink, f'text {number} "œ" \u2028 é', f"line-{number}", f"writer-{number % 2}" if number % 3 else None
    )


def test_lossless_round_trip(tmp_path: Path) -> None:
    lines = [noisy_line(number, 4 + 4 * number) for number in range(20)]
    written = write_bundle(tmp_path, header(quality=100, licence="CC0"), lines)
    assert (written.lines, len(written.shards)) == (20, 1)
    assert written.bytes == written.shards[0].stat().st_size
    shard = BundleShard(written.shards[0])
    assert shard.header == header(quality=100, licence="CC0")
    assert (shard.groups, shard.count(0)) == (1, 20)
    assert shard.texts(0) == [line.text for line in lines]
    for line, found in zip(lines, shard.read_group(0), strict=True):
        assert (found.text, found.id, found.writer) == (line.text, line.id, line.writer)
        np.testing.assert_array_equal(found.ink, line.ink)


def test_lossy_round_trip_is_near_and_smaller(tmp_path: Path) -> None:
    lines = [noisy_line(number) for number in range(10)]
    exact = write_bundle(tmp_path / "exact", header(quality=100), lines)
    lossy = write_bundle(tmp_path / "lossy", header(quality=80), lines)
    assert lossy.bytes < exact.bytes
    for line, found in zip(lines, BundleShard(lossy.shards[0]).read_group(0), strict=True):
        assert found.ink.shape == line.ink.shape and found.ink.dtype == np.uint8
        difference = np.abs(found.ink.astype(int) - line.ink)
        assert 0 < difference.mean() < 12


def test_groups_and_shards(tmp_path: Path) -> None:
    lines = drawn_lines(600)
    one = write_bundle(tmp_path / "one", header(), lines)
    shard = BundleShard(one.shards[0])
    assert [shard.count(group) for group in range(shard.groups)] == [GROUP_LINES, GROUP_LINES, 600 - 2 * GROUP_LINES]

    size = int(one.bytes * 0.8)
    many = write_bundle(tmp_path / "many", header(), lines, size)
    assert [path.name for path in many.shards] == ["drawn-train-00000.npz", "drawn-train-00001.npz"]
    assert find_shards(tmp_path / "many") == list(many.shards)
    for path in many.shards:
        assert path.stat().st_size <= size + 4096  # the archive's own names and sizes
    # Each shard is usable alone: moved to a folder without the others.
    last = tmp_path / "alone" / "renamed.npz"
    last.parent.mkdir()
    last.write_bytes(many.shards[1].read_bytes())
    alone = BundleShard(last)
    assert alone.header == header()
    found = [line.id for group in range(alone.groups) for line in alone.read_group(group)]
    assert found == [line.id for line in lines][-len(found) :] and 0 < len(found) < 600


def test_lines_of_another_height_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line-0: 48 rows, the bundle has 32"):
        write_bundle(tmp_path, header(height=32), [noisy_line(0)])
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_bundle(tmp_path / "file" / "bundle", header(), [noisy_line(0)])


def archive(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def facts(**changes: Any) -> NDArray[np.uint8]:
    stated = {"format": "hwr-bundle", "version": 1, "groups": 1} | vars(header()) | changes
    return np.frombuffer(json.dumps({k: v for k, v in stated.items() if v is not ...}).encode(), np.uint8)


def single_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def other_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("readme.txt", "hello")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a shard of a bundle"),
        (b"PK\x03\x04 no archive", "not a shard of a bundle"),
        (b"no archive at all", "not a shard of a bundle"),
        (single_array(), "not a shard of a bundle"),
        (other_zip(), "not a shard of a bundle"),
        (archive(weights=np.zeros(3)), "not a shard of a bundle"),
        (archive(header=np.array([{"format": "hwr-bundle"}], dtype=object)), "not a shard of a bundle"),
        (archive(header=np.frombuffer(b"[1]", np.uint8)), "not a shard of a bundle"),
        (archive(header=np.frombuffer(b"\xff\xfe", np.uint8)), "not a shard of a bundle"),
        (archive(header=facts(format="other")), "not a shard of a bundle"),
        (archive(header=facts(version=2)), "bundle version 2 is unknown; this hwr reads version 1"),
        (archive(header=facts(surprise=1)), "header is not understood.*surprise"),
        (archive(header=facts(height=...)), "header is not understood.*height"),
        (archive(header=facts(groups="many")), "header is not understood.*groups"),
    ],
)
def test_foreign_files_are_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "shard.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        BundleShard(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        BundleShard(tmp_path / "missing.npz")
    with pytest.raises(DataError, match="no shards"):
        find_shards(tmp_path)


def test_a_group_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "shard.npz"
    path.write_bytes(archive(header=facts()))
    shard = BundleShard(path)
    for read in (shard.read_group, shard.texts, shard.count):
        with pytest.raises(DataError, match="group 0 is damaged"):
            read(0)


def test_truncated_and_changed_shards(tmp_path: Path) -> None:
    """Cut at or changed in any place, a shard is read as it was written or is one DataError."""
    lines = [noisy_line(number, 40) for number in range(6)]
    path = write_bundle(tmp_path, header(), lines).shards[0]
    whole = path.read_bytes()
    chooser = random.Random(5)
    broken = [whole[: chooser.randrange(len(whole))] for _ in range(40)]
    for _ in range(300):
        changed = bytearray(whole)
        changed[chooser.randrange(len(whole))] ^= 1 << chooser.randrange(8)
        broken.append(bytes(changed))
    failures = 0
    for content in broken:
        path.write_bytes(content)
        try:
            shard = BundleShard(path)
            texts, found = shard.texts(0), shard.read_group(0)
        except DataError as error:
            failures += 1
            assert str(path) in str(error)
            continue
        assert texts == [line.text for line in lines]
        for line, same in zip(lines, found, strict=True):
            np.testing.assert_array_equal(same.ink, line.ink)
    assert failures > 200  # some bytes, such as dates, say nothing
