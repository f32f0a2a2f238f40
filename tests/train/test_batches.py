"""The order of training: epochs, pools, batches."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest

from hwr.store.normalised import LabelledLine
from hwr.text import Alphabet
from hwr.train.batches import MAX_LINES, MAX_SPREAD, MAX_WIDENING, POOL_GROUPS, Batch, PoolBuilder, epoch_pools, seed_of
from hwr.train.recipe import Optimisation, Recipe

OPTIONS = Optimisation(columns_per_batch=4000)
STRIDE = 4


class Lines:
    """A source in memory."""

    def __init__(
        self, name: str, groups: Sequence[Sequence[LabelledLine]], chains: Sequence[int] | None = None
    ) -> None:
        self.name, self._groups = name, groups
        self.chains: Sequence[int] = list(range(len(groups))) if chains is None else chains

    def texts(self) -> Iterator[str]:
        yield from (line.text for group in self._groups for line in group)

    def read(self, group: int) -> list[LabelledLine]:
        return list(self._groups[group])


def line(number: int, text: str, width: int) -> LabelledLine:
    ink = np.zeros((8, width), np.uint8)
    ink[:, -1] = 1 + number % 200
    return LabelledLine(ink, text, f"line-{number}")


def random_source(name: str, groups: int, lines: int = 40, seed: int = 0) -> Lines:
    generator = np.random.default_rng(seed)
    return Lines(
        name,
        [
            [
                line(
                    group * lines + number,
                    "".join(generator.choice(list("abc"), 3)) + f" {number}",
                    int(np.exp(generator.uniform(4.0, 7.0))),
                )
                for number in range(lines)
            ]
            for group in range(groups)
        ],
    )


def empty_groups(name: str, chains: Sequence[int]) -> Lines:
    return Lines(name, [[] for _ in chains], chains)


def planner(
    sources: Sequence[Lines], weights: Sequence[float] | None = None, exclude: str = "", seed: int = 1
) -> PoolBuilder:
    alphabet = Alphabet.of(text for source in sources for text in source.texts())
    recipe = Recipe(optimisation=OPTIONS, seed=seed, exclude=exclude)
    return PoolBuilder(sources, weights or [1.0] * len(sources), alphabet, STRIDE, recipe)


def all_batches(plan: PoolBuilder, epoch: int = 0) -> list[Batch]:
    pools = [plan.build(epoch, number) for number in range(len(plan.pools(epoch)))]
    return [plan.cutter.collate(part) for pool in pools for part in pool.batches]


def skipped(plan: PoolBuilder) -> dict[str, int]:
    return dict(plan.build(0, 0).skipped)


def test_pools_follow_from_the_seed() -> None:
    sources = [empty_groups("a", range(30)), empty_groups("b", range(11))]
    pools = epoch_pools(sources, [1.0, 1.5], seed=3, epoch=2)
    assert epoch_pools(sources, [1.0, 1.5], seed=3, epoch=2) == pools
    assert epoch_pools(sources, [1.0, 1.5], seed=4, epoch=2) != pools
    assert epoch_pools(sources, [1.0, 1.5], seed=3, epoch=3) != pools
    assert {len(pool) for pool in pools[:-1]} == {POOL_GROUPS} and 1 <= len(pools[-1]) <= POOL_GROUPS


@pytest.mark.parametrize(
    ("weight", "counts", "mean"),
    [(1.0, {1}, 1.0), (2.5, {2, 3}, 2.5), (0.5, {0, 1}, 0.5), (3.0, {3}, 3.0), (0.0, {0}, 0.0)],
)
def test_weights_are_copies(weight: float, counts: set[int], mean: float) -> None:
    source, other = empty_groups("a", range(400)), empty_groups("b", range(5))
    blocks = [block for pool in epoch_pools([source, other], [weight, 1.0], 1, 0) for block in pool]
    assert Counter(block.group for block in blocks if block.source == 1) == Counter(range(5))
    shown = Counter(block.group for block in blocks if block.source == 0)
    assert {shown[group] for group in range(400)} == counts
    assert sum(shown.values()) / 400 == pytest.approx(mean, abs=0.1)
    # Copies of one group are distinct, so that each is augmented in its own way.
    assert len({(block.source, block.group, block.copy) for block in blocks}) == len(blocks)


def test_a_part_of_a_set_is_another_part_in_another_epoch() -> None:
    source = empty_groups("a", range(50))
    seen = [{b.group for pool in epoch_pools([source], [0.5], 1, epoch) for b in pool} for epoch in range(12)]
    assert len({frozenset(groups) for groups in seen}) == 12 and set().union(*seen) == set(range(50))


def test_giant_row_groups_stay_in_order_and_are_mixed_with_the_rest() -> None:
    giant, small = empty_groups("giant", [0] * 120), empty_groups("small", range(120))
    blocks = [block for pool in epoch_pools([giant, small], [2.0, 1.0], 5, 0) for block in pool]
    assert len(blocks) == 360
    for copy in (0, 1):
        order = [block.group for block in blocks if block.source == 0 and block.copy == copy]
        assert order == list(range(120))
    small_order = [block.group for block in blocks if block.source == 1]
    assert sorted(small_order) == list(range(120)) and small_order != sorted(small_order)
    # Mixed: no long stretch of one kind, and each third of the epoch has its share.
    assert max(len(list(run)) for _, run in groupby(block.source for block in blocks)) < 25
    for third in range(3):
        assert 20 <= sum(block.source for block in blocks[120 * third : 120 * third + 120]) <= 60


def planned_widths(batch: Batch) -> list[int]:
    """The widths with jitter, from the rule that the recipe states."""
    low, high = OPTIONS.width_jitter
    units = (batch.seeds.numpy() >> 20) / float(1 << 43)
    return [
        round(width * math.exp(low + (high - low) * unit))
        for width, unit in zip(batch.widths.tolist(), units, strict=True)
    ]


def test_batches_keep_every_line_once_without_padding_and_within_the_budget() -> None:
    sources = [random_source("a", 6), random_source("b", 5, seed=1)]
    plan = planner(sources)
    batches = all_batches(plan)
    assert Counter(text for batch in batches for text in batch.texts) == Counter(
        text for source in sources for text in source.texts()
    )
    sizes = []
    for batch in batches:
        count = len(batch.texts)
        assert batch.ink.shape[:2] == (count, 8) and batch.ink.shape[2] == int(batch.widths.max())
        assert len(batch.widths) == len(batch.seeds) == len(batch.target_lengths) == count <= MAX_LINES
        widths = planned_widths(batch)
        multiple = STRIDE if max(widths) < 160 else 16
        assert batch.target_width % multiple == 0 and 0 <= batch.target_width - max(widths) < multiple
        assert max(widths) <= MAX_SPREAD * min(widths)
        assert count == 1 or count * max(widths) <= OPTIONS.columns_per_batch
        sizes.append(count)
        # Each line brings its own ink, seed and labels.
        start = 0
        for row, (text, width, length) in enumerate(
            zip(batch.texts, batch.widths.tolist(), batch.target_lengths.tolist(), strict=True)
        ):
            assert int(batch.ink[row, 0, width - 1]) > 0 and not batch.ink[row, :, width:].any()
            assert plan.alphabet.decode(batch.targets[start : start + length].tolist()) == text
            start += length
        assert start == len(batch.targets)
    assert np.mean(sizes) > 5
    assert len({int(seed) for batch in batches for seed in batch.seeds}) == 440


def test_batches_follow_from_the_seed_and_are_shuffled() -> None:
    sources = [random_source("a", 6)]

    def order(epoch: int, seed: int = 1) -> list[tuple[str, ...]]:
        return [batch.texts for batch in all_batches(planner(sources, seed=seed), epoch)]

    first = all_batches(planner(sources))
    assert order(0) == order(0) == [batch.texts for batch in first]
    assert order(0) != order(1) and order(0) != order(0, seed=2)
    widths = [batch.target_width for batch in first]
    assert widths != sorted(widths)


def test_short_lines_do_not_make_giant_batches() -> None:
    lines = [line(number, "a", 20) for number in range(300)]
    batches = all_batches(planner([Lines("short", [lines])]))
    assert max(len(batch.texts) for batch in batches) == MAX_LINES
    assert sum(len(batch.texts) for batch in batches) == 300


def test_a_line_wider_than_the_budget_is_a_batch_of_its_own() -> None:
    lines = [line(0, "wide", 9000), line(1, "wide", 9001), line(2, "narrow", 300)]
    assert sorted(len(batch.texts) for batch in all_batches(planner([Lines("a", [lines])]))) == [1, 1, 1]


def test_lines_too_narrow_for_ctc() -> None:
    """Twenty letters a and nineteen blanks between them: 39 steps; with the reserve 43, at stride 4 172 columns."""
    text = "a" * 20
    enough = math.ceil(172 / MAX_WIDENING)
    lines = [line(0, text, enough), line(1, text, enough - 1), line(2, text, 400)]
    plan = planner([Lines("a", [lines])])
    batches = all_batches(plan)
    assert sum(len(batch.texts) for batch in batches) == 2
    assert skipped(plan) == {"too narrow for the text": 1}
    for batch in batches:
        assert batch.target_width // STRIDE >= 39
        if int(batch.widths[0]) == enough:
            assert batch.target_width == 176  # 172 rounded up to a multiple of 16


def test_skipped_lines_are_counted() -> None:
    lines = [line(0, "good", 200), line(1, "", 200), line(2, "crossed # out", 300), line(3, "cut ~", 300)]
    plan = planner([Lines("a", [lines])], exclude="#~")
    assert [text for batch in all_batches(plan) for text in batch.texts] == ["good"]
    assert skipped(plan) == {"without text": 1, "with an excluded character": 2}


def test_characters_outside_the_alphabet_lose_their_line_only() -> None:
    """As when a run starts from a model that lacks them."""
    lines = [line(0, "good", 200), line(1, "g\u0153d", 200), line(2, "do", 200)]
    plan = PoolBuilder([Lines("a", [lines])], [1.0], Alphabet("dgo"), STRIDE, Recipe(optimisation=OPTIONS))
    assert sorted(text for batch in all_batches(plan) for text in batch.texts) == ["do", "good"]
    assert skipped(plan) == {"with a character outside the alphabet": 1}


def test_a_seed_depends_on_each_value_and_its_place() -> None:
    values = [
        (1, 0, 0, "iam", "a01"),
        (2, 0, 0, "iam", "a01"),
        (0, 1, 0, "iam", "a01"),
        (1, 0, 0, "iam", "a02"),
        (1, 0),
    ]
    seeds = [seed_of(*each) for each in values]
    assert len(set(seeds)) == len(values)
    assert seeds[0] == seed_of(1, 0, 0, "iam", "a01") and all(0 <= seed < 2**63 for seed in seeds)


def test_copies_and_epochs_get_widths_of_their_own() -> None:
    source = Lines("a", [[line(number, "ab", 400) for number in range(30)]])
    plan = planner([source], weights=[2.0])
    batches = all_batches(plan) + all_batches(plan, 1)
    widths = [width for batch in batches for width in planned_widths(batch)]
    assert len(widths) == 120 and len(set(widths)) > 60
    low, high = (400 * math.exp(bound) for bound in OPTIONS.width_jitter)
    assert low - 1 <= min(widths) < 0.85 * 400 and 1.1 * 400 < max(widths) <= high + 1
    options = replace(OPTIONS, width_jitter=(0.0, 0.0))
    still = PoolBuilder([source], [1.0], plan.alphabet, STRIDE, Recipe(optimisation=options))
    assert {batch.target_width for batch in all_batches(still)} == {400}


def test_a_pool_from_a_later_batch_on_is_the_rest_of_the_pool() -> None:
    plan = planner([random_source("a", 9)])
    whole = plan.build(3, 0)
    rest = plan.build(3, 0, first_batch=5)
    assert [plan.cutter.collate(part).texts for part in rest.batches] == [
        plan.cutter.collate(part).texts for part in whole.batches[5:]
    ]


def test_large_batches_are_filled_from_large_pools() -> None:
    source = random_source("a", 60)
    options = replace(OPTIONS, columns_per_batch=60_000)
    plan = PoolBuilder([source], [1.0], Alphabet(" 0123456789abc"), STRIDE, Recipe(optimisation=options))
    assert len(plan.pools(0)) == 1
    assert sorted(text for batch in all_batches(plan) for text in batch.texts) == sorted(source.texts())


@pytest.mark.parametrize(("lines", "count"), [(5, 2), (6, 3), (3, 3), (1, 1)])
def test_rows_of_several_processes_are_disjoint_and_complete(lines: int, count: int) -> None:
    plan = planner([Lines("a", [[line(number, "ab" * (1 + number % 3), 200) for number in range(lines)]])])
    plan.recipe = Recipe(optimisation=replace(OPTIONS, width_jitter=(0.0, 0.0)))
    (planned,) = plan.build(0, 0).batches
    whole = plan.cutter.collate(planned)
    parts = [plan.cutter.collate(planned, rank, count) for rank in range(count)]
    assert max(len(part.texts) for part in parts) - min(len(part.texts) for part in parts) <= 1
    assert sorted(seed for part in parts for seed in part.seeds.tolist()) == sorted(whole.seeds.tolist())
    for part in parts:
        assert (part.lines, part.characters, part.target_width) == (lines, len(whole.targets), whole.target_width)
        assert len(part.targets) == int(part.target_lengths.sum())
        assert plan.alphabet.decode(part.targets.tolist()) == "".join(part.texts)


def test_a_process_without_a_row_gets_one_to_compute() -> None:
    plan = planner([Lines("a", [[line(0, "ab", 200)]])])
    (planned,) = plan.build(0, 0).batches
    part = plan.cutter.collate(planned, 1, 2)
    assert part.texts == ("ab",) and part.lines == 1 and part.characters == 2
