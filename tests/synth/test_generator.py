"""Lines by seed and number: always the same, from the sources by their shares; texts that do not fit are replaced."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from helpers.synth_sources import PROSE, only, write_broken_font, write_font, write_text
from hwr.errors import DataError, InputError, UsageError
from hwr.settings import from_dict, to_dict
from hwr.synth.fonts import UncoveredText
from hwr.synth.generator import TRIES, LineGenerator, SynthLine
from hwr.synth.ink import InkLine
from hwr.synth.options import PaperOptions, Shares, SynthOptions
from hwr.synth.papers import clean

CHINESE = "今天天气很好我们去公园散步吧 明天也许会下雨所以要带伞 后天再说"


@pytest.fixture
def fonts(tmp_path: Path) -> SynthOptions:
    return SynthOptions((write_text(tmp_path / "prose.txt"),), (write_font(tmp_path / "fonts"),))


class Drawn:
    """A renderer that needs no files: a bar for each character, the text drawn from a list."""

    def __init__(self, name: str, *texts: str, uncovered: str = "") -> None:
        self.name, self.texts, self.uncovered = name, texts, uncovered

    def line(self, generator: np.random.Generator) -> InkLine:
        text = self.texts[int(generator.integers(len(self.texts)))]
        if text in self.uncovered.split(","):
            raise UncoveredText(text)
        ink = np.zeros((60, 12 * len(text) + 4), np.uint8)
        for place in range(len(text)):
            top = int(generator.integers(5, 30))
            ink[top:50, 12 * place + 4 : 12 * place + 7] = 255
        return InkLine(ink, text, f"{self.name}:hand")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Drawn]:
    """Renderers in place of those that open files."""
    renderers = {name: Drawn(name, "one line", "another line") for name in ("fonts", "strokes", "words")}
    monkeypatch.setattr("hwr.synth.generator._open_renderer", lambda name, *_: renderers[name])
    return renderers


ALL = SynthOptions((Path("t"),), (Path("f"),), Path("s"), Path("w"), Shares(0.5, 0.3, 0.2))


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


def test_sources_get_their_shares(drawn: dict[str, Drawn]) -> None:
    generator = LineGenerator(ALL)
    counts = Counter(generator.ink(1, index).source for index in range(2000))
    shares = [counts[f"{name}:hand"] / 2000 for name in ("fonts", "strokes", "words")]
    assert np.allclose(shares, [0.5, 0.3, 0.2], atol=0.05)


def test_a_source_of_share_0_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("hwr.synth.generator._open_renderer", lambda name, *_: opened.append(name) or Drawn(name, "a"))
    options = SynthOptions((), (), Path("s"), Path("w"), Shares(1.0, 0.0, 1.0))
    assert {LineGenerator(options).ink(0, index).source for index in range(20)} == {"words:hand"}
    assert set(opened) == {"words"}


def test_paper_share_0_is_clean_ink_and_1_is_paper(drawn: dict[str, Drawn]) -> None:
    bare = LineGenerator(from_dict(SynthOptions, to_dict(ALL) | {"paper_share": 0}, "test"))
    paper = LineGenerator(from_dict(SynthOptions, to_dict(ALL) | {"paper_share": 1}, "test"))
    half = LineGenerator(from_dict(SynthOptions, to_dict(ALL) | {"paper_share": 0.5}, "test"))
    kinds: Counter[bool] = Counter()
    for index in range(100):
        expected = clean(bare.ink(2, index))
        assert np.array_equal(bare.line(2, index).grey, expected)
        assert not np.array_equal(paper.line(2, index).grey, expected)
        kinds[np.array_equal(half.line(2, index).grey, expected)] += 1
    assert 30 < kinds[True] < 70


def test_the_ink_does_not_depend_on_papers(drawn: dict[str, Drawn]) -> None:
    options = from_dict(SynthOptions, to_dict(ALL) | {"papers": only(PaperOptions(), "jpeg").__dict__}, "test")
    first, second = LineGenerator(ALL), LineGenerator(options)
    for index in range(20):
        one, two = first.ink(1, index), second.ink(1, index)
        assert np.array_equal(one.ink, two.ink) and one.text == two.text
        assert first.line(1, index).text == one.text


def test_texts_outside_the_alphabet_are_drawn_again_and_counted(drawn: dict[str, Drawn]) -> None:
    drawn["strokes"].texts = ("good", "café", "naïf")
    generator = LineGenerator(SynthOptions(strokes=Path("s")), alphabet="acdfgnio é")
    texts = Counter(generator.ink(1, index).text for index in range(200))
    assert set(texts) == {"good", "café"}
    assert generator.passed_over.characters == {"ï": generator.passed_over.outside}
    assert 50 < generator.passed_over.outside < 150, "one text in three is replaced"


def test_where_one_source_has_nothing_another_makes_the_line(drawn: dict[str, Drawn]) -> None:
    drawn["fonts"].texts = ("ça",)
    generator = LineGenerator(ALL, alphabet="one line another")
    assert {generator.ink(1, index).source for index in range(30)} == {"strokes:hand", "words:hand"}


def test_texts_that_no_font_has_are_passed_over(tmp_path: Path) -> None:
    text = write_text(tmp_path / "mixed.txt", CHINESE, PROSE[0])
    generator = LineGenerator(SynthOptions((text,), (write_font(tmp_path / "fonts"),)))
    lines = [generator.line(1, index) for index in range(30)]
    assert all(line.text.isascii() for line in lines)
    assert generator.passed_over.uncovered > 0


def test_nothing_at_all_is_one_clear_line(drawn: dict[str, Drawn]) -> None:
    drawn["fonts"].texts, drawn["fonts"].uncovered = ("今天",), "今天"
    drawn["strokes"].texts = ("ça",)
    options = SynthOptions((Path("t"),), (Path("f"),), Path("s"))
    generator = LineGenerator(options, alphabet="abc今天")
    with pytest.raises(DataError) as caught:
        generator.line(1, 0)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{TRIES} texts have characters that no font has" in message
    assert f"{TRIES} texts have characters outside the alphabet: 'ç'" in message


def test_broken_fonts_are_reported_once_and_passed_over(fonts: SynthOptions) -> None:
    broken = write_broken_font(fonts.fonts[0])
    messages: list[str] = []
    generator = LineGenerator(fonts, report=messages.append)
    assert generator.line(1, 0).source == "font:aileron"
    assert len(messages) == 1 and str(broken) in messages[0]


@pytest.mark.parametrize("field", ["texts", "fonts", "strokes", "words"])
def test_missing_files_are_named_at_once(fonts: SynthOptions, field: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    values = to_dict(fonts) | {field: [missing] if field in ("texts", "fonts") else missing}
    with pytest.raises(InputError, match="missing"):
        LineGenerator(from_dict(SynthOptions, values, "test"))


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(drawn: dict[str, Drawn], seed: int, index: int) -> None:
    with pytest.raises(UsageError, match="must be 0 or more"):
        LineGenerator(ALL).ink(seed, index)


def test_large_seeds_differ(drawn: dict[str, Drawn]) -> None:
    generator = LineGenerator(ALL)
    seeds = (0, 1, 2**32, 2**32 + 1, 2**63 - 1)
    assert len({generator.line(seed, 10**9).grey.tobytes() for seed in seeds}) == len(seeds)


def test_the_real_sources(shared: Path) -> None:
    options = SynthOptions(
        (shared / "text" / "english.txt.xz",),
        (shared / "fonts",),
        shared / "iam-ondb" / "strokes.npz",
        shared / "iam-words" / "train.parquet",
    )
    generator = LineGenerator(options)
    lines = [generator.line(1, index) for index in range(24)]
    assert {line.source.partition(":")[0] for line in lines} == {"font", "strokes", "words"}
    assert all(16 <= line.grey.shape[0] <= 260 for line in lines)
    assert all(line.grey.shape[1] >= 3 * len(line.text) for line in lines)
