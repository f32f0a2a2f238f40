"""The losses next to CTC: what they are at known places, and that training with each of them runs."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from benchmarks.extra_losses import TRAINERS, AttentionDecoder, ConsistencyTrainer, positions, train
from helpers.line_images import SAMPLES
from hwr.model.network import build
from hwr.train.device import choose_device
from hwr.train.recipe import Optimisation, Recipe, TrainingSet

SPEC = "[1,16,0,1 C3,3,4,2,2 Mp2,2 C3,3,8 Mp0,1 Lbx8 O1c{classes}]"


def test_a_character_does_not_see_later_ones() -> None:
    torch.manual_seed(0)
    decoder = AttentionDecoder(6, 9).eval()
    features, labels = torch.rand(1, 12, 6), torch.tensor([[0, 3, 5, 7]])
    changed = torch.tensor([[0, 3, 8, 1]])
    scores, others = decoder(features, labels), decoder(features, changed)
    torch.testing.assert_close(scores[:, :2], others[:, :2])
    assert not torch.allclose(scores[:, 2], others[:, 2])


def test_positions_turn_by_the_published_angles() -> None:
    table = positions(50)
    assert table[7, 0] == pytest.approx(torch.sin(torch.tensor(7.0)).item())
    assert table[7, 1] == pytest.approx(torch.cos(torch.tensor(7.0)).item())
    torch.testing.assert_close(table.square().sum(1), torch.full((50,), table.shape[1] / 2))


def test_equal_readings_are_consistent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without dropout and hidden spans both readings are equal, and only the CTC loss is left."""
    network = build(SPEC.format(classes=5)).eval()
    monkeypatch.setattr(type(network), "train", lambda self, mode=True: self)
    recipe = Recipe(optimisation=Optimisation(auxiliary_weight=0.0))
    trainer = ConsistencyTrainer(network, recipe, choose_device("fp32", 1), weight=0.2)
    batch = SimpleNamespace(target_width=64, target_lengths=torch.tensor([2, 3]), characters=5, lines=2)
    ready = SimpleNamespace(ink=torch.rand(2, 1, 16, 64), targets=torch.tensor([1, 2, 3, 4, 1]), batch=batch)
    total = trainer._loss(ready, strength=0.0)
    log_probs = network(ready.ink).transpose(0, 1)
    once = functional.ctc_loss(log_probs, ready.targets, torch.tensor([16, 16]), batch.target_lengths, reduction="sum")
    assert total.item() == pytest.approx(once.item() / 5, rel=1e-5)


@pytest.mark.parametrize("extra", TRAINERS)
def test_training_with_each_loss(tmp_path: Path, extra: str) -> None:
    recipe = Recipe(train=(TrainingSet(str(SAMPLES / "lines")),), spec=SPEC, lines=20, threads=1, cache=False)
    lines, _ = train(recipe, tmp_path / "run", extra, 0.3)
    assert lines >= 20
    assert (tmp_path / "run" / "last.safetensors").exists()
