"""The closing line of a run on several pages, and durations in it."""

import pytest

from hwr.cli.job_display import format_seconds, say_summary
from hwr.recognize.job import Counts


@pytest.mark.parametrize(
    ("counts", "output", "seconds", "line"),
    [
        (Counts(read=1), "out", 1, ""),
        (Counts(failed=1), None, 1, ""),
        (Counts(read=2, lines=1), None, 1.25, "hwr: 2 pages, 1 line; 1.2 s\n"),
        (
            Counts(read=1400, failed=1, skipped=3, resumed=5, doubtful=7, lines=20_000),
            "out/",
            3725,
            "hwr: 1,404 pages, 20,000 lines, 1 failed, 3 skipped because their results exist, "
            "5 read before the interruption, 7 with low confidence; results in out/; 1 h 02 min\n",
        ),
        (Counts(skipped=1), "a", 1, "hwr: 1 page, 0 lines, 1 skipped because its result exists; results in a; 1.0 s\n"),
        (
            Counts(read=1, failed=3, partial=2),
            "a",
            1,
            "hwr: 4 pages, 0 lines, 1 failed, 2 not written in every format; results in a; 1.0 s\n",
        ),
        (
            Counts(skipped=2),
            __file__,
            1,
            f"hwr: 2 pages, 0 lines, 2 skipped because {__file__} exists; results in {__file__}; 1.0 s\n",
        ),
        (Counts(failed=2), "out", 1, "hwr: 2 pages, 0 lines, 2 failed; 1.0 s\n"),
    ],
)
def test_the_closing_line(
    counts: Counts, output: str | None, seconds: float, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say_summary(counts, output, seconds)
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60.4, "1 min 00 s"), (3599, "59 min 59 s"), (7260, "2 h 01 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
