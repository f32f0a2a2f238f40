"""The members of the recurrent family are comparable, and their table is right."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.recurrent_family import CLASSES, MEMBERS, SCALES, Result, Scale, cer, fit, main, plot, pooled, table
from hwr.errors import UsageError
from hwr.model import vgsl

ROOT = Path(__file__).parents[2]
ERRORS = {"a": (1, 10, "one"), "b": (3, 10, "two"), "c": (0, 20, "three")}


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("name", MEMBERS)
def test_members_have_equal_weights_and_bounded_cost(name: str, scale: Scale) -> None:
    specification = vgsl.parse(fit(MEMBERS[name], scale).format(classes=CLASSES))
    assert specification.weights() == pytest.approx(scale.weights, rel=0.05)
    assert specification.multiplications(scale.width) <= scale.max_multiplications


def test_a_member_that_fits_no_size_is_refused() -> None:
    with pytest.raises(UsageError, match="no size has"):
        fit(MEMBERS["BLSTM"], replace(SCALES["full"], weights=1000))
    with pytest.raises(UsageError, match="multiplications, more than"):
        fit(MEMBERS["BLSTM"], replace(SCALES["full"], max_multiplications=1e6))


def test_errors_of_seeds_are_added_up() -> None:
    assert pooled([ERRORS, ERRORS]) == {
        line: (2 * edits, 2 * length, who) for line, (edits, length, who) in ERRORS.items()
    }


def test_cer_is_pooled_and_its_interval_draws_writers() -> None:
    rate, low, high = cer(ERRORS)
    assert rate == pytest.approx(4 / 40)
    assert low < rate < high
    assert cer({line: (edits, length, "one") for line, (edits, length, _) in ERRORS.items()} | ERRORS)[0] == rate


def test_table_compares_with_blstm() -> None:
    scale = SCALES["small"]
    specs = {name: fit(member, scale) for name, member in MEMBERS.items()}
    better = Result({line: (0, length, who) for line, (_, length, who) in ERRORS.items()}, 100, 0.3)
    text = table({"BLSTM": [Result(ERRORS, 100, 0.3)], "GRU": [better]}, specs, scale)
    blstm, gru = text.splitlines()[2:]
    assert "| 0.100 |" in blstm and "| – |" in blstm and blstm.endswith("| 100.0 |")
    assert "| 0.000 |" in gru and "| -0." in gru
    assert 0 < float(gru.split(" | ")[-2]) < 1000


def test_one_seed_is_compared_with_several_of_the_reference() -> None:
    scale = SCALES["small"]
    specs = {name: fit(member, scale) for name, member in MEMBERS.items()}
    result = Result(ERRORS, 100, 0.3)
    gru = table({"BLSTM": [result] * 3, "GRU": [result]}, specs, scale).splitlines()[3]
    assert "| +0.000 to +0.000 |" in gru  # the same errors, however often they are counted


def test_plot_names_each_member(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot({name: [Result(ERRORS, 100, 0.3)] for name in ("BLSTM", "GRU")}, tmp_path / "family.svg")
    drawn = (tmp_path / "family.svg").read_text(encoding="utf-8")
    assert drawn.count("LineCollection") >= 2  # an interval each


@pytest.mark.slow
def test_a_run_grows_and_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = ROOT / "data" / "samples" / "lines"
    arguments = ["x", str(data), "-o", str(tmp_path), "--scale", "small", "--lines", "100", "--seeds", "1"]
    monkeypatch.setattr("sys.argv", [*arguments, "--only", "BLSTM"])
    main()
    written = (tmp_path / "BLSTM-1" / "result.json").stat().st_mtime_ns
    monkeypatch.setattr("sys.argv", [*arguments, "--only", "BLSTM", "Elman"])
    main()
    assert (tmp_path / "BLSTM-1" / "result.json").stat().st_mtime_ns == written
    assert (tmp_path / "Elman-1" / "result.json").exists()
