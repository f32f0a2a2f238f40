"""What an evaluation prints and writes."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from helpers.line_sets import NumberReader
from hwr.evaluate.evaluation import Evaluation, evaluate
from hwr.evaluate.lines import ReadLine, ScoredLine, UnreadableLines
from hwr.evaluate.provenance import Provenance
from hwr.evaluate.report import (
    LINE_COLUMNS,
    LINE_HEADER,
    Gate,
    Setting,
    WorstLines,
    as_json,
    check_gate,
    describe_reject_curve,
    describe_worst,
    line_row,
    notes,
    tables,
)
from hwr.evaluate.sets import Selection, find_sets
from hwr.metrics import ErrorCounts
from hwr.text import Alphabet

DATA = {"[first]": "1" * 64, "second": "2" * 64, "set": "3" * 64, "a-set-with-a-rather-long-name-" * 3: "4" * 64}
FACTS = Provenance("2030-01-02T03:04:05+00:00", "a" * 64, "b" * 64, {"decoder": "greedy"}, DATA)
SETTING = Setting("small", "greedy", Selection(), FACTS)
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "evaluation.md"


def scored(id: str, edits: int, length: int, truth: str = "truth", reading: str = "reading") -> ScoredLine:
    return ScoredLine("set", id, truth, reading, 0.5, ErrorCounts(edits, length), ErrorCounts(0, 1), None, None)


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    reader = NumberReader(alphabet=Alphabet(" abcdefghij"))
    paths = [
        reader.store(tmp_path / "[first]", [("abc def", "abc dfe"), ("a ß", "a b")]),
        reader.store(tmp_path / "second", [("abc", "abc")]),
    ]
    return evaluate(reader, find_sets(paths, "val")[0])


def printed(evaluation: Evaluation, width: int = 120) -> list[str]:
    """The tables as a terminal of this width shows them."""
    texts = []
    for table in tables(evaluation, SETTING):
        console = Console(file=io.StringIO(), width=width, color_system=None, markup=False, highlight=False)
        console.print(table)
        texts.append(console.file.getvalue())  # type: ignore[attr-defined]
    return texts


def keys(value: object, prefix: str = "") -> set[str]:
    """All keys of a JSON object; `name[]` for those of the objects in a list."""
    if isinstance(value, dict):
        own = {prefix + key for key in value}
        return own.union(*(keys(item, f"{prefix}{key}.") for key, item in value.items()))
    if isinstance(value, list):
        return set().union(*(keys(item, prefix) for item in value))
    return set()


def test_json_is_strict_and_holds_the_figures(evaluation: Evaluation) -> None:
    gate = check_gate(Gate(max_cer=0.1), evaluation.sets)
    report = json.loads(json.dumps(as_json(evaluation, SETTING, gate, [scored("x", 1, 2)]), allow_nan=False))
    first, second = report["sets"]
    assert (first["name"], first["split"], first["lines"], first["characters"], first["character_edits"]) == (
        "[first]",
        "val",
        2,
        10,
        3,
    )
    assert first["cer"] == 0.3 and second["cer"] == 0.0
    assert first["outside_alphabet"] == {"ß": 1}
    assert report["total"]["cer"] == pytest.approx(3 / 13)
    assert report["gate"]["passed"] is False
    assert [check["passed"] for check in report["gate"]["checks"]] == [False, True]
    assert report["worst_lines"][0]["id"] == "x"


def test_json_without_a_gate_neither_passed_nor_failed(evaluation: Evaluation) -> None:
    assert as_json(evaluation, SETTING, [], [])["gate"] == {"passed": None, "checks": []}


def test_every_key_of_the_json_is_documented(evaluation: Evaluation) -> None:
    report = as_json(evaluation, SETTING, check_gate(Gate(0.1, 0.1), evaluation.sets), [scored("x", 1, 2)])
    report["total"]["confidence"]["word_ece"] = {"equal_width": 0.1, "equal_mass": 0.1}
    text = DOCUMENTATION.read_text(encoding="utf-8")
    found = {
        key.rsplit(".", 1)[-1]
        for key in keys(report)
        if "outside_alphabet." not in key and "decoder_settings." not in key
    }
    assert len(found) > 30
    assert [key for key in sorted(found) if f"`{key}`" not in text] == []


def test_table_shows_each_set_and_all(evaluation: Evaluation) -> None:
    rates, details = printed(evaluation)
    assert "[first] (val)" in rates and "second (val)" in rates and "all" in rates
    assert "0.3000" in rates and "0.2308" in rates
    assert "[first] (val)" in details and "lines/s" in details
    _, outside = notes(evaluation, SETTING)
    assert outside == "Outside the model's alphabet: 1 character of the texts ('ß' 1)"


def test_the_table_of_rates_fits_80_columns_and_begins_with_what_is_compared(tmp_path: Path) -> None:
    reader = NumberReader()
    name = "a-set-with-a-rather-long-name-" * 3
    evaluation = evaluate(reader, find_sets([reader.store(tmp_path / name, [("abc", "abd")])], "val")[0])
    rates, _ = printed(evaluation, width=80)
    head = next(line.split() for line in rates.splitlines() if "CER" in line)
    assert head[:4] == ["set", "lines", "CER", "WER"]
    assert "…" not in rates and max(map(len, rates.splitlines())) <= 80
    assert "0.3333" in rates and "1.0000" in rates


def test_confidences_in_json_and_table(tmp_path: Path) -> None:
    reader = NumberReader(alphabet=Alphabet(" abcdefghij"), confidences=[0.9, 0.2, 0.6])
    path = reader.store(tmp_path / "set", [("ab cd", "ab cd"), ("ab cd", "xb cx"), ("ab", "a")])
    evaluation = evaluate(reader, find_sets([path], "val")[0])
    figures = as_json(evaluation, SETTING, [], [])["sets"][0]["confidence"]
    # two right words at 0.9, two wrong ones at 0.2, a wrong one at 0.6: (2 * 0.1 + 2 * 0.2 + 0.6) / 5
    assert (figures["words_read"], figures["words_right"]) == (5, 2)
    assert figures["word_ece"]["equal_width"] == pytest.approx(0.24)
    assert figures["word_ece_uncalibrated"]["equal_width"] == pytest.approx((2 * 0.55 + 2 * 0.1 + 0.3) / 5)
    assert figures["line_ece"]["equal_width"] == pytest.approx((0.1 + 0.2 + 0.6) / 3)
    assert figures["reject_curve"][0] == {"kept": 1.0, "min_confidence": 0.2, "cer": pytest.approx(3 / 12)}
    assert figures["reject_curve"][-1] == {"kept": 0.05, "min_confidence": 0.9, "cer": 0.0}
    assert figures["reject_area"] == pytest.approx((0 + 1 / 7 + 3 / 12) / 3)
    _, details = printed(evaluation)
    assert "0.2400" in details and "0.3200" in details
    rows = [line.split() for line in describe_reject_curve(evaluation.total.confidence).splitlines()]
    assert ["100%", "0.2", "0.2500"] in rows and ["65%", "0.6", "0.1429"] in rows and len(rows) == 21


def test_without_word_confidences_a_report_has_no_calibration_error(evaluation: Evaluation) -> None:
    figures = as_json(evaluation, SETTING, [], [])["total"]["confidence"]
    assert (figures["words_read"], figures["word_ece"], figures["word_ece_uncalibrated"]) == (0, None, None)
    assert figures["line_ece"]["equal_width"] == pytest.approx(abs(0.5 - 1 / 3))


def test_worst_lines_are_those_of_a_full_sort() -> None:
    lines = [scored(str(i), (i * 7919) % 23, 20 + i % 3) for i in range(200)]
    worst = WorstLines(10)
    for line in lines:
        worst.add(line)
    worst.add(UnreadableLines("set", "broken", "empty"))
    # A stable sort keeps the earlier of two equals in front.
    expected = sorted(lines, key=lambda line: (-line.characters.edits, -line.characters.rate))[:10]
    assert worst.lines() == expected


def test_worst_lines_leave_out_the_flawless_and_may_be_none() -> None:
    worst, none = WorstLines(5), WorstLines(0)
    for line in (scored("a", 0, 5), scored("b", 1, 5)):
        worst.add(line)
        none.add(line)
    assert [line.id for line in worst.lines()] == ["b"]
    assert none.lines() == []


def test_worst_lines_are_printed_truth_above_reading() -> None:
    text = describe_worst([scored("a [b]", 2, 5, "wo[r]d", "word")])
    assert text == "\nset a [b]: 2 edits in 5 characters\n  truth    wo[r]d\n  reading  word"


def test_line_table_is_read_back_by_csv() -> None:
    lines: list[ReadLine] = [
        scored("a", 2, 5, 'he said "no"', "he said 'no'"),
        UnreadableLines("set", "broken\tid", "image is empty", "truth"),
    ]
    table = io.StringIO("".join([LINE_HEADER, *map(line_row, lines)]))
    rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert tuple(rows[0]) == LINE_COLUMNS
    assert rows[0]["truth"] == 'he said "no"' and rows[0]["edits"] == "2" and rows[0]["confidence"] == "0.5"
    assert (rows[1]["id"], rows[1]["edits"], rows[1]["reading"]) == ("broken id", "", "")
    assert (rows[1]["truth"], rows[1]["error"]) == ("truth", "image is empty")


def test_control_characters_are_written_out() -> None:
    line = scored("a\x1b]0;owned\x07", 1, 5, "b\x9b31m c", "d\x85e\tf")
    row = line_row(line)
    assert r"a\x1b]0;owned\x07" in row and r"b\x9b31m c" in row and "d e f" in row
    assert row.isprintable() is False and "".join(row.split()).isprintable()
    assert "".join(describe_worst([line]).split()).isprintable()


def test_line_table_has_the_writer_and_no_formula() -> None:
    line = replace(scored("a", 1, 5, '=HYPERLINK("http://x")', "-1.5"), writer="w7")
    _, id, writer, *_, truth, reading, error = line_row(line).rstrip("\n").split("\t")
    assert (id, writer, truth, reading, error) == ("a", "w7", '\'=HYPERLINK("http://x")', "-1.5", "")
