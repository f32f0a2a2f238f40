"""Lines by seed and number: always the same; texts that do not fit are replaced."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.synth_sources import PROSE, only, write_broken_font, write_font, write_text
from hwr.errors import DataError, InputError, UsageError
from hwr.settings import from_dict, to_dict
from hwr.synth.generator import TRIES, LineGenerator, SynthLine
from hwr.synth.options import PaperOptions, SynthOptions
from hwr.synth.papers import clean

CHINESE = "今天天气很好我们去公园散步吧 明天也许会下雨所以要带伞 后天再说"


@pytest.fixture
def fonts(tmp_path: Path) -> SynthOptions:
    return SynthOptions((write_text(tmp_path / "prose.txt"),), (write_font(tmp_path / "fonts"),))


def same(first: SynthLine, second: SynthLine) -> bool:
    facts = [(line.text, line.id, line.source) for line in (first, second)]
    return facts[0] == facts[1] and np.array_equal(first.grey, second.grey)


def test_a_line_is_the_same_in_any_order_and_any_object(fonts: SynthOptions) -> None:
    forward, backward = LineGenerator(fonts), LineGenerator(fonts)
    ahead = [forward.line(5, index) for index in range(12)]
    back = [backward.line(5, index) for index in reversed(range(12))][::-1]
    assert all(same(*pair) for pair in zip(ahead, back, strict=True))
    assert all(same(forward.line(5, index), line) for index, line in enumerate(ahead))
    assert len({line.grey.tobytes() for line in ahead}) == 12
    assert not any(same(line, forward.line(6, index)) for index, line in enumerate(ahead))


def test_a_line_is_the_same_in_another_process(fonts: SynthOptions) -> None:
    program = """
import sys, hashlib, json
from hwr.settings import from_dict
from hwr.synth.generator import LineGenerator
from hwr.synth.options import SynthOptions
generator = LineGenerator(from_dict(SynthOptions, json.loads(sys.argv[1]), "test"))
line = generator.line(3, 7)
print(line.text, hashlib.sha256(line.grey.tobytes()).hexdigest())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(to_dict(fonts))], capture_output=True, text=True, check=True
    )
    line = LineGenerator(fonts).line(3, 7)
    assert done.stdout.strip() == f"{line.text} {hashlib.sha256(line.grey.tobytes()).hexdigest()}"


def test_a_line_says_what_it_is(fonts: SynthOptions) -> None:
    line = LineGenerator(fonts).line(4, 12)
    assert line.id == "synth-4-0000012"
    assert line.source == "font:aileron"
    assert line.grey.dtype == np.uint8 and line.grey.ndim == 2
    assert line.text


def test_paper_share_0_is_clean_ink_and_1_is_paper(fonts: SynthOptions) -> None:
    bare, half, paper = (LineGenerator(replace(fonts, paper_share=share)) for share in (0.0, 0.5, 1.0))
    kinds: Counter[bool] = Counter()
    for index in range(100):
        expected = clean(bare.ink(2, index))
        assert np.array_equal(bare.line(2, index).grey, expected)
        assert not np.array_equal(paper.line(2, index).grey, expected)
        kinds[np.array_equal(half.line(2, index).grey, expected)] += 1
    assert 30 < kinds[True] < 70


def test_the_ink_does_not_depend_on_papers(fonts: SynthOptions) -> None:
    first, second = LineGenerator(fonts), LineGenerator(replace(fonts, papers=only(PaperOptions(), "jpeg")))
    for index in range(20):
        one, two = first.ink(1, index), second.ink(1, index)
        assert np.array_equal(one.ink, two.ink) and one.text == two.text
        assert first.line(1, index).text == one.text


def test_texts_outside_the_alphabet_are_drawn_again_and_counted(tmp_path: Path) -> None:
    text = write_text(tmp_path / "short.txt", "good", "bad", "dog")
    options = SynthOptions((text,), (write_font(tmp_path / "fonts"),), phrase_share=0.0)
    generator = LineGenerator(options, alphabet="dgo")
    assert {generator.ink(1, index).text for index in range(40)} == {"good", "dog"}
    assert generator.unused.outside >= 5 and {"a", "b"} <= set(generator.unused.characters)


def test_nothing_at_all_is_one_clear_line(tmp_path: Path) -> None:
    options = SynthOptions((write_text(tmp_path / "chinese.txt", CHINESE),), (write_font(tmp_path / "fonts"),))
    for alphabet, reason in ((None, "texts with characters that no font has: '"), ("x", "outside the alphabet: '")):
        with pytest.raises(DataError) as caught:
            LineGenerator(options, alphabet).line(1, 0)
        assert f"{TRIES} texts with characters" in str(caught.value) and reason in str(caught.value)
        assert "\n" not in str(caught.value)


def test_texts_that_no_font_has_are_counted(tmp_path: Path) -> None:
    text = write_text(tmp_path / "mixed.txt", CHINESE, PROSE[0])
    generator = LineGenerator(SynthOptions((text,), (write_font(tmp_path / "fonts"),)))
    lines = [generator.line(1, index) for index in range(30)]
    assert all(line.text.isascii() for line in lines)
    assert generator.unused.uncovered > 0


def test_broken_fonts_are_reported_once_and_left_out(fonts: SynthOptions) -> None:
    broken = write_broken_font(fonts.fonts[0])
    messages: list[str] = []
    generator = LineGenerator(fonts, report=messages.append)
    assert generator.line(1, 0).source == "font:aileron"
    assert len(messages) == 1 and str(broken) in messages[0]


@pytest.mark.parametrize("field", ["texts", "fonts"])
def test_missing_files_are_named_at_once(fonts: SynthOptions, field: str, tmp_path: Path) -> None:
    values = to_dict(fonts) | {field: [str(tmp_path / "missing")]}
    with pytest.raises(InputError, match="missing"):
        LineGenerator(from_dict(SynthOptions, values, "test"))


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(fonts: SynthOptions, seed: int, index: int) -> None:
    with pytest.raises(UsageError, match="must be 0 or more"):
        LineGenerator(fonts).ink(seed, index)


def test_large_seeds_differ(fonts: SynthOptions) -> None:
    generator = LineGenerator(fonts)
    seeds = (0, 1, 2**32, 2**32 + 1, 2**63 - 1)
    assert len({generator.line(seed, 10**9).grey.tobytes() for seed in seeds}) == len(seeds)


def test_the_real_sources(shared: Path) -> None:
    generator = LineGenerator(SynthOptions((shared / "text" / "english.txt.xz",), (shared / "fonts",)))
    lines = [generator.line(1, index) for index in range(24)]
    assert len({line.source for line in lines}) > 12
    assert all(16 <= line.grey.shape[0] <= 260 for line in lines)
    assert all(line.grey.shape[1] >= 3 * len(line.text) for line in lines)
