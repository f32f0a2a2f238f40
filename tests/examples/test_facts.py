"""What the examples claim about their networks."""

import runpy
from pathlib import Path

import bidirectional
import captions
import elman
import gates
import gradients
import gru
import hopfield
import jordan
import long_lag
import lstm
import mappings
import numpy as np
import peephole
import pyramid
import pytest
import ranking
import truncated

from hwr.metrics import character_errors

FOLDER = Path(gates.__file__).parent
FILES = sorted(FOLDER.glob("*.py"))
QUICK = ("neuron", "gradients", "lstm", "gru", "mingru", "peephole", "rcl", "grcl", "mdlstm", "renet", "hopfield")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_a_page(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("name", QUICK)
def test_quick_files_print_their_fact(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({path.stem for path in FILES} - {*QUICK, "common", "planes", "pictures"}))
def test_other_files_print_their_fact(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out.strip()


@pytest.mark.slow
def test_pictures_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("sys.argv", ["pictures.py", str(tmp_path)])
    runpy.run_path(str(FOLDER / "pictures.py"), run_name="__main__")
    assert len(list(tmp_path.iterdir())) == 6 and all(path.stat().st_size > 5000 for path in tmp_path.iterdir())


def test_vowels_are_foreseen_and_consonants_are_not() -> None:
    surprise = elman.surprise(updates=100)
    assert surprise["vowel"] < 0.1
    assert surprise["consonant"] > 0.9 * np.log(3)


def test_jordan_forgets_what_its_output_does_not_contain() -> None:
    assert jordan.recall("elman", updates=150) > 0.99
    assert jordan.recall("jordan", updates=150) < 0.75


def test_lstm_keeps_a_bit_that_elman_loses() -> None:
    assert long_lag.remember(lstm, 40) > 0.95
    assert long_lag.remember(elman, 40) < 0.7


def test_clock_strikes_only_with_peepholes() -> None:
    silence = np.zeros((30, 1, 1))
    with_them = np.flatnonzero(peephole.forward(peephole.clock(6), silence)[0][:, 0, 0] > 0.5)
    np.testing.assert_array_equal(with_them, [5, 11, 17, 23, 29])
    assert peephole.forward(peephole.clock(6, peepholes=False), silence)[0].max() < 0.5


def test_gru_has_three_quarters_of_the_weights() -> None:
    rng = np.random.default_rng(0)
    sizes = [sum(value.size for value in cell.weights(rng, 4, 8).values()) for cell in (gru, lstm)]
    assert (sizes[0] - 3 * 8) / sizes[1] == 0.75


def test_gradients_vanish_explode_or_stay() -> None:
    lengths = {name: gradients.lengths(name)[50] for name in gradients.NAMES}
    assert lengths["Elman 0.7"] < 1e-6
    assert lengths["Elman 1.5"] > 2
    assert 0.05 < lengths["LSTM 5"] < 20
    assert 0.1 < lengths["GRU 5"] < 1
    assert gradients.lengths("Elman 0.7")[20] <= 0.7**20


def test_whole_window_gives_the_whole_gradient_and_short_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    own = truncated.network(rng)
    x, targets = truncated.task(rng, 24, 32)
    whole = truncated.gradient(own, x, targets, 24)
    assert truncated.angle(whole, truncated.gradient(own, x, targets, 24)) == pytest.approx(0, abs=1e-3)
    angles = [truncated.angle(whole, truncated.gradient(own, x, targets, window)) for window in (3, 6, 12)]
    assert angles == sorted(angles, reverse=True)
    assert truncated.train(3) < 0.65
    assert truncated.train(24) > 0.95


@pytest.mark.parametrize("name", mappings.TASKS)
def test_mappings_are_learned(name: str) -> None:
    assert mappings.learn(mappings.TASKS[name], updates=200) > 0.9


def test_the_next_bit_needs_both_directions() -> None:
    assert bidirectional.foresee(both=True, updates=60) > 0.95
    assert bidirectional.foresee(both=False, updates=60) < 0.65
    assert bidirectional.change_by_neighbour() == 0


def test_pyramid_refines_what_it_sees() -> None:
    _, errors = pyramid.fit("FLB", updates=40)
    assert errors[-1] < 0.5 * errors[0]


def test_hopfield_completes_letters_and_its_energy_falls() -> None:
    rng = np.random.default_rng(2)
    memories = hopfield.patterns()
    w = hopfield.learn(memories)
    for pattern in memories:
        noisy = pattern * np.where(rng.random(64) < 0.2, -1, 1)
        settled, energies = hopfield.settle(w, noisy, rng)
        np.testing.assert_array_equal(settled, pattern)
        assert all(np.diff(energies) <= 1e-12)
        assert energies[0] == pytest.approx(-0.5 * np.einsum("i,ij,j", noisy, w, noisy))


def test_hopfield_has_room_for_about_0_138_n() -> None:
    assert hopfield.kept(0.10) > 0.98
    assert hopfield.kept(0.20) < 0.8


def test_gates_of_the_shipped_reader() -> None:
    reading = gates.read()
    np.testing.assert_allclose(reading.states, reading.from_torch, atol=1e-4)
    truth = (gates.LINE.parent / "line-2.txt").read_text(encoding="utf-8").strip()
    assert character_errors(truth, gates.text(reading)).rate <= 0.1


def test_words_find_the_regions_they_name() -> None:
    before, after = ranking.learn(updates=80)
    assert before < 0.4
    assert after > 0.9


def test_captions_name_pictures_and_invent_on_empty_ones() -> None:
    network, looks = captions.train(updates=150)
    right = [captions.write(network, look)[0] == word for look, word in zip(looks, captions.WORDS, strict=True)]
    assert np.mean(right) > 0.9
    text, _ = captions.write(network, 0 * looks[0])
    assert text in captions.WORDS
