"""The batches of a run: their order, the position after each, and the relaxation of augmentation."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from helpers.drawn_letters import CHARACTERS
from helpers.training_runs import Recorder, drawn_lines, drawn_store, opened, plain, recipe, write_drawn
from hwr.errors import DataError, TrainingError
from hwr.text import Alphabet
from hwr.train import loading
from hwr.train.augment.augment import augment
from hwr.train.batches import PoolBuilder
from hwr.train.loading import ReadyBatch, load_batches, load_pools
from hwr.train.recipe import Optimisation, Recipe
from hwr.train.run import train
from hwr.train.schedule import Progress

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_store(tmp_path_factory.mktemp("store") / "drawn", train=60)


def builder_of(data: Path, settings: Recipe, weight: float = 1.0) -> PoolBuilder:
    return PoolBuilder([opened(data)], [weight], Alphabet(CHARACTERS), 4, settings)


def first_batches(data: Path, settings: Recipe, progress: Progress, count: int) -> list[ReadyBatch]:
    return list(islice(load_batches(builder_of(data, settings), progress, CPU), count))


def test_a_batch_carries_the_position_that_follows_it(data: Path) -> None:
    """From any position on, the batches are those that an uninterrupted run would have had."""
    settings = recipe(data)
    whole = first_batches(data, settings, Progress(), 40)
    assert [batch.after for batch in whole if batch.after[2] == 0][:2] == [(0, 1, 0), (1, 1, 0)]
    end = [batch.after[2] for batch in whole].index(0) + 1
    for done in (1, 5, end, end + 1):
        progress = Progress(position=whole[done - 1].after, lines=1)
        rest = first_batches(data, settings, progress, len(whole) - done)
        for batch, expected in zip(rest, whole[done:], strict=True):
            assert batch.after == expected.after and batch.batch.texts == expected.batch.texts
            assert torch.equal(batch.ink, expected.ink) and torch.equal(batch.targets, expected.targets)


def test_batches_are_made_ahead_in_their_order(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thread, as for a GPU; an error comes in its place."""
    for name in ("Stream", "device", "stream"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: nullcontext())
    monkeypatch.setattr(torch.cuda, "Event", lambda: SimpleNamespace(record=lambda stream: None))
    whole = first_batches(data, recipe(data), Progress(), 30)

    def broken() -> Iterator[ReadyBatch]:
        yield from whole
        raise DataError("row group 7 cannot be read")

    found = []
    with pytest.raises(DataError, match="row group 7"):
        for batch in loading._ahead(broken(), CPU):
            found.append(batch)
    assert [batch.after for batch in found] == [batch.after for batch in whole]
    assert all(batch.copied is not None for batch in found)
    early = loading._ahead(iter(whole), CPU)
    assert next(early).after == whole[0].after
    early.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


def test_a_ready_batch_is_what_augmentation_gives(data: Path) -> None:
    settings = recipe(data)
    (ready,) = first_batches(data, settings, Progress(), 1)
    batch = ready.batch
    widths = torch.full_like(batch.widths, batch.target_width)
    assert torch.equal(ready.ink, augment(batch.ink, batch.widths, widths, batch.seeds, settings.augment))
    assert batch.lines == len(batch.texts) and batch.characters == len(ready.targets)


def test_augmentation_relaxes_in_the_last_part_of_a_run(data: Path) -> None:
    options = Optimisation(columns_per_batch=1500, relax_share=0.5)
    settings = recipe(data, lines=100, optimisation=options)
    for lines, strength in ((0, 1.0), (50, 1.0), (75, 0.5), (100, 0.0)):
        ((ready,),) = [first_batches(data, settings, Progress(lines=lines), 1)]
        batch, wanted = ready.batch, replace(settings.augment, strength=strength)
        widths = torch.full_like(batch.widths, batch.target_width)
        assert torch.equal(ready.ink, augment(batch.ink, batch.widths, widths, batch.seeds, wanted))


def test_no_usable_line_is_counted_over_an_epoch(tmp_path: Path) -> None:
    lines = [replace(line, text="") for line in drawn_lines(5)]
    write_drawn(tmp_path / "train.parquet", lines)
    settings = recipe(tmp_path)
    with pytest.raises(TrainingError, match=r"no usable line.*: 5 without text"):
        for _, pool in load_pools(builder_of(tmp_path, settings), Progress()):
            assert not pool.batches
    with pytest.raises(TrainingError, match="no usable line"):
        next(load_pools(builder_of(tmp_path, settings, weight=0.0), Progress()))


def test_skipped_lines_come_with_the_next_batch(tmp_path: Path) -> None:
    lines = [replace(line, text="") if number < 300 else line for number, line in enumerate(drawn_lines(600))]
    write_drawn(tmp_path / "train.parquet", lines)
    settings = recipe(tmp_path)
    skipped: Counter[str] = Counter()
    for batch in load_batches(builder_of(tmp_path, settings), Progress(), CPU):
        if batch.epoch == 1:
            break
        skipped += batch.skipped
    assert skipped == {"without text": 300}


@pytest.mark.slow
def test_a_run_keeps_its_deadline(data: Path, tmp_path: Path) -> None:
    """An hour is asked for, twelve seconds are given: the learning rate is 0 at their end."""
    asked = count()
    settings = recipe(data, minutes=60.0, lines=0, augment=plain())
    result = train(settings, tmp_path / "run", Recorder(), stop=lambda: next(asked) > 100_000, deadline=0.2)
    assert result.finished, "stopped at a step that no machine reaches in twelve seconds"
    assert result.progress.seconds == pytest.approx(3600, abs=60)
    assert result.progress.trunk_saved
