"""What feeds the training loop: order, a thread that goes ahead, the clock that keeps a deadline."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_runs import CHARACTERS, SPEC, Recorder, drawn_bundle, recipe

from hwr.bundle import BundleShard
from hwr.errors import DataError
from hwr.model.network import build
from hwr.text import Alphabet
from hwr.train.augment.augment import augment
from hwr.train.batches import Batch, Planner
from hwr.train.data import BundleSource, Normalised
from hwr.train.distributed import ALONE
from hwr.train.feed import EpochEnds, PoolBegins, PoolEnds, ahead, pools, prepare
from hwr.train.run import train
from hwr.train.schedule import Progress


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_bundle(tmp_path_factory.mktemp("bundle"))


def planner_of(data: Path, weight: float = 1.0) -> Planner:
    shard = BundleShard(data / "drawn-train-00000.npz")
    wanted = Normalised(shard.header.normalisation, shard.header.normalisation_version, shard.header.height)
    stride = build(SPEC.replace("{classes}", "5")).stride
    return Planner(
        [BundleSource([shard], wanted)], [weight], Alphabet(CHARACTERS), stride, recipe(data).optimisation, 1
    )


def test_a_run_that_goes_on_is_fed_with_what_was_left(data: Path) -> None:
    """From any position the items are those that a run from the beginning meets after it."""
    settings, whole = recipe(data), []
    for item in pools(planner_of(data), Progress(), settings):
        whole.append(item)
        if isinstance(item, EpochEnds) and len([one for one in whole if isinstance(one, EpochEnds)]) == 2:
            break
    progress = Progress()
    for at, item in enumerate(whole):
        if isinstance(item, PoolEnds):
            progress.pool, progress.batch = item.number + 1, 0
        elif isinstance(item, EpochEnds):
            progress.epoch, progress.pool = progress.epoch + 1, 0
        elif isinstance(item, Batch):
            progress.batch += 1
            if at % 13:
                continue
            rest = pools(planner_of(data), replace(progress), settings)
            following = [one for one in whole[at + 1 :] if isinstance(one, Batch)][:3]
            batches = (one for one in rest if isinstance(one, Batch))
            for expected, given in zip(following, batches, strict=False):
                assert torch.equal(expected.ink, given.ink)
                assert torch.equal(expected.seeds, given.seeds)


def test_every_pool_begins_and_ends(data: Path) -> None:
    kinds = []
    for item in pools(planner_of(data), Progress(), recipe(data)):
        kinds.append(type(item))
        if isinstance(item, EpochEnds):
            break
    assert kinds[0] is PoolBegins
    assert kinds[-2:] == [PoolEnds, EpochEnds]
    assert kinds.count(PoolBegins) == kinds.count(PoolEnds) == item.pools > 0


def test_a_planner_without_lines_ends_the_feed(data: Path) -> None:
    assert list(pools(planner_of(data, weight=0.0), Progress(), recipe(data))) == [EpochEnds(0)]


def test_a_ready_batch_is_what_augmentation_gives(data: Path) -> None:
    settings = recipe(data)
    batch = next(item for item in pools(planner_of(data), Progress(), settings) if isinstance(item, Batch))
    ready = prepare(batch, torch.device("cpu"), settings.augment, ALONE)
    widths = torch.full_like(batch.widths, batch.target_width)
    assert torch.equal(ready.ink, augment(batch.ink, batch.widths, widths, batch.seeds, settings.augment))
    assert (ready.lines, ready.labels, ready.characters) == (len(batch.texts), len(batch.targets), len(batch.targets))


def test_a_thread_goes_ahead_by_no_more_than_it_may() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    with ahead(items(), 3) as taken:
        assert next(taken) == 0
        time.sleep(0.3)
        assert len(made) <= 1 + 3 + 1  # taken, waiting, and one that waits for its place
        assert list(taken) == list(range(1, 20))


def test_an_error_of_the_thread_is_raised_where_its_item_is_missed() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise DataError("group 7 is damaged")

    with ahead(items(), 3) as taken:
        assert next(taken) == 1
        with pytest.raises(DataError, match="group 7"):
            next(taken)


def test_no_thread_stays_behind() -> None:
    before = threading.active_count()
    with ahead(iter(range(10**9)), 2) as taken:
        next(taken)
    assert threading.active_count() == before


def test_a_run_keeps_its_deadline(data: Path, tmp_path: Path) -> None:
    """An hour is asked for, three seconds are given: the rate has fallen to nothing when they are over."""
    started = time.monotonic()
    result = train(recipe(data, minutes=60.0, lines=0), tmp_path / "run", Recorder(), deadline=0.05)
    assert result.finished
    assert time.monotonic() - started < 30
    assert result.progress.seconds == pytest.approx(3600, abs=60)
    assert result.progress.trunk_saved
