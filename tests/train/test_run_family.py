"""Runs with the letters of the recurrent family: resumed, started from a model, and read by `hwr recognize`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.commands import run_command
from helpers.line_images import write_image
from helpers.training_runs import Recorded, drawn_lines, drawn_store, recipe, run
from hwr.model.checkpoint import load_model
from hwr.model.export import export_graph
from hwr.recognize import models
from hwr.train.folder import LAST
from hwr.train.start import initial_model

SPECS = {
    "cells": "[1,48,0,1 C3,3,8,4,2 Mp2,2 Mp0,1 Nbx6 Jbx6 Mbx6 O1c{classes}]",
    "plane": "[1,48,0,1 C3,3,6,8,2 RC3,3,6,1 GC3,3,6,1 Mp1,2 GCo3,3,6,2 Lby3 Lbx3 Jfx3 Mrx3 Mp0,1 Lbx6 O1c{classes}]",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_store(tmp_path_factory.mktemp("store") / "drawn", train=60, validation=4)


@pytest.fixture(scope="module", params=SPECS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, data: Path) -> Recorded:
    """A run that was not stopped."""
    settings = recipe(data, spec=SPECS[request.param], lines=50, validation=())
    return run(settings, tmp_path_factory.mktemp("run") / "whole")


def test_a_stopped_run_resumes_exactly(tmp_path: Path, whole: Recorded) -> None:
    settings = whole.run.recipe
    run(settings, tmp_path / "stopped", stop_after=3)
    after = run(settings, tmp_path / "stopped", resume=True)
    assert after.finished and after.losses and after.losses == {s: v for s, v in whole.losses.items() if s > 3}
    resumed = after.run.trainer.state()["average"]
    for key, tensor in whole.run.trainer.state()["average"].items():
        assert torch.equal(resumed[key], tensor), key


def test_a_trained_model_is_read_and_starts_a_run(
    tmp_path: Path,
    data: Path,
    whole: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = whole.run.folder.path / LAST
    export_graph(model, model.with_suffix(".onnx"))
    network, info = load_model(model)
    ink = [line.ink for line in drawn_lines(3, seed=2)]
    for line, found in zip(ink, models.load_model(model, threads=1).log_probs(ink), strict=True):
        with torch.no_grad():
            expected = network(torch.from_numpy(line)[None, None] / 255)[0].numpy()
        np.testing.assert_allclose(found, expected, atol=1e-4)
    picture = write_image(tmp_path / "line.png")
    code, out, err = run_command(monkeypatch, capsys, "recognize", picture, "-m", model, "--line")
    assert code == 0 and (out or err.endswith("no writing found\n")), err

    settings = recipe(data, spec="", init_from=str(model), alphabet="extend")
    start = initial_model(settings, lambda height: ["abcd", "xyz"])
    assert start.alphabet.characters == info.alphabet + "xyz"
    for key, tensor in network.state_dict().items():
        if key.startswith("layers."):
            assert torch.equal(start.network.state_dict()[key], tensor), key
