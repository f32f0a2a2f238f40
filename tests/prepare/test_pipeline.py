"""From sources to a store, and what happens to a store that exists."""

import csv
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from helpers.line_images import image_file, write_image
from hwr.errors import DataError, OutputError
from hwr.prepare.checks import CheckOptions
from hwr.prepare.pipeline import Prepared, PrepareOptions, prepare
from hwr.prepare.samples import Reason
from hwr.prepare.sources import open_source
from hwr.prepare.splitting import SplitOptions
from hwr.store.lines import LineStore
from hwr.store.normalised import NormalisedLines
from hwr.text import Alphabet


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of 12 good rows and five bad ones, in three splits."""
    folder = tmp_path / "source"
    rows = [("image", "text", "writer", "split")]
    for number in range(12):
        write_image(folder / f"{number}.png", seed=number)
        split = "val" if number % 4 == 3 else "test" if number == 4 else "train"
        rows.append((f"{number}.png", f"text {number}", f"w{number % 3}", split))
    (folder / "broken.png").write_bytes(image_file()[:100])
    rows += [("broken.png", "x", "w", "val"), ("missing.png", "x", "w", ""), ("0.png", "again", "w", "train")]
    for name, text in (("empty", " "), ("long", "l" * 500)):
        write_image(folder / f"{name}.png")
        rows.append((f"{name}.png", text, "w", "train"))
    with (folder / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "t.csv"


def run(source: Path, output: Path, force: bool = False, **options: object) -> Prepared:
    checks = {key: value for key, value in options.items() if key in CheckOptions.__dataclass_fields__}
    splitting = {key: value for key, value in options.items() if key in SplitOptions.__dataclass_fields__}
    prepared = PrepareOptions(
        splitting=SplitOptions(**splitting),  # type: ignore[arg-type]
        checks=CheckOptions(**checks),  # type: ignore[arg-type]
    )
    return prepare([open_source(source)], output, prepared, force)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_store_is_written(table: Path, tmp_path: Path) -> None:
    prepared = run(table, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "skipped.tsv",
        "test.parquet",
        "train.parquet",
        "val.parquet",
    ]
    found = {
        split: [line.text for line in LineStore(tmp_path / "out" / f"{split}.parquet")] for split in prepared.splits
    }
    assert found == {
        "train": [f"text {number}" for number in (0, 1, 2, 5, 6, 8, 9, 10)],
        "val": [f"text {number}" for number in (3, 7, 11)],
        "test": ["text 4"],
    }
    first = next(iter(LineStore(tmp_path / "out" / "train.parquet")))
    assert first.image == (table.parent / "0.png").read_bytes()
    assert (first.width, first.height, first.writer) == (300, 40, "w0")


def test_every_item_that_is_left_out_is_named_in_the_order_of_the_source(table: Path, tmp_path: Path) -> None:
    prepared = run(table, tmp_path / "out")
    rows = [row.split("\t") for row in (tmp_path / "out" / "skipped.tsv").read_text().splitlines()]
    assert rows[0] == ["item", "reason", "detail"]
    assert [row[1] for row in rows[1:]] == [
        Reason.BROKEN_IMAGE,
        Reason.NO_IMAGE,
        Reason.DUPLICATE,
        Reason.NO_TEXT,
        Reason.TOO_LONG,
    ]
    assert rows[1][0] == f"{table}, row 14"
    assert prepared.failed == 5 and [item.where for item in prepared.skipped] == [row[0] for row in rows[1:]]


def test_the_manifest_counts_and_hashes(table: Path, tmp_path: Path) -> None:
    run(table, tmp_path / "out", licence="CC0", lang="en", val_share=0.0)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    train = manifest["splits"]["train"]
    texts = [f"text {number}" for number in range(12)]
    assert (train["lines"], train["writers"], train["licences"], train["languages"]) == (8, 3, {"CC0": 8}, {"en": 8})
    assert (
        train["files"]["train.parquet"] == hashlib.sha256((tmp_path / "out" / "train.parquet").read_bytes()).hexdigest()
    )
    assert manifest["alphabet"] == Alphabet.of(texts).characters
    assert manifest["characters"] == dict(sorted(Counter("".join(texts)).items()))
    assert manifest["sources"] == [{"path": str(table), "kind": "table"}]
    assert manifest["skipped"] == {
        "id occurs twice": 1,
        "image cannot be read": 1,
        "image not found": 1,
        "no text": 1,
        "text too long for its image": 1,
    }
    assert manifest["options"]["checks"]["licence"] == "CC0"
    assert set(manifest["versions"]) == {"hwr", "pyarrow"}


def test_the_same_input_gives_the_same_bytes(table: Path, tmp_path: Path) -> None:
    run(table, tmp_path / "a")
    run(table, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_running_again_changes_nothing(table: Path, tmp_path: Path) -> None:
    assert not run(table, tmp_path / "out").unchanged
    before = contents(tmp_path / "out")
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    again = run(table, tmp_path / "out")
    assert again.unchanged and again.failed == 5
    assert run(table, tmp_path / "out", force=True).unchanged
    assert contents(tmp_path / "out") == before
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == times


def test_another_library_version_does_not_make_another_store(table: Path, tmp_path: Path) -> None:
    run(table, tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["versions"]["pyarrow"] = "1.0"
    path.write_text(json.dumps(manifest))
    assert run(table, tmp_path / "out").unchanged


def test_other_options_are_refused_before_anything_is_done(table: Path, tmp_path: Path) -> None:
    run(table, tmp_path / "out")
    before = contents(tmp_path / "out")
    for options in ({"height": 64}, {"licence": "CC0"}, {"split": "train"}, {"alphabet": Alphabet("a")}):
        with pytest.raises(OutputError, match="other sources or options; --force"):
            run(table, tmp_path / "out", **options)
    assert contents(tmp_path / "out") == before


def test_changed_input_needs_force(table: Path, tmp_path: Path) -> None:
    run(table, tmp_path / "out")
    before = contents(tmp_path / "out")
    write_image(table.parent / "3.png", width=310)
    with pytest.raises(OutputError, match="the input changed; --force replaces it"):
        run(table, tmp_path / "out")
    assert contents(tmp_path / "out") == before
    assert not run(table, tmp_path / "out", force=True).unchanged
    assert next(iter(LineStore(tmp_path / "out" / "val.parquet"))).width == 310


def test_splits_that_are_gone_are_removed_with_force(table: Path, tmp_path: Path) -> None:
    run(table, tmp_path / "out")
    run(table, tmp_path / "out", force=True, split="val")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.parquet")) == ["val.parquet"]
    assert LineStore(tmp_path / "out" / "val.parquet").count == 12


@pytest.mark.parametrize("damage", ["delete", "change", "no skipped"])
def test_a_damaged_store_is_seen(table: Path, tmp_path: Path, damage: str) -> None:
    run(table, tmp_path / "out")
    good = contents(tmp_path / "out")
    path = tmp_path / "out" / ("skipped.tsv" if damage == "no skipped" else "train.parquet")
    if damage == "change":
        path.write_bytes(path.read_bytes()[:-1] + b"X")
    else:
        path.unlink()
    with pytest.raises(OutputError, match="damaged"):
        run(table, tmp_path / "out")
    assert not run(table, tmp_path / "out", force=True).unchanged
    assert contents(tmp_path / "out") == good


def test_folders_that_hold_something_else(table: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="is not empty and not a line store"):
        run(table, tmp_path / "mine")
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "manifest.json").write_text("{}")
    with pytest.raises(OutputError, match=r"is not the manifest of a line store.*--force"):
        run(table, tmp_path / "json")
    with pytest.raises(OutputError, match="is a file"):
        run(table, tmp_path / "mine" / "thesis.txt")
    run(table, tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
    assert (tmp_path / "mine" / "manifest.json").is_file()


def test_what_a_killed_run_left_is_cleared_away(table: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / ".partial").mkdir(parents=True)
    (tmp_path / "out" / ".partial" / "train.parquet").write_bytes(b"half")
    run(table, tmp_path / "out")
    assert not (tmp_path / "out" / ".partial").exists()


def test_nothing_usable_leaves_nothing(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "t.tsv").write_text("a.png\t \nb.png\tx\n")
    with pytest.raises(DataError, match=r"nothing usable; 2 items left out, such as .*t\.tsv, row 1: no text") as error:
        run(tmp_path / "t.tsv", tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_lines_can_be_stored_normalised_and_in_shards(table: Path, tmp_path: Path) -> None:
    run(table, tmp_path / "raw")
    size = (tmp_path / "raw" / "train.parquet").stat().st_size // 3
    for folder, source in ((tmp_path / "one", table), (tmp_path / "two", tmp_path / "one")):
        options = PrepareOptions(checks=CheckOptions(height=40, normalise=True), shard_size=size)
        prepare([open_source(source)], folder, options)
        assert len(list(folder.glob("train-0000?.parquet"))) > 1 and not (folder / "train.parquet").exists()
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["normalisation"] == {"name": "ink-moments", "version": 1, "height": 40}
        for split in ("train", "val", "test"):
            found = list(NormalisedLines(folder, 40, split))
            raw = list(NormalisedLines(tmp_path / "raw", 40, split))
            assert [line.text for line in found] == [line.text for line in raw]
            assert all(np.array_equal(a.ink, b.ink) for a, b in zip(found, raw, strict=True))
    for checks, message in (
        (CheckOptions(), "normalised by ink-moments 1 at height 40; --normalise 40 keeps them"),
        (CheckOptions(height=48, normalise=True), "ink-moments 1 at height 48 is needed"),
    ):
        with pytest.raises(DataError, match=message):
            prepare([open_source(tmp_path / "one")], tmp_path / "three", PrepareOptions(checks=checks))
    assert not (tmp_path / "three").exists()


def test_force_replaces_shards_and_nothing_else(table: Path, tmp_path: Path) -> None:
    prepare([open_source(table)], tmp_path / "out", PrepareOptions(shard_size=1))
    (tmp_path / "out" / "test_mine.parquet").write_bytes(b"mine")
    run(table, tmp_path / "out", force=True)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.parquet")) == [
        "test.parquet",
        "test_mine.parquet",
        "train.parquet",
        "val.parquet",
    ]


def test_names_that_are_not_utf_8_do_not_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    name = os.fsencode(tmp_path / "in") + b"/caf\xe9"
    with open(name + b".png", "wb") as file:
        file.write(image_file())
    with open(name + b".gt.txt", "wb") as file:
        file.write(b"text")
    run(tmp_path / "in", tmp_path / "out")
    assert [line.id for line in LineStore(tmp_path / "out" / "train.parquet")] == ["caf\\udce9"]


def test_a_read_only_place(table: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        run(table, tmp_path / "file" / "out")


def test_an_interruption_keeps_the_old_store(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(table, tmp_path / "out")
    before = contents(tmp_path / "out")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare([open_source(table)], tmp_path / "out", PrepareOptions(), force=True, progress=interrupt)
    assert contents(tmp_path / "out") == before


def test_characters_outside_the_alphabet_are_summed_up(table: Path, tmp_path: Path) -> None:
    prepared = run(table, tmp_path / "out", alphabet=Alphabet("texl 0123456"))
    left_out = [item for item in prepared.skipped if item.reason is Reason.OUTSIDE_ALPHABET]
    assert prepared.outside_alphabet == {"7": 1, "8": 1, "9": 1}
    assert len(left_out) == 3 and prepared.failed == 5
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["outside_alphabet"] == {"7": 1, "8": 1, "9": 1}


def test_a_store_prepared_again_is_the_same_lines(table: Path, tmp_path: Path) -> None:
    run(table, tmp_path / "one")
    run(tmp_path / "one", tmp_path / "two")
    for split in ("train", "val", "test"):
        assert list(LineStore(tmp_path / "one" / f"{split}.parquet")) == list(
            LineStore(tmp_path / "two" / f"{split}.parquet")
        )


def test_an_example_in_a_message_is_on_one_line(tmp_path: Path) -> None:
    from hwr.prepare.pipeline import _nothing_usable
    from hwr.prepare.samples import Reason, Skipped

    assert _nothing_usable([], [Skipped("a.xml, line x\ny", Reason.NO_TEXT)]).count("\n") == 0
