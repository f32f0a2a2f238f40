"""Training of the line finder on drawn pages."""

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from hwr.errors import DataError
from hwr.train.layout.crops import TruePage, draw_maps, read_pages
from hwr.train.layout.loop import LayoutRecipe, LayoutTrainer, line_loss


def page_file(folder: Path) -> Path:
    """Two pages with rows of strokes, as page-geometry has them."""
    rows = []
    for number in range(2):
        grey = np.full((400, 300), 230, np.uint8)
        lines = []
        for y in range(60, 380, 50):
            for x in range(30, 270, 9):
                cv2.line(grey, (x, y), (x + 3, y - 12), 40, 2)
            outline = [[28.0, y - 16.0], [272.0, y - 16.0], [272.0, y + 4.0], [28.0, y + 4.0]]
            kind = "Print" if y == 60 else "default"
            lines.append({"baseline": [[30.0, y], [270.0, y]], "polygon": outline, "line_type": kind})
        lines.append({"baseline": [[5.0, 5.0]], "polygon": [], "line_type": ""})
        image = {"bytes": cv2.imencode(".png", grey)[1].tobytes(), "path": None}
        rows.append({"image": image, "id": f"p{number}", "lines": lines})
    path = folder / "pages.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def pages(tmp_path: Path) -> list[TruePage]:
    return read_pages(page_file(tmp_path))


def test_pages_and_their_lines_are_read(pages: list[TruePage]) -> None:
    assert [page.id for page in pages] == ["p0", "p1"]
    assert pages[0].grey.shape == (400, 300)
    assert len(pages[0].lines) == 7  # a baseline of one point is none
    assert [line.printed for line in pages[0].lines] == [True] + [False] * 6
    assert pages[0].lines[0].height == pytest.approx(244 * 20 / 240)
    np.testing.assert_allclose(pages[0].lines[0].baseline[[0, -1]], [[30, 60], [270, 60]])


def test_a_file_without_pages_is_named(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet"):
        read_pages(tmp_path / "x.parquet")


def test_the_loss_is_least_where_the_maps_are_right(pages: list[TruePage]) -> None:
    true = torch.from_numpy(draw_maps(list(pages[0].lines), 256))[None]
    right = torch.cat([20 * true[:, :3] - 10, true[:, 3:4]], dim=1)
    assert line_loss(right, true) < 0.01
    for channel in range(4):
        wrong = right.clone()
        wrong[:, channel] = -wrong[:, channel] if channel < 3 else wrong[:, channel] + 1
        assert line_loss(wrong, true) > line_loss(right, true) + 0.05


def test_training_lowers_the_loss_and_writes_a_network(pages: list[TruePage], tmp_path: Path) -> None:
    trainer = LayoutTrainer(pages, LayoutRecipe(minutes=100, size=64, batch=2, warm_up_steps=1), tmp_path / "run")
    losses = []
    for _ in range(3):
        trainer.step = 0  # the same crops again
        losses.append(np.mean([trainer._step() for _ in range(8)]))
    assert losses[0] > 1.05 * losses[1] and losses[1] > 1.05 * losses[2]
    trainer._save(float(losses[-1]))
    assert (tmp_path / "run" / "lines.onnx").stat().st_size > 1_000_000
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text())["step"] == 8


def test_a_resumed_run_continues_as_if_it_had_not_stopped(pages: list[TruePage], tmp_path: Path) -> None:
    recipe = LayoutRecipe(minutes=100, size=64, batch=1)
    whole = LayoutTrainer(pages, recipe, tmp_path / "whole")
    for _ in range(4):
        whole._step()
    first = LayoutTrainer(pages, recipe, tmp_path / "halves")
    for _ in range(2):
        first._step()
    first.seconds = 0.0
    first._save(0.0)
    second = LayoutTrainer(pages, recipe, tmp_path / "halves")
    for _ in range(2):
        second._step()
    for name, tensor in whole.average.state_dict().items():
        torch.testing.assert_close(second.average.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)


def test_the_rate_rises_stays_and_falls_to_nothing(pages: list[TruePage], tmp_path: Path) -> None:
    recipe = LayoutRecipe(minutes=10, warm_up_steps=10, decay_share=0.4)
    trainer = LayoutTrainer(pages, recipe, tmp_path)
    rates = []
    for step, seconds in ((0, 0), (4, 0), (50, 300), (100, 480), (120, 600)):
        trainer.step, trainer.seconds = step, float(seconds)
        rates.append(trainer.rate() / recipe.learning_rate)
    assert rates == pytest.approx([0.1, 0.5, 1, 0.5, 0])
