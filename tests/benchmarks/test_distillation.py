"""Soft labels of a teacher: what they are, where the student compares with them, and that training with them runs."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.distillation import DistillationTrainer, Teacher, distil, peaks
from helpers.line_images import SAMPLES
from hwr.decode.lattice import LabelSpan
from hwr.model.network import build
from hwr.store.normalised import LabelledLine
from hwr.text import Alphabet
from hwr.train.device import choose_device
from hwr.train.recipe import Optimisation, Recipe, TrainingSet

SPEC = "[1,16,0,1 C3,3,4,2,2 Mp2,2 C3,3,8 Mp0,1 Lbx8 O1c{classes}]"


def teacher_with(probabilities: list[list[float]], characters: str, student: str) -> Teacher:
    """Return a teacher that gives every line these probabilities."""
    log_probs = np.log(np.array(probabilities, np.float32))
    info = SimpleNamespace(make_alphabet=lambda: Alphabet(characters))
    network = SimpleNamespace(info=info, log_probs=lambda lines: [log_probs] * len(lines))
    return Teacher(network, Alphabet(student))  # type: ignore[arg-type]


def line(text: str) -> LabelledLine:
    return LabelledLine(np.zeros((4, 9), np.uint8), text, text)


def test_a_soft_label_is_the_peak_without_the_blank_in_the_order_of_the_student():
    steps = [[0.9, 0.05, 0.05], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1], [0.8, 0.1, 0.1], [0.1, 0.3, 0.6]]
    teacher = teacher_with(steps, "ab", student="xba")
    ((_, labels),) = teacher.soft_labels([line("ab")])
    np.testing.assert_allclose(labels, [[0, 1 / 8, 7 / 8], [0, 6 / 9, 3 / 9]], rtol=1e-5)


def test_lines_that_the_teacher_cannot_write_are_left_out():
    teacher = teacher_with([[0.4, 0.3, 0.3]] * 2, "ab", student="abc")
    assert [found.text for found, _ in teacher.soft_labels(map(line, ("c", "", "ab", "aa", "b")))] == ["ab", "b"]


def test_peaks_are_within_their_spans():
    log_probs = np.log(np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3], [0.9, 0.1]]))
    assert peaks(log_probs, [LabelSpan(1, 1, 4)]) == [2]


def test_only_lines_with_soft_labels_add_to_the_loss():
    """A student whose readings are the soft labels has their entropy as loss, and no reason to change."""
    torch.manual_seed(0)
    recipe = Recipe(optimisation=Optimisation(auxiliary_weight=0.0, span_time_steps=0))
    trainer = DistillationTrainer(build(SPEC.format(classes=5)), recipe, choose_device("fp32", 1), weight=1.0, soft={})
    trainer.scores = torch.randn(2, 8, 5, requires_grad=True)
    batch = SimpleNamespace(target_lengths=torch.tensor([1, 2]), seeds=torch.tensor([70, 80]), characters=3)
    ready = SimpleNamespace(targets=torch.tensor([4, 2, 3]), batch=batch)
    log_probs = trainer.scores.detach().log_softmax(2)
    step = int(log_probs[0, :, 4].argmax())
    trainer.soft = {70: log_probs[0, [step], 1:].softmax(1).numpy()}
    others = log_probs[0].clone()
    others[:, 0] = 0.0  # the blank is most probable, so the label takes the one step where it is best
    trainer.scores = torch.stack([others, log_probs[1]]).requires_grad_()
    loss = trainer._distillation(ready, [0])  # type: ignore[arg-type]
    wanted = trainer.soft[70]
    assert loss.item() == pytest.approx(-(wanted * np.log(wanted)).sum() / 3, rel=1e-5)
    (slope,) = torch.autograd.grad(loss, trainer.scores)
    assert slope.abs().max() < 1e-6


def test_training_with_a_teacher(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recipe = Recipe(train=(TrainingSet(str(SAMPLES / "lines")),), spec=SPEC, lines=20, threads=1, cache=False)
    lines, _ = distil(recipe, tmp_path / "run", "tiny", weight=0.5, share=1.0)
    assert lines >= 20
    assert "gave 0 lines" not in capsys.readouterr().out
    assert (tmp_path / "run" / "last.safetensors").exists()
