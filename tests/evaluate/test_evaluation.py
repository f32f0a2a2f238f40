"""Evaluation of line stores with a reader whose readings are known; figures against jiwer."""

import random
from pathlib import Path

import jiwer
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.line_sets import NumberReader, numbered_image
from hwr.evaluate import lines as lines_module
from hwr.evaluate.evaluation import Evaluation, evaluate
from hwr.evaluate.lines import ReadLine, ScoredLine, UnreadableLines
from hwr.evaluate.sets import EvaluationSet, Selection, find_sets
from hwr.store.columns import Columns
from hwr.store.writing import write_lines
from hwr.text import Alphabet, normalise_text

PAIRS = [
    ("He rose from his breakfast-nook bench", "He rose from his breakfast - nook bench"),
    ("A MOVE to stop Mr. Gaitskell from", "A MOYE to stop Mr Gaitskell fron"),
    ("à midi,  l’an II", "a midi l'an II"),
    ("same", "same"),
    ("", "ghost"),
    ("unread", ""),
]


def run(reader: NumberReader, *paths: Path, **options: object) -> tuple[Evaluation, list[ReadLine]]:
    found, failed = find_sets(paths, "val")
    assert not failed
    seen: list[ReadLine] = []
    evaluation = evaluate(reader, found, Selection(**options), seen.append)
    return evaluation, seen


def random_pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    generator = random.Random(seed)
    pairs = []
    for _ in range(count):
        truth = " ".join("".join(generator.choices("aeinrstéA.", k=generator.randint(1, 9))) for _ in range(6))
        pairs.append((truth, "".join(c for c in truth if generator.random() > 0.1)))
    return pairs


def test_pooled_rates_equal_jiwer(tmp_path: Path) -> None:
    reader = NumberReader()
    evaluation, _ = run(reader, reader.store(tmp_path / "a", PAIRS), reader.store(tmp_path / "b", random_pairs(300)))
    for result, pairs in zip(evaluation.sets, (PAIRS, random_pairs(300)), strict=True):
        # jiwer 4 takes no empty reference: its insertions are added by hand.
        truths = [normalise_text(truth) for truth, _ in pairs]
        kept = [(truth, normalise_text(read)) for truth, (_, read) in zip(truths, pairs, strict=True) if truth]
        characters, words = (
            jiwer.process_characters(*map(list, zip(*kept, strict=True))),
            jiwer.process_words(*map(list, zip(*kept, strict=True))),
        )
        ghosts = [normalise_text(read) for truth, (_, read) in zip(truths, pairs, strict=True) if not truth]
        edits = characters.substitutions + characters.deletions + characters.insertions + sum(map(len, ghosts))
        word_edits = words.substitutions + words.deletions + words.insertions + sum(len(g.split()) for g in ghosts)
        assert result.figures.characters.edits == edits
        assert result.figures.words.edits == word_edits
        assert result.figures.characters.reference_length == sum(map(len, truths))
        assert result.figures.characters.rate == pytest.approx(edits / sum(map(len, truths)))
    total, (a, b) = evaluation.total, [item.figures for item in evaluation.sets]
    assert total.characters == a.characters + b.characters
    assert total.words == a.words + b.words
    assert total.lines == 306
    assert not evaluation.failed and not evaluation.unreadable


def test_lines_come_in_order_in_groups(tmp_path: Path) -> None:
    reader = NumberReader()
    pairs = random_pairs(600)
    evaluation, seen = run(reader, reader.store(tmp_path / "set", pairs))
    assert [line.id for line in seen] == [f"line-{i}" for i in range(600)]
    assert [(line.truth, line.reading) for line in seen if isinstance(line, ScoredLine)] == [
        (normalise_text(truth), normalise_text(read)) for truth, read in pairs
    ]
    assert max(reader.batches) <= 256 and sum(reader.batches) == 600
    assert evaluation.sets[0].figures.lines_per_second > 0


def test_limit_reads_the_first_lines_only(tmp_path: Path) -> None:
    reader = NumberReader()
    evaluation, seen = run(reader, reader.store(tmp_path / "set", random_pairs(300)), limit=270)
    assert [line.id for line in seen] == [f"line-{i}" for i in range(270)]
    assert evaluation.total.lines == sum(reader.batches) == 270


def test_images_are_held_up_to_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_BATCH_PIXELS", 1000)
    reader = NumberReader()
    evaluation, seen = run(reader, reader.store(tmp_path / "set", random_pairs(50)))
    # An image has 120 pixels: the ninth fills the budget.
    assert reader.batches == [9] * 5 + [5]
    assert [line.id for line in seen] == [f"line-{i}" for i in range(50)]
    assert evaluation.total.lines == 50


def test_characters_outside_the_alphabet_are_counted(tmp_path: Path) -> None:
    reader = NumberReader(alphabet=Alphabet(" abc"))
    store = reader.store(tmp_path / "set", [("a ß b", "a b"), ("ßß§", "c"), ("abc", "abc")])
    evaluation, _ = run(reader, store)
    assert evaluation.total.outside_alphabet == {"ß": 3, "§": 1}


def broken_lines(reader: NumberReader) -> list[object]:
    from dataclasses import replace

    lines = reader.lines(random_pairs(6))
    whole = numbered_image(1)
    return [
        replace(lines[0], image=b""),
        lines[1],
        replace(lines[2], image=b"not an image", width=5, height=5, id="line-2\n", path=""),
        lines[3],
        replace(lines[4], image=whole[: len(whole) // 2], width=20, height=6),
        lines[5],
    ]


def test_lines_that_do_not_open_are_named_and_counted(tmp_path: Path) -> None:
    reader = NumberReader()
    write_lines(tmp_path / "set.parquet", broken_lines(reader))
    evaluation, seen = run(reader, tmp_path / "set.parquet")
    broken = [line for line in seen if isinstance(line, UnreadableLines)]
    assert [line.id for line in broken] == ["line-0", "line-2\n", "line-4"]
    assert all(line.error and "\n" not in line.error for line in broken)
    assert broken[1].error == "not an image, or broken"  # the id is not repeated
    assert evaluation.unreadable == tuple(broken)
    assert (evaluation.total.lines, evaluation.total.unreadable) == (3, 3)


def test_rows_without_image_or_text_are_named_and_counted(tmp_path: Path) -> None:
    reader = NumberReader({0: "a", 1: "b", 2: "c"})
    images = [
        {"bytes": numbered_image(0), "path": "0"},
        {"bytes": None, "path": "1"},
        {"bytes": numbered_image(2), "path": "2"},
    ]
    pq.write_table(pa.table({"image": images, "text": ["a", "b", None]}), tmp_path / "foreign.parquet")
    evaluation, seen = run(reader, tmp_path / "foreign.parquet")
    assert [line.id for line in seen if isinstance(line, UnreadableLines)] == ["row 1", "row 2"]
    assert (evaluation.total.lines, evaluation.total.unreadable) == (1, 2)


def test_a_corrupt_part_of_a_file_costs_that_part_only(tmp_path: Path) -> None:
    reader = NumberReader()
    path = reader.store(tmp_path / "set", random_pairs(600)) / "val.parquet"
    # Break the images of the second row group.
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    evaluation, seen = run(reader, path)
    (broken,) = [line for line in seen if isinstance(line, UnreadableLines)]
    assert (broken.id, broken.count) == ("rows 256 to 511", 256)
    assert (evaluation.total.lines, evaluation.total.unreadable) == (344, 256)


def test_behind_a_corrupt_place_a_giant_row_group_is_given_up(tmp_path: Path) -> None:
    reader = NumberReader()
    lines = reader.lines(random_pairs(3000))
    table = pa.table(
        {
            "image": [{"bytes": line.image, "path": line.path} for line in lines],
            "text": [line.text for line in lines],
        }
    )
    path = tmp_path / "set.parquet"
    pq.write_table(table, path, data_page_size=4096, compression="none", use_dictionary=False, write_batch_size=64)
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(data)
    evaluation, seen = run(reader, path)
    # The image at whose middle the zeros begin is broken too.
    broken = [line for line in seen if isinstance(line, UnreadableLines) and line.count > 1]
    assert 256 <= evaluation.total.lines < 1700
    assert evaluation.total.lines + evaluation.total.unreadable == 3000
    assert "row group 0" in broken[0].error and len({line.error for line in broken[1:]}) == 1


def test_other_column_names(tmp_path: Path) -> None:
    reader = NumberReader({0: "ab"})
    table = pa.table({"picture": [numbered_image(0)], "label": ["abc"], "hand": ["w"]})
    pq.write_table(table, tmp_path / "foreign.parquet")
    columns = Columns(image="picture", text="label", writer="hand")
    evaluation, seen = run(reader, tmp_path / "foreign.parquet", columns=columns)
    assert evaluation.total.characters.edits == 1
    assert isinstance(seen[0], ScoredLine) and seen[0].writer == "w"


def store_with_writers(reader: NumberReader, path: Path, seed: int, writers: int = 12) -> Path:
    generator = np.random.default_rng(seed)
    pairs, names = [], []
    for writer in range(writers):
        rate = generator.gamma(4, 0.025)
        for _ in range(8):
            pairs.append(("a" * 40, "a" * (40 - int(generator.binomial(40, rate)))))
            names.append(f"w{writer}")
    write_lines(path, reader.lines(pairs, writers=names))
    return path


def test_intervals_hold_the_rate_and_do_not_depend_on_the_company(tmp_path: Path) -> None:
    reader = NumberReader()
    one = store_with_writers(reader, tmp_path / "one.parquet", seed=1)
    two = store_with_writers(reader, tmp_path / "two.parquet", seed=2)
    both, _ = run(reader, one, two)
    alone, _ = run(reader, two)
    assert both.sets[1].figures.cer_interval == alone.sets[0].figures.cer_interval == alone.total.cer_interval
    for figures in (*(item.figures for item in both.sets), both.total):
        assert figures.cer_interval is not None
        low, high = figures.cer_interval
        assert 0 < low < figures.characters.rate < high
    assert both.sets[0].clusters.by == "writer" and both.sets[0].clusters.count == 12
    # Two sets of equal size together: about the width of one over the square root of two.
    widths = [item.figures.cer_interval[1] - item.figures.cer_interval[0] for item in both.sets]  # type: ignore[index]
    total_low, total_high = both.total.cer_interval  # type: ignore[misc]
    assert total_high - total_low == pytest.approx(np.hypot(*widths) / 2, rel=0.2)


def test_one_line_has_no_interval(tmp_path: Path) -> None:
    reader = NumberReader()
    evaluation, _ = run(reader, reader.store(tmp_path / "set", [("abc", "abd")]))
    assert evaluation.total.characters.rate == pytest.approx(1 / 3)
    assert evaluation.total.cer_interval is None and evaluation.sets[0].figures.wer_interval is None


def test_sets_are_found_and_named(tmp_path: Path) -> None:
    reader = NumberReader()
    a = reader.store(tmp_path / "a", [("x", "x")])
    reader.store(tmp_path / "a", [("x", "x")], split="test")
    single = tmp_path / "pages.parquet"
    write_lines(single, reader.lines([("x", "x")]))
    found, failed = find_sets([a, single, a / "test.parquet", tmp_path / "absent", tmp_path], "val")
    test_file = a / "test.parquet"
    assert found == [
        EvaluationSet(str(a / "val.parquet"), a / "val.parquet", "val"),
        EvaluationSet("pages", single, None),
        EvaluationSet(str(test_file), test_file, "test"),
    ]
    assert [item.path for item in failed] == [tmp_path / "absent", tmp_path]
    assert "absent" in failed[0].error and "pages" in failed[1].error
    assert find_sets([a, a / "val.parquet"], "val")[0] == find_sets([a], "val")[0]
    assert find_sets([a], "test")[0] == [EvaluationSet("a", test_file, "test")]


def test_a_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    store = NumberReader().store(tmp_path / "a", [("x", "x")])
    _, (failed,) = find_sets([store], "test")
    assert "test.parquet" in failed.error and "val" in failed.error
