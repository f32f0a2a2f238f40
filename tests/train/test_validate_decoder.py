"""The decoder of a model that was trained from another one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.training_runs import CHARACTERS, Recorder, drawn_store, recipe, run
from hwr.model.checkpoint import load_model
from hwr.model.files import read_info, update_decoder
from hwr.text import Alphabet
from hwr.train import validate as module
from hwr.train.datasets import StoreLines
from hwr.train.folder import BEST, LAST
from hwr.train.run import train
from hwr.train.validate import (
    BONUSES,
    WEIGHTS,
    ErrorRates,
    ReadLine,
    inherited_decoder,
    measure,
    tune_decoder,
    validate,
)

ROOT = Path(__file__).parent.parent.parent
SMALL = ROOT / "checkpoints" / "small.safetensors"
FP32 = torch.autocast("cpu", enabled=False)


def test_settings_are_inherited_where_the_language_models_know_the_letters() -> None:
    info = read_info(SMALL)
    assert "beam" in info.decoder
    assert inherited_decoder(info, info.make_alphabet()) == (info.decoder, "")
    assert inherited_decoder(info, Alphabet(info.alphabet + "ý")) == (info.decoder, "")
    found, message = inherited_decoder(info, Alphabet("абвгдежзийклмнопрстуфхцчшщ"))
    assert (
        found == {} and "small cannot be kept, so the new model is read greedily: " in message and "\n" not in message
    )
    assert "knows 0 of the 26 letters that the new model writes" in message
    assert inherited_decoder(None, Alphabet("abc")) == inherited_decoder(replace(info, decoder={}), Alphabet("abc"))


def test_greedy_rates_are_those_of_validation() -> None:
    network, info = load_model(SMALL)
    source = StoreLines(ROOT / "data" / "samples" / "lines", 48, "val")
    result = validate(network, source, info.make_alphabet(), 16, FP32, keep=1000)
    lines = result.first
    greedy = measure(lines, {}, info.make_alphabet())
    assert (greedy.decoder, greedy.lines, greedy.cer) == ("greedy", result.lines, result.errors.rate)
    searched = measure(lines, info.decoder, info.make_alphabet())
    assert searched.decoder == "beam" and searched.cer <= greedy.cer + 0.01
    assert str(searched) == f"CER {searched.cer:.4f}, WER {searched.wer:.4f} (with language models)"


def lines_of(count: int) -> list[ReadLine]:
    return [("a", np.zeros((1, 5), np.float32))] * count


def with_rates(monkeypatch: pytest.MonkeyPatch, rate: Any) -> None:
    """Let the CER depend on weight and bonus alone; None: the greedy decoder."""

    def measured(lines: Sequence[ReadLine], settings: dict[str, Any], alphabet: Alphabet) -> ErrorRates:
        beam = settings.get("beam")
        return ErrorRates("", rate(beam and (beam["weight"], beam["insertion_bonus"])), 0.0, len(lines))

    monkeypatch.setattr(module, "measure", measured)


@pytest.mark.parametrize("best", [(0.35, 2.0), (0.8, 0.5)])
def test_the_best_weight_and_bonus_are_chosen(monkeypatch: pytest.MonkeyPatch, best: tuple[float, float]) -> None:
    with_rates(monkeypatch, lambda pair: 0.1 if pair == best else 0.2)
    settings = read_info(SMALL).decoder
    tuned = tune_decoder(lines_of(30), settings, Alphabet(CHARACTERS))
    expected = settings["beam"] | {"weight": best[0], "insertion_bonus": best[1]}
    assert expected.items() <= tuned["beam"].items()
    assert tuned["calibration"] == settings["calibration"]


def test_few_lines_and_small_gains_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_info(SMALL).decoder
    with_rates(monkeypatch, lambda pair: 0.1 if pair == (WEIGHTS[0], BONUSES[0]) else 0.2)
    assert tune_decoder(lines_of(29), settings, Alphabet(CHARACTERS)) == settings
    assert tune_decoder(lines_of(40), {}, Alphabet(CHARACTERS)) == {}
    with_rates(monkeypatch, lambda pair: 0.1996 if pair == (WEIGHTS[0], BONUSES[0]) else 0.2)
    assert tune_decoder(lines_of(40), settings, Alphabet(CHARACTERS)) == settings


def test_the_best_path_may_be_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on forms full of names and numbers."""
    with_rates(monkeypatch, lambda pair: 0.1 if pair is None else 0.2)
    tuned = tune_decoder(lines_of(40), read_info(SMALL).decoder, Alphabet(CHARACTERS))
    assert "beam" not in tuned and "calibration" in tuned


def test_a_run_from_a_model_keeps_its_decoder(tmp_path: Path) -> None:
    data = drawn_store(tmp_path / "drawn")
    train(recipe(data, lines=60), tmp_path / "first", Recorder())
    model = tmp_path / "first" / LAST
    settings = {"beam": {"language_models": [], "weight": 0.5, "insertion_bonus": 0.0}}
    update_decoder(model, settings, None)
    again = recipe(data, lines=40, spec="", init_from=str(model))
    reporter = Recorder()
    train(again, tmp_path / "second", reporter)
    for name in (BEST, LAST):
        assert read_info(tmp_path / "second" / name).decoder == read_info(model).decoder
    (message,) = [text for text in reporter.messages if "as `hwr recognize` reads them" in text]
    assert (
        "20 validation lines, as `hwr recognize` reads them: CER " in message
        and message.count("(with language models)") == 2
    )
    assert run(again, tmp_path / "third", stop_after=2).run.info().decoder == read_info(model).decoder
