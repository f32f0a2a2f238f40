"""The messages of a run, and the signals that stop it."""

import io
import os
import signal
from typing import Any

import pytest
from rich.console import Console

from hwr.cli.train_display import SHOWN_VALIDATIONS, LiveReporter
from hwr.metrics import ErrorCounts
from hwr.train.reporters import PlainReporter, stop_on_signal
from hwr.train.validate import SetResult


def figures(**changes: Any) -> dict[str, Any]:
    """The figures of a step."""
    facts: dict[str, Any] = {
        "step": 1234,
        "lines": 56789,
        "epoch": 3,
        "minutes": 10.5,
        "share": 0.4321,
        "loss": 0.98765,
        "learning_rate": 2e-3,
        "lines_per_second": 77.7,
        "minutes_left": 13.2,
        "non_finite": 0,
    }
    return facts | changes


def result(name: str, edits: int, samples: tuple[tuple[str, str], ...] = (("the truth", "the trvth"),)) -> SetResult:
    return SetResult(name, ErrorCounts(edits, 1000), 40, 0, samples)


def test_plain_lines() -> None:
    stream = io.StringIO()
    reporter = PlainReporter(stream)
    reporter.message("hello")
    reporter.progress(figures(non_finite=2))
    reporter.progress(figures(loss=None, minutes_left=None))
    reporter.validation([result("letters", 123), result("forms", 45, ())], figures())
    first, second, third, *rest = stream.getvalue().splitlines()
    assert first == "hello"
    for part in ("43.2%", "step 1,234", "lines 56,789", "loss 0.988", "78 lines/s", "13 min left", "2 steps without"):
        assert part in second
    assert "loss - " in third and "? min left" in third and "without" not in third
    assert rest == [
        "  letters: CER 0.1230 on 40 lines",
        "    truth   the truth",
        "    reading the trvth",
        "  forms: CER 0.0450 on 40 lines",
    ]


def shown(**console: Any) -> tuple[LiveReporter, io.StringIO]:
    """A live reporter whose console writes to memory."""
    stream = io.StringIO()
    options: dict[str, Any] = {"force_terminal": True, "width": 120, "height": 40, "color_system": None}
    return LiveReporter(Console(file=stream, **options | console)), stream


def test_the_live_table_shows_figures_cer_and_readings() -> None:
    reporter, stream = shown()
    with reporter:
        reporter.message("[bold] is no markup here")
        reporter.progress(figures(loss=None, minutes_left=None))
        reporter.progress(figures())
        reporter.validation([result("letters", 500), result("forms", 45)], figures(lines=10_000))
        reporter.validation([result("letters", 123), result("forms", 40)], figures(lines=20_000))
    text = stream.getvalue()
    assert "[bold] is no markup here" in text
    for part in ("43.2%", "1,234", "0.988", "letters", "forms", "0.5000", "0.1230", "0.0400", "10,000", "20,000"):
        assert part in text, part
    assert "the truth" in text and "the trvth" in text


def test_the_live_table_counts_steps_without_a_finite_loss() -> None:
    reporter, stream = shown()
    with reporter:
        reporter.progress(figures())
        assert "not finite" not in stream.getvalue()
        reporter.progress(figures(non_finite=2))
    assert "not finite" in stream.getvalue()


def test_the_live_table_keeps_the_last_validations_and_new_sets() -> None:
    reporter, _ = shown()
    for number in range(SHOWN_VALIDATIONS + 3):
        reporter.validation([result("letters", 900 - number)], figures(lines=number))
    reporter.validation([result("letters", 5), result("later", 7)], figures(lines=99))
    console = Console(file=io.StringIO(), record=True, width=120)
    console.print(reporter._render())
    text = console.export_text()
    assert "0.9000" not in text and "0.8900" in text
    assert "later" in text and "0.0070" in text


def test_texts_with_brackets_and_of_any_length_are_shown_as_they_are() -> None:
    reporter, stream = shown(width=60)
    with reporter:
        reporter.validation([result("letters", 5, (("[red]x[/] " + "long " * 50, "[/]"),))], figures())
    assert "[red]x[/]" in stream.getvalue()
    assert max(map(len, stream.getvalue().splitlines())) < 120


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop(number: signal.Signals) -> None:
    told: list[str] = []
    before = signal.getsignal(number)
    with stop_on_signal(told.append) as stopped:
        assert not stopped()
        os.kill(os.getpid(), number)
        assert stopped()
    assert len(told) == 1 and "saving everything" in told[0]
    assert signal.getsignal(number) is before


def test_a_second_interrupt_ends_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_on_signal(lambda text: None):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_stream_in_use_does_not_keep_a_run_from_stopping() -> None:
    def report(text: str) -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

    with stop_on_signal(report) as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped()
