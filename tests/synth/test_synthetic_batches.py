"""Lines as image files by several processes: the same for any number of them, nothing lost, nothing that hangs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.synth_sources import write_broken_font, write_font, write_text
from hwr.errors import HwrError, InputError
from hwr.files.images import decode_image
from hwr.line import normalise_line, time_steps
from hwr.store.lines import StoredLine
from hwr.synth.batches import Batch, BatchOptions, default_workers, encode, make_batch, make_batches
from hwr.synth.generator import LineGenerator
from hwr.synth.ink import InkLine
from hwr.synth.options import SynthOptions
from hwr.synth.typeset import FontRenderer
from hwr.text import steps_needed


@pytest.fixture
def options(tmp_path: Path) -> BatchOptions:
    text = write_text(tmp_path / "prose.txt", "Some words to write", "今天天气很好 明天也许会下雨")
    return BatchOptions(SynthOptions((text,), (write_font(tmp_path / "fonts"),)), seed=3, licence="CC0")


def lines(batches: Iterator[Batch]) -> list[StoredLine]:
    return [line for batch in batches for line in batch.lines]


def test_any_number_of_processes_gives_the_same(options: BatchOptions) -> None:
    alone, together = (list(make_batches(options, range(140), workers)) for workers in (1, 2))
    assert [batch.lines for batch in alone] == [batch.lines for batch in together]
    assert [batch.unused for batch in alone] == [batch.unused for batch in together]
    assert sum(batch.unused.uncovered for batch in alone) > 0
    assert [line.id for line in lines(iter(alone))] == [f"synth-3-{number:07d}" for number in range(140)]


def test_a_line_is_stored_as_it_was_made(options: BatchOptions) -> None:
    generator = LineGenerator(options.synth)
    for index, stored in enumerate(lines(make_batches(options, range(10)))):
        made = generator.line(3, index)
        grey = decode_image(stored.image, stored.id)
        assert np.array_equal(grey, made.grey)
        assert (stored.height, stored.width) == grey.shape
        assert (stored.text, stored.id, stored.path) == (made.text, made.id, f"{made.id}.png")
        assert (stored.writer, stored.source, stored.licence) == ("font:aileron", "hwr synth", "CC0")


def test_encoding_loses_nothing() -> None:
    generator = np.random.default_rng(0)
    for shape in ((1, 1), (70, 900), (33, 17)):
        grey = generator.integers(0, 256, shape).astype(np.uint8)
        assert np.array_equal(decode_image(encode(grey), "test"), grey)


def test_lines_on_which_ctc_cannot_align_the_text_are_left_out(
    options: BatchOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of random widths, some too narrow for their text."""

    def line(renderer: FontRenderer, text: str, generator: np.random.Generator) -> InkLine:
        width = int(generator.integers(40, 400))
        ink = np.zeros((60, width), np.uint8)
        ink[10:50, 2::4] = 255
        return InkLine(ink, "a text of thirty-two characters!", "test:hand")

    monkeypatch.setattr(FontRenderer, "line", line)
    generator = LineGenerator(options.synth)
    batch = make_batch(generator, options, range(100))
    fits = {}
    for index in range(100):
        made = generator.line(options.seed, index)
        steps = time_steps(normalise_line(made.grey, 48).shape[1], 4)
        fits[made.id] = steps >= steps_needed(made.text)
    assert [line.id for line in batch.lines] == [name for name, fitting in fits.items() if fitting]
    assert [name for name, _ in batch.too_long] == [name for name, fitting in fits.items() if not fitting]
    assert batch.lines and batch.too_long
    assert "needs 32 time steps, has " in batch.too_long[0][1]


def test_faults_of_the_sources_are_found_before_processes_start(options: BatchOptions) -> None:
    shutil.rmtree(options.synth.fonts[0])
    with pytest.raises(InputError, match="no such font"):
        next(make_batches(options, range(100), 2))


def test_a_process_that_dies_is_one_clear_line(options: BatchOptions) -> None:
    folder = options.synth.fonts[0]
    write_broken_font(folder)
    # The broken font is reported when this process has opened the fonts; then the others do not find them any more.
    batches = make_batches(options, range(200), 2, report=lambda message: shutil.rmtree(folder))
    with pytest.raises(HwrError, match="a process that makes lines died"):
        next(batches)


def test_stopping_early_ends_the_processes(options: BatchOptions) -> None:
    batches = make_batches(options, range(10_000), 2)
    assert len(next(batches).lines) == 64
    batches.close()  # type: ignore[attr-defined]
    assert next(batches, None) is None


def test_few_lines_need_few_processes(options: BatchOptions) -> None:
    assert 1 <= default_workers() <= 8
    assert len(lines(make_batches(options, range(3), 50))) == 3
    assert list(make_batches(options, range(0), 2)) == []
