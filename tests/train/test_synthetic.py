"""Synthetic lines in training: the same ones in every process, in their share, with every failure one clear line."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from helpers.drawn_letters import CHARACTERS, HEIGHT
from helpers.fake_synthesis import DrawnLines, synthesis, use_drawn_lines
from helpers.training_runs import drawn_store, recipe, run
from hwr.errors import HwrError, InputError, MissingDependency, TrainingError
from hwr.line import normalise_line
from hwr.text import Alphabet
from hwr.train import batches
from hwr.train.folder import BEST, RESUME
from hwr.train.recipe import Recipe, Synthesis
from hwr.train.synthetic import SyntheticLines, synthetic_characters


@pytest.fixture(autouse=True)
def drawn_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    use_drawn_lines(monkeypatch)


def test_lines_are_those_of_the_generator() -> None:
    told: list[str] = []
    lines = SyntheticLines(synthesis("prints"), CHARACTERS, HEIGHT, 7)
    lines.open(told.append)
    assert told == ["one font left out"]
    generator = DrawnLines(synthesis(), CHARACTERS)
    for copy in (lines, pickle.loads(pickle.dumps(lines))):
        for first, count in [(0, 5), (3, 4), (3 << 40, 2), (70, 0)]:
            taken = copy.take(first, count)
            assert len(taken) == count
            for index, line in enumerate(taken, start=first):
                drawn = generator.line(7, index)
                assert (line.text, line.id) == (drawn.text, f"synthetic-{index}")
                np.testing.assert_array_equal(line.pixels(), normalise_line(drawn.grey, HEIGHT))


def test_lines_have_the_alphabet_and_seed_of_the_run() -> None:
    texts = [[line.text for line in SyntheticLines(synthesis(), "ab", HEIGHT, seed).take(0, 50)] for seed in (1, -2)]
    assert set("".join(texts[0])) == {"a", "b"} and texts[0] != texts[1]


def test_lines_of_the_real_generator(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With characters of the run only; a font that cannot be used is named."""
    monkeypatch.undo()
    text = tmp_path / "text.txt"
    text.write_text("The quick brown fox jumps over the lazy dog, and the cat sat on the mat again.\n" * 20)
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    fonts = (shared / "fonts" / "caveat.ttf", tmp_path / "broken.ttf")
    letters = "abcdefghijklmnopqrstuvwxyzT,. "
    told: list[str] = []
    lines = SyntheticLines(Synthesis(texts=(text,), fonts=fonts), letters, 48, 3)
    lines.open(told.append)
    assert any("broken.ttf" in message for message in told)
    taken = lines.take(30, 8)
    assert set("".join(line.text for line in taken)) <= set(letters)
    for line in taken:
        assert line.pixels().shape[0] == 48 and line.pixels().max() > 100 and line.text


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("missing", InputError, "missing: no such file"),
        ("library", MissingDependency, "synthesis cannot begin: it needs a_library_that_does_not_exist"),
        ("fails-40", TrainingError, "synthetic line 40: ValueError: of no use"),
    ],
)
def test_failures_are_one_clear_line(fault: str, kind: type[HwrError], message: str) -> None:
    with pytest.raises(kind, match=message) as error:
        SyntheticLines(synthesis(fault), CHARACTERS, HEIGHT, 7).take(0, 50)
    assert "\n" not in str(error.value) and type(error.value) is kind


def test_characters_that_synthesis_adds() -> None:
    assert list(synthetic_characters(synthesis(characters="xé x"), True, 1)) == ["x", "é", "é é"]
    assert Alphabet.of(synthetic_characters(synthesis(characters="xé x"), True, 1)).characters == " xé"
    assert list(synthetic_characters(synthesis(), False, 1)) == []
    assert list(synthetic_characters(synthesis(), True, 1)) == list(CHARACTERS)


def mixed(data: Path, **changes: object) -> Recipe:
    return recipe(data, **{"lines": 150, "synthesis": synthesis(share_start=0.8, share_end=0.2)} | changes)


def test_a_stopped_run_continues_exactly(tmp_path: Path) -> None:
    data = drawn_store(tmp_path / "store", train=60)
    settings = mixed(data, synthesis=synthesis(share_start=0.8, share_end=0.2, share_decay=0.1))
    whole = run(settings, tmp_path / "whole")
    count = len(whole.losses)
    assert whole.run.trainer.progress.epoch >= 2
    # In the middle of pools, at shares that the position of a resumed run would not give again.
    losses: dict[int, float] = {}
    for stop in (count // 2, count // 2 + 1, 0):
        part = run(settings, tmp_path / "parts", resume=bool(losses), stop_after=stop)
        losses |= part.losses
    assert losses == whole.losses
    assert whole.run.trainer.progress.synthetic == part.run.trainer.progress.synthetic > 0


def test_a_run_without_data(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alphabet is that of the synthetic lines; all of them are synthetic, in the decay too."""
    monkeypatch.setattr(batches, "SYNTHETIC_POOL", 30)
    settings = mixed(data, train=(), lines=50, synthesis=synthesis(licence="CC0"))
    done = run(settings, tmp_path)
    assert done.run.alphabet.characters == CHARACTERS and done.finished
    assert done.run.trainer.progress.synthetic_share == 1.0
    assert (tmp_path / BEST).exists() and (tmp_path / RESUME).exists()
    facts = done.run.info().trained_on
    seen = sum(report.lines for report in done.reports)
    assert facts == {"synthetic lines": {"lines": seen, "licence": "CC0"}}
