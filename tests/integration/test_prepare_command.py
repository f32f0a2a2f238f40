"""`hwr prepare` as a user runs it: every kind of source, output, exit codes, bad input."""

import json
import re
from pathlib import Path

import pytest

from helpers.commands import Run
from helpers.line_images import image_file, stored_line, write_image
from hwr.store.lines import LineStore
from hwr.store.normalised import NormalisedLines
from hwr.store.writing import write_lines

COMMAND = ("prepare",)


def texts(folder: Path, split: str = "train") -> list[str]:
    return [line.text for line in LineStore(folder / f"{split}.parquet")]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = ""
    for number in range(10):
        write_image(tmp_path / "source" / f"{number}.png", seed=number)
        rows += f"{number}.png\ttext {number}\n"
    (tmp_path / "source" / "t.tsv").write_text(rows)
    return tmp_path / "source" / "t.tsv"


def test_a_table_and_a_second_run(run: Run, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run(table, "-o", out, "--licence", "CC0", "--language", "en", "--source", "me")
    assert (first.code, first.counts) == (0, {"train": 10})
    assert first.out.splitlines()[0].split() == ["split", "lines", "characters", "writers", "pages", "MiB"]
    assert first.err == f"hwr: {out}: written\n"
    line = next(iter(LineStore(out / "train.parquet")))
    assert (line.licence, line.lang, line.source) == ("CC0", "en", "me")
    again = run(table, "-o", out, "--licence", "CC0", "--language", "en", "--source", "me")
    assert (again.code, again.out) == (0, first.out)
    assert "unchanged" in again.err
    other = run(table, "-o", out)
    assert other.code == 2
    assert other.err == f"hwr: error: {out}: contains a store of other sources or options; --force replaces it\n"
    assert run(table, "-o", out, "--force").code == 0


def test_a_store_as_a_source_has_nothing_left_out(run: Run, table: Path, tmp_path: Path) -> None:
    (table.parent / "3.png").write_bytes(b"")
    assert run(table, "-o", tmp_path / "store").code == 3
    again = run(tmp_path / "store", "-o", tmp_path / "again")
    assert (again.code, again.counts) == (0, {"train": 9})
    (tmp_path / "store" / "other.tsv").write_text("a.png\ta\n")
    assert "other.tsv: name the table" in run(tmp_path / "store", "-o", tmp_path / "third").err


def test_a_source_is_never_overwritten(run: Run, table: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert run(table, "-o", store).code == 0
    before = {path: path.read_bytes() for path in store.iterdir()}
    for source in (store, store / "train.parquet"):
        done = run(source, "-o", store, "--force")
        assert done.code == 2 and f"the store would overwrite {source}" in done.err and done.err.count("\n") == 1
    assert {path: path.read_bytes() for path in store.iterdir()} == before


def test_broken_items_are_named_and_the_rest_is_written(run: Run, table: Path, tmp_path: Path) -> None:
    (table.parent / "3.png").write_bytes(image_file()[:50])
    (table.parent / "4.png").write_bytes(b"")
    (table.parent / "5.png").unlink()
    outcome = run(table, "-o", tmp_path / "out")
    assert outcome.code == 3
    assert outcome.counts == {"train": 7, "image cannot be read": 2, "image not found": 1}
    for row in (4, 5, 6):
        assert f"{table}, row {row}" in outcome.err
        assert f"{table}, row {row}" in (tmp_path / "out" / "skipped.tsv").read_text()


def test_long_lists_are_cut_on_the_terminal_only(run: Run, table: Path, tmp_path: Path) -> None:
    with table.open("a") as file:
        file.writelines(f"missing-{number}.png\tx\n" for number in range(30))
    outcome = run(table, "-o", tmp_path / "out")
    assert outcome.code == 3
    assert outcome.err.count("missing-") == 10
    assert f"and 20 more: {tmp_path / 'out' / 'skipped.tsv'}" in outcome.err
    assert (tmp_path / "out" / "skipped.tsv").read_text().count("missing-") == 30


def test_random_shares(run: Run, table: Path, tmp_path: Path) -> None:
    outcome = run(table, "-o", tmp_path / "out", "--val-share", "0.2", "--test-share", "0.1", "--seed", "5")
    assert (outcome.code, outcome.counts) == (0, {"train": 7, "val": 2, "test": 1})
    assert sorted(texts(tmp_path / "out") + texts(tmp_path / "out", "val") + texts(tmp_path / "out", "test")) == [
        f"text {number}" for number in range(10)
    ]


def test_a_sidecar_folder_into_a_named_split(run: Run, tmp_path: Path) -> None:
    write_image(tmp_path / "gt" / "p" / "a.png")
    (tmp_path / "gt" / "p" / "a.gt.txt").write_text("caf\u00e9", encoding="utf-8")
    outcome = run(tmp_path / "gt", "-o", tmp_path / "out", "--split", "val")
    assert (outcome.code, outcome.counts) == (0, {"val": 1})
    assert texts(tmp_path / "out", "val") == ["caf\u00e9"]


def test_an_alphabet_leaves_lines_out_without_failing(run: Run, table: Path, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("tex 01234567")
    outcome = run(table, "-o", tmp_path / "out", "--alphabet", tmp_path / "letters.txt")
    assert (outcome.code, outcome.counts) == (0, {"train": 8, "character outside the alphabet": 2})
    assert "outside the alphabet: '8' 1, '9' 1" in outcome.err


def test_two_sources_and_an_id_in_both(run: Run, table: Path, tmp_path: Path) -> None:
    write_lines(tmp_path / "more.parquet", [stored_line(number, image=image_file()) for number in range(3)])
    outcome = run(table, tmp_path / "more.parquet", table, "-o", tmp_path / "out")
    assert (outcome.code, outcome.counts) == (3, {"train": 13, "id occurs twice": 10})


def test_parquet_with_other_columns_and_smaller_images(run: Run, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [{"bytes": image_file(600, 96), "path": "x.png"}]
    pq.write_table(pa.table({"img": images, "label": ["one"], "hand": [7]}), tmp_path / "val-00000-of-00001.parquet")
    source = tmp_path / "val-00000-of-00001.parquet"
    refused = run(source, "-o", tmp_path / "out")
    assert refused.code == 2
    assert (
        "no column 'image' for the image; its columns: img, label, hand" in refused.err
        and "--image-column" in refused.err
    )
    columns = ["--image-column", "img", "--text-column", "label", "--writer-column", "hand"]
    assert run(source, "-o", tmp_path / "out", *columns, "--max-height", "48").counts == {"val": 1}
    [line] = LineStore(tmp_path / "out" / "val.parquet")
    assert (line.text, line.writer, line.width, line.height) == ("one", "7", 300, 48)


def test_the_real_iam_tree(run: Run, shared: Path, tmp_path: Path) -> None:
    outcome = run(shared / "iam-raw", "-o", tmp_path / "out")
    assert outcome.code == 3
    assert outcome.counts == {
        "train": 53,
        "val": 6,
        "image not found": 7018,
        "not in the split": 3311,
        "listed in the split, not in the source": 2915,
        "crossed-out word": 50,
    }
    assert "aachen/test: 2,915 ids" in outcome.err
    lines = list(LineStore(tmp_path / "out" / "train.parquet"))
    by_id = {line.id: line for line in lines}
    assert by_id["a01-000u-06"].text == "Griffiths, M P for Manchester Exchange."
    assert by_id["a01-000u-06"].image == (shared / "iam-raw/lines/a01/a01-000u/a01-000u-06.png").read_bytes()
    assert {line.page for line in lines} >= {"a01-000u"} and all(line.writer for line in lines)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sum(manifest["skipped"].values()) == 7018 + 3311 + 2915 + 50


def test_options_of_the_iam_tree(run: Run, shared: Path, tmp_path: Path) -> None:
    arguments = [
        "--tokens",
        "spaced",
        "--segmentation",
        "ok",
        "--split",
        "lwitlrt",
        "--whole-pages",
        "--keep-crossed-out",
    ]
    outcome = run(shared / "iam-raw", "-o", tmp_path / "out", *arguments)
    assert outcome.code == 3
    assert "segmentation marked as wrong" in outcome.counts and "crossed-out word" not in outcome.counts
    assert "Griffiths , M P for Manchester Exchange ." in texts(tmp_path / "out")


def test_words_of_an_iam_tree(run: Run, tmp_path: Path) -> None:
    (tmp_path / "iam" / "ascii").mkdir(parents=True)
    (tmp_path / "iam" / "ascii" / "words.txt").write_bytes(
        b"#\r\na01-000u-00-00 ok 154 408 768 27 51 AT A\r\na01-117-05-02 ok 1 1 1 1 1 NN x\r\n"
    )
    write_image(tmp_path / "iam" / "words" / "a01" / "a01-000u" / "a01-000u-00-00.png", 60)
    (tmp_path / "iam" / "words" / "a01" / "a01-117-05-02.png").write_bytes(b"")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train.txt").write_text("a01-000u-00\na01-117-05\n")
    outcome = run(tmp_path / "iam", "-o", tmp_path / "out", "--words", "--split", tmp_path / "lists")
    assert (outcome.code, outcome.counts) == (0, {"train": 1, "known to be broken in every copy": 1})
    assert texts(tmp_path / "out") == ["A"]
    outcome = run(tmp_path / "iam", "-o", tmp_path / "new", "--words", "--tokens", "spaced")
    assert outcome.code == 2 and "--tokens cannot be combined with --words" in outcome.err


def test_normalised_shards(run: Run, table: Path, tmp_path: Path) -> None:
    outcome = run(table, "-o", tmp_path / "out", "--normalise", "40", "--quality", "90", "--shard-size", "1KiB")
    assert outcome.code == 0
    assert len(list((tmp_path / "out").glob("train-*.parquet"))) > 1
    assert next(iter(NormalisedLines(tmp_path / "out", 40, "train"))).ink.shape[0] == 40


def test_what_may_surprise_is_said(run: Run, tmp_path: Path) -> None:
    for number, text in enumerate(("a\u200bb\ufeff", "\u05d0\u05d1 12", "plain")):
        write_image(tmp_path / "in" / f"{number}.png", 300)
        (tmp_path / "in" / f"{number}.gt.txt").write_text(text, encoding="utf-8")
    outcome = run(tmp_path / "in", "-o", tmp_path / "out")
    assert outcome.code == 0 and texts(tmp_path / "out") == ["a\u200bb", "\u05d0\u05d1 12", "plain"]
    assert "invisible characters, which a model would have to learn: U+200B zero width space 1\n" in outcome.err
    assert "right-to-left text, stored in logical order and trained in display order: 1 line\n" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SOURCE"], "Missing option '-o'"),
        (["-o", "OUT"], "Missing argument"),
        (["missing", "-o", "OUT"], "missing: does not exist"),
        (["SOURCE", "-o", "OUT", "--split", "rwth"], "unknown split 'rwth'"),
        (["SOURCE", "-o", "OUT", "--val-share", "2"], "is not a number from 0 to 1"),
        (["SOURCE", "-o", "OUT", "--words"], "--words applies to IAM only"),
        (["SOURCE", "-o", "OUT", "--quality", "50"], "--quality needs --normalise"),
        (
            ["SOURCE", "-o", "OUT", "--normalise", "48", "--height", "40"],
            "--normalise cannot be combined with --height",
        ),
        (["SOURCE", "-o", "OUT", "--shard-size", "big"], "'big' is not a size"),
        (["SOURCE", "-o", "OUT", "--from", "parquet"], "is not a Parquet file"),
        (["SOURCE", "-o", "OUT", "--from", "iam"], "no lines.txt in it"),
        (["SOURCE", "-o", "OUT", "--image-column", "9"], "no column '9' for the image"),
        (["SOURCE", "-o", "OUT", "--alphabet", "no-such-model"], "no-such-model"),
        (["SOURCE", "-o", "OUT", "--alphabet", "missing.txt"], "missing.txt"),
        (["SOURCE", "-o", "SOURCE"], "is a file"),
    ],
)
def test_wrong_use(run: Run, table: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    places = {"SOURCE": str(table), "OUT": str(tmp_path / "out")}
    outcome = run(*(places.get(argument, argument) for argument in arguments))
    assert outcome.code == 2 and outcome.out == ""
    assert re.fullmatch(r"hwr: error: .+\n", outcome.err) and message in outcome.err
    assert not (tmp_path / "out").exists()
