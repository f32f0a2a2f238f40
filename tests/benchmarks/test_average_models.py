from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.average_models import average
from helpers.tiny_model import INFO
from hwr.errors import ModelError
from hwr.model.checkpoint import load_weights, save_model
from hwr.model.network import build

SPEC = "[1,16,0,1 C3,3,4 Mp16,4 Lbx4 O1c{}]"


def save(path: Path, characters: str, seed: int, spec: str = SPEC, auxiliary: bool = False) -> Path:
    torch.manual_seed(seed)
    network = build(spec.format(1 + len(characters)), auxiliary)
    info = replace(INFO, spec=spec.format(1 + len(characters)), alphabet=characters)
    save_model(path, network.state_dict(), info, with_auxiliary=auxiliary)
    return path


def test_the_mean_is_taken_character_by_character(tmp_path: Path) -> None:
    first, second = save(tmp_path / "a.safetensors", "bac", 1), save(tmp_path / "b.safetensors", "ab", 2)
    mean = average(first, second)
    one, two = average(first, first), average(second, second)
    for name in one:
        if name.startswith("output."):
            for row, other in ((0, 0), (2, 1), (1, 2)):  # the blank, a, b
                torch.testing.assert_close(mean[name][row], (one[name][row] + two[name][other]) / 2)
            torch.testing.assert_close(mean[name][3], one[name][3])  # c is in the first only
        elif one[name].is_floating_point():
            torch.testing.assert_close(mean[name], (one[name] + two[name]) / 2)


def test_the_share_is_that_of_the_second(tmp_path: Path) -> None:
    first, second = save(tmp_path / "a.safetensors", "ab", 1), save(tmp_path / "b.safetensors", "ab", 2)
    one, two, most = average(first, second, 0.0), average(first, second, 1.0), average(first, second, 0.75)
    for name in one:
        if one[name].is_floating_point():
            torch.testing.assert_close(most[name], 0.25 * one[name] + 0.75 * two[name])


def test_models_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    first = save(tmp_path / "a.safetensors", "ab", 1)
    with pytest.raises(ModelError, match="lacks its characters 'c'"):
        average(first, save(tmp_path / "b.safetensors", "abc", 2))
    with pytest.raises(ModelError, match="has another shape"):
        average(first, save(tmp_path / "c.safetensors", "ab", 2, SPEC.replace("Lbx4", "Lbx8")))


def test_auxiliary_heads_are_left_out(tmp_path: Path) -> None:
    run, model = save(tmp_path / "a.safetensors", "ab", 1, auxiliary=True), save(tmp_path / "b.safetensors", "ab", 2)
    own = load_weights(model)
    assert any(name.startswith("auxiliary.") for name in load_weights(run))
    assert average(run, model).keys() == average(model, run).keys() == own.keys()
    assert torch.equal(average(run, model, 1.0)["output.weight"], own["output.weight"])
