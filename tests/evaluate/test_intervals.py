"""Bootstrap intervals against published quantiles, a slow twin and simulated writers."""

import subprocess
import sys

import numpy as np
import pytest

from helpers.children import child_environment
from hwr.evaluate.intervals import (
    MAX_DRAWN,
    LineTallies,
    bootstrap_totals,
    effective_number,
    rate_intervals,
    student_quantile,
)
from hwr.metrics import ErrorCounts


def tallies(writers: list[str | None], pages: list[str | None] | None = None, characters: int = 40) -> LineTallies:
    result = LineTallies()
    for index, writer in enumerate(writers):
        page = pages[index] if pages else None
        result.add(ErrorCounts(index, characters), ErrorCounts(index % 3, 8), writer, page)
    return result


# NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, column 0.975.
@pytest.mark.parametrize(
    ("freedom", "quantile"), [(3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (20, 2.086), (30, 2.042), (100, 1.984)]
)
def test_student_quantile_equals_the_table(freedom: int, quantile: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(quantile, abs=0.004)
    assert student_quantile(0.025, freedom) == pytest.approx(-quantile, abs=0.004)


def test_effective_number() -> None:
    assert effective_number(np.array([7, 7, 7])) == pytest.approx(3)
    assert effective_number(np.array([1000, 1, 1])) == pytest.approx(1, abs=0.01)
    assert effective_number(np.array([], dtype=np.int64)) == 0


def test_writers_are_the_clusters_where_there_are_enough() -> None:
    clusters, totals = tallies([f"w{i % 6}" for i in range(12)]).clustered()
    assert (clusters.by, clusters.count, clusters.unassigned_lines) == ("writer", 6, 0)
    assert clusters.effective == pytest.approx(6)
    # Lines i and i + 6 have one writer.
    assert totals[:, 0].tolist() == [2 * i + 6 for i in range(6)]
    assert totals[:, 1].tolist() == [80] * 6


def test_pages_where_there_is_one_writer() -> None:
    clusters, totals = tallies(["w"] * 12, [f"p{i // 2}" for i in range(12)]).clustered()
    assert (clusters.by, clusters.count) == ("page", 6)
    assert totals[:, 0].tolist() == [1, 5, 9, 13, 17, 21]


def test_pages_of_two_writers_may_have_one_name() -> None:
    clusters, _ = tallies(["a"] * 8 + ["b"] * 4, [f"p{i % 4}" for i in range(12)]).clustered()
    assert (clusters.by, clusters.count) == ("page", 8)


def test_lines_where_nothing_is_known_or_too_little() -> None:
    assert tallies([None] * 7).clustered()[0].by == "line"
    clusters, totals = tallies(["w"] * 8, ["p"] * 8).clustered()
    assert (clusters.by, clusters.count, len(totals)) == ("line", 8, 8)


def test_one_writer_with_most_of_the_text_is_not_many_writers() -> None:
    assert tallies(["w"] * 90 + [f"w{i}" for i in range(10)]).clustered()[0].by == "line"


def test_a_line_without_a_writer_is_its_own_cluster() -> None:
    clusters, totals = tallies([f"w{i % 6}" for i in range(12)] + [None, None]).clustered()
    assert (clusters.by, clusters.count, clusters.unassigned_lines) == ("writer", 8, 2)
    assert totals[:, 0].sum() == sum(range(14))


def test_bootstrap_totals_are_sums_of_whole_clusters() -> None:
    totals = np.array([[1, 10, 100, 1000], [2, 20, 200, 2000], [5, 50, 500, 5000]])
    drawn = bootstrap_totals(totals, replicates=500)
    possible = {sum(draw) for draw in ((a, b, c) for a in (1, 2, 5) for b in (1, 2, 5) for c in (1, 2, 5))}
    assert set(drawn[:, 0].tolist()) == possible
    assert (drawn == drawn[:, :1] * [1, 10, 100, 1000]).all()


def test_bootstrap_equals_the_slow_twin_in_distribution() -> None:
    generator = np.random.default_rng(5)
    totals = generator.integers(1, 100, size=(30, 4))
    fast = bootstrap_totals(totals, replicates=4000)
    slow = np.array([sum(totals[generator.integers(30)] for _ in range(30)) for _ in range(4000)])
    rates_fast, rates_slow = fast[:, 0] / fast[:, 1], slow[:, 0] / slow[:, 1]
    assert np.quantile(rates_fast, [0.025, 0.5, 0.975]) == pytest.approx(
        np.quantile(rates_slow, [0.025, 0.5, 0.975]), rel=0.03
    )


def test_many_clusters_are_folded_without_changing_the_spread() -> None:
    generator = np.random.default_rng(6)
    many = generator.poisson(5, size=(MAX_DRAWN * 4, 4))
    many[:, 1] = many[:, 3] = 40
    drawn = bootstrap_totals(many, replicates=400)
    # The sum of n independent draws varies by n times the variance of one.
    assert drawn[:, 0].std() == pytest.approx(np.sqrt(len(many) * many[:, 0].var()), rel=0.12)
    assert drawn[:, 0].mean() == pytest.approx(many[:, 0].sum(), rel=0.001)


def simulated_coverage(writers: int, trials: int, by_writer: bool) -> float:
    """How often the interval holds the true rate, with writers whose rates differ as real ones do (0.05 around 0.1)."""
    generator = np.random.default_rng(7)
    hits = 0
    for _ in range(trials):
        result = LineTallies()
        for writer in range(writers):
            rate = min(generator.gamma(4, 0.025), 1.0)
            for edits in generator.binomial(40, rate, size=generator.integers(5, 40)):
                name = str(writer) if by_writer else None
                result.add(ErrorCounts(int(edits), 40), ErrorCounts(int(edits), 40), name, None)
        clusters, totals = result.clustered()
        (low, high), _ = rate_intervals(bootstrap_totals(totals, 400), clusters.effective)
        hits += low <= 0.1 <= high
    return hits / trials


@pytest.mark.parametrize(("writers", "coverage"), [(3, 0.65), (5, 0.85), (8, 0.90), (20, 0.90), (40, 0.90)])
def test_intervals_hold_the_true_rate_as_often_as_documented(writers: int, coverage: float) -> None:
    # 300 trials: the standard error of a coverage of 0.93 is 0.015. docs/evaluation.md has the figures of 1,000.
    assert simulated_coverage(writers, trials=300, by_writer=True) >= coverage


def test_intervals_by_line_would_be_far_too_narrow() -> None:
    assert simulated_coverage(20, trials=60, by_writer=False) < 0.7


def test_the_same_counts_give_the_same_interval_in_every_process() -> None:
    program = (
        "from hwr.evaluate.intervals import *\n"
        "from hwr.metrics import ErrorCounts as E\n"
        "t = LineTallies()\n"
        "for i in range(60): t.add(E(i % 7, 40), E(i % 5, 8), f'w{i % 9}', None)\n"
        "c, totals = t.clustered()\n"
        "print(rate_intervals(bootstrap_totals(totals), c.effective))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=child_environment(PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
