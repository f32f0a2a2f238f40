"""`hwr lm` and the options of the decoder as a user runs them."""

import json
import lzma
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.commands import Outcome, Run
from helpers.line_images import stored_line
from helpers.lm_texts import sentences
from helpers.tiny_model import write_tiny_model
from hwr.cli import terminal
from hwr.decode.beam import BeamSettings
from hwr.lm.file import load
from hwr.lm.scorer import score_lines, text_log_probabilities
from hwr.model.files import read_info
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.models import find_language_model
from hwr.recognize.recognizer import Recognizer
from hwr.settings import to_dict
from hwr.store.lines import StoredLine
from hwr.store.writing import write_lines


def write_text(path: Path, lines: list[str]) -> Path:
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(lzma.compress(data) if path.suffix == ".xz" else data)
    return path


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    return write_text(tmp_path / "prose.txt", sentences(200))


@pytest.fixture
def lm(run: Run, prose: Path, tmp_path: Path) -> Path:
    path = tmp_path / "prose.lm"
    assert run("lm", "build", prose, "-o", path, "--order", "4", "--max-size", "0", "--bits", "16").code == 0
    return path


# ---- build


def test_the_same_text_gives_the_same_model_however_it_comes(run: Run, prose: Path, tmp_path: Path) -> None:
    lines = sentences(200)
    store = tmp_path / "store"
    store.mkdir()
    write_lines(store / "train.parquet", [stored_line(number, line) for number, line in enumerate(lines)])
    write_lines(store / "val.parquet", [stored_line(0, "zzz")])
    sources = {"txt": prose, "xz": write_text(tmp_path / "prose.txt.xz", lines), "store": store}
    values = []
    for name, source in sources.items():
        outcome = run("lm", "build", source, "-o", tmp_path / f"{name}.lm", "--licence", "CC0")
        assert (outcome.code, outcome.out) == (0, "") and f"{name}.lm: order 6" in outcome.err
        model = load(tmp_path / f"{name}.lm")
        assert model.facts["licence"] == "CC0" and "z" not in model.symbols.characters
        values.append(text_log_probabilities(model, sentences(20, seed=5)))
    assert values[0] == values[1] == values[2]


def test_a_text_that_counts_often(run: Run, prose: Path, tmp_path: Path) -> None:
    other = write_text(tmp_path / "other.txt", ["quick brown foxes", "lazy dogs"])
    made = {}
    for name, texts in (
        ("once", [prose, other]),
        ("often", [prose, "--often", other, 20]),
        ("copies", [prose, write_text(tmp_path / "copies.txt", ["quick brown foxes", "lazy dogs"] * 20)]),
    ):
        assert run("lm", "build", *texts, "-o", tmp_path / f"{name}.lm", "--max-size", "0").code == 0
        made[name] = score_lines(load(tmp_path / f"{name}.lm"), ["quick brown foxes"]).log_probability
    assert made["often"] == made["copies"] > made["once"]
    assert run("lm", "build", "--often", other, 2, "-o", tmp_path / "alone.lm").code == 0


def ngrams(path: Path) -> list[int]:
    return [int(count) for count in re.findall(r"^ngram \d+=(\d+)$", path.read_text(), re.MULTILINE)]


def test_size_and_counts_are_kept_to(run: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    text = write_text(tmp_path / "noise.txt", ["".join(random.choice(list("abcdefgh "), 50)) for _ in range(300)])
    for size in ("20KB", "0.03M", "0"):
        assert run("lm", "build", text, "-o", tmp_path / "a.lm", "--force", "--max-size", size).code == 0
        bytes_of = (tmp_path / "a.lm").stat().st_size
        bound = {"20KB": 20_000, "0.03M": 30_000}.get(size)
        assert bytes_of > 60_000 if bound is None else 0.7 * bound < bytes_of <= bound
    arguments = ["lm", "build", text, "-o", tmp_path / "a.arpa", "--force", "--max-size", "0", "--order", "4"]
    assert run(*arguments).code == 0
    everything = ngrams(tmp_path / "a.arpa")
    assert run(*arguments, "--min-counts", "1,1,4").code == 0
    frequent = ngrams(tmp_path / "a.arpa")
    assert frequent[:2] == everything[:2]
    assert frequent[2] < everything[2] and frequent[3] < everything[3]


def test_what_exists_is_not_overwritten(run: Run, prose: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.lm"
    target.write_text("mine")
    assert "--force overwrites it" in run("lm", "build", prose, "-o", target).error
    assert target.read_text() == "mine"
    assert run("lm", "build", prose, "-o", target, "--force").code == 0
    assert "--force overwrites it" in run("lm", "convert", prose, target).error
    before = target.read_bytes()
    assert "would overwrite an input" in run("lm", "convert", target, target, "--force").error
    assert target.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--max-size", "5X"], "not a size; write it like 8MB"),
        (["--max-size", "0.5"], "less than a byte"),
        (["--max-size", "1KB"], "at least 10kB"),
        (["--min-counts", "1,a"], "write numbers like 1,1,2"),
        (["--min-counts", "0"], "minimum counts"),
        (["--min-counts", "2,1"], "not decrease"),
        (["--order", "9"], "--order"),
        (["--bits", "4"], "--bits"),
        (["--often", "prose.txt", "0"], "--often"),
        (["--often", "prose.txt", "9" * 30], "--often"),
        (["-o", "model.txt"], "NAME.lm"),
    ],
)
def test_wrong_values(
    run: Run, prose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    output = [] if "-o" in arguments else ["-o", "new.lm"]
    assert says in run("lm", "build", prose, *output, *arguments).error
    assert sorted(tmp_path.iterdir()) == before


def test_texts_that_cannot_be_read_do_not_cost_the_others(
    run: Run, prose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    says = {
        "none.txt": "no such text file",
        "blank.txt": "the file contains no text",
        "empty.txt": "the file contains no text",
        "binary.txt": "not UTF-8 text (near byte 0)",
        "folder": "train.parquet",
    }
    for name, data in {"blank.txt": b" \n\n", "empty.txt": b"", "binary.txt": b"\xffa"}.items():
        Path(name).write_bytes(data)
    Path("folder").mkdir()
    for name, reason in says.items():
        assert reason in run("lm", "build", name, "-o", "new.lm").error
        assert not Path("new.lm").exists()
    run("lm", "build", prose, "-o", "alone.lm")
    built = run("lm", "build", *says, prose, "--often", "none.txt", "3", "-o", "new.lm")
    assert built.code == 3
    assert [row.split(":")[2].strip().split("/")[0] for row in built.messages[: len(says) + 1]] == [*says, "none.txt"]
    assert Path("new.lm").read_bytes() == Path("alone.lm").read_bytes()
    scored = run("lm", "score", "new.lm", "empty.txt", prose)
    assert scored.code == 3 and scored.out.startswith(f"{prose}\t") and "empty.txt" in scored.err


def test_no_text_is_named(run: Run, tmp_path: Path) -> None:
    assert "there is no text" in run("lm", "build", "-o", tmp_path / "a.lm").error
    assert not list(tmp_path.iterdir())


# ---- convert and score


def bits(outcome: Outcome) -> list[float]:
    assert (outcome.code, outcome.err) == (0, "")
    return [float(line.split("\t")[1].removesuffix(" bits per character")) for line in outcome.out.splitlines()]


def test_both_formats_have_the_same_scores(run: Run, lm: Path, tmp_path: Path) -> None:
    text = write_text(tmp_path / "new.txt", sentences(30, seed=9))
    for source, target in ((lm, "a.arpa"), (tmp_path / "a.arpa", "b.lm"), (tmp_path / "b.lm", "c.arpa.gz")):
        outcome = run("lm", "convert", source, tmp_path / target)
        assert (outcome.code, outcome.out) == (0, "") and f"{target}: order 4" in outcome.err
    first, *others = [
        bits(run("lm", "score", path, text))[0]
        for path in (lm, *(tmp_path / n for n in ("a.arpa", "b.lm", "c.arpa.gz")))
    ]
    assert others == pytest.approx([first] * 3, abs=0.001)


def test_scores_are_bits_and_logarithms_of_lines(run: Run, lm: Path, tmp_path: Path) -> None:
    lines = [*sentences(10, seed=9), "Qq"]
    text = write_text(tmp_path / "new.txt", lines)
    expected = np.array(text_log_probabilities(load(lm), lines))
    outcome = run("lm", "score", lm, text, text)
    count = sum(map(len, lines)) + len(lines)
    assert bits(outcome) == pytest.approx([-expected.sum() / np.log(2) / count] * 2, abs=1e-4)
    assert f"{count} characters and line ends" in outcome.out and "2 unknown" in outcome.out
    rows = [row.split("\t") for row in run("lm", "score", lm, text, "--per-line").out.splitlines()]
    assert [row[1] for row in rows] == lines
    assert [float(row[0]) for row in rows] == pytest.approx(expected / np.log(10), abs=1e-4)


def twice(data: bytes) -> bytes:
    """Return a .lm file of the same length whose list of characters has one of them twice."""
    place = data.index(b"abcdefghi")
    return data[:place] + b"aacdefghi" + data[place + 9 :]


def test_broken_models(run: Run, lm: Path, prose: Path, tmp_path: Path) -> None:
    assert run("lm", "convert", lm, tmp_path / "whole.arpa").code == 0
    arpa, data = (tmp_path / "whole.arpa").read_text(), lm.read_bytes()
    bad = {
        "truncated.lm": data[: len(data) // 2],
        "head.lm": data[:20],
        "empty.lm": b"",
        "truncated.arpa": arpa[: len(arpa) // 2].encode(),
        "number.arpa": re.sub(r"^-\d\.\d+", "much", arpa, count=1, flags=re.MULTILINE).encode(),
        "words.arpa": arpa.replace("\ta\t", "\tword\t", 1).encode(),
        "long.arpa": arpa.replace("\ta\t", "\tzzz\t", 1).encode(),
        "empty.arpa": b"",
        "twice.lm": twice(data),
        "packed.arpa.xz": b"no xz",
    }
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        for arguments in (["score", path, prose], ["convert", path, tmp_path / "new.lm"]):
            assert str(path) in run("lm", *arguments).error
    assert not (tmp_path / "new.lm").exists()
    copy = tmp_path / "latin.lm"
    assert run("lm", "convert", "la", copy, "--bits", "8").code == 0
    assert load(copy).symbols == find_language_model("la").symbols
    assert "no language model named 'xx'; installed: " in run("lm", "convert", "xx", tmp_path / "new.lm").error
    assert "none.arpa" in run("lm", "convert", tmp_path / "none.arpa", tmp_path / "new.lm").error
    assert "NAME.arpa" in run("lm", "convert", lm, tmp_path / "new.bin").error
    assert "no language model named 'nobody'" in run("lm", "score", "nobody", prose).error
    assert "none.txt: no such text file" in run("lm", "score", lm, tmp_path / "none.txt").error


# ---- tune, and what recognize and eval make of it

TRUE = BeamSettings(weight=0.65, insertion_bonus=1.5)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


@pytest.fixture
def letters(run: Run, tmp_path: Path) -> Path:
    """A language model of the few words of the tiny network's letters."""
    random = np.random.default_rng(0)
    words = [" ".join(random.choice(["ab", "cab", "bac", "abba"], 6)) for _ in range(100)]
    path = tmp_path / "letters.lm"
    assert run("lm", "build", write_text(tmp_path / "letters.txt", words), "-o", path, "--order", "4").code == 0
    return path


@pytest.fixture
def store(tmp_path: Path, model: Path, letters: Path) -> Path:
    """Lines of two writers whose truth is what the beam search with the settings `TRUE` reads."""
    random = np.random.default_rng(0)
    options = DecoderOptions(
        "beam", (str(letters),), weight=TRUE.weight, insertion_bonus=TRUE.insertion_bonus, language="letters"
    )
    recognizer = Recognizer(model, threads=1, decoder=options)
    lines = []
    for number in range(24):
        image = random.integers(30, 180, (1, 12)).astype(np.uint8).repeat(24, axis=0).repeat(12, axis=1)
        image[:, ::12] = image[:, 1::12] = 0
        grey = 255 - image
        path = tmp_path / "line.png"
        Image.fromarray(grey).save(path)
        truth = recognizer.read_line(grey).text or "a"
        lines.append(StoredLine(path.read_bytes(), "", truth, str(number), *grey.shape[::-1], writer=str(number % 2)))
    folder = tmp_path / "lines"
    folder.mkdir()
    write_lines(folder / "val.parquet", lines)
    return folder


def evaluated(run: Run, *arguments: object) -> tuple[str, float]:
    """The decoder and the CER."""
    outcome = run("eval", *arguments, "--json", "-")
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    return report["decoder"], report["total"]["cer"]


def test_settings_are_tuned_and_then_used(run: Run, model: Path, letters: Path, store: Path, tmp_path: Path) -> None:
    before = model.read_bytes(), model.with_suffix(".onnx").read_bytes()
    target = tmp_path / "tuned" / "tiny.safetensors"
    spoken = ["--language", "letters"]
    tune = ["lm", "tune", store, "-m", model, "--lm", letters, *spoken]
    outcome = run(*tune, "-o", target)
    assert outcome.code == 0 and f"stored in {target}" in outcome.out and "chosen on half 2" in outcome.out
    assert f"{store.name}: letters 100%" in outcome.out
    assert (model.read_bytes(), model.with_suffix(".onnx").read_bytes()) == before
    stored = read_info(target).decoder["beam"]
    assert stored["language_models"] == [str(letters)] and set(stored) == set(to_dict(TRUE))
    assert (
        f"best on all lines: weight {stored['weight']:g}, insertion bonus {stored['insertion_bonus']:g}" in outcome.out
    )

    greedy = evaluated(run, store, "-m", model)
    assert greedy[0] == "greedy" and greedy[1] > 0.02
    assert evaluated(run, store, "-m", target, "--decoder", "greedy") == greedy
    tuned = evaluated(run, store, "-m", target, *spoken)
    assert tuned[0] == "beam" and tuned[1] < 0.5 * greedy[1]
    exact = ["--lm-weight", TRUE.weight, "--insertion-bonus", TRUE.insertion_bonus, "--beam-width", TRUE.width]
    assert evaluated(run, store, "-m", model, "--lm", letters, *spoken, *exact) == ("beam", 0.0)
    without = evaluated(run, store, "-m", target, "--lm", "none")
    assert without[0] == "beam" and without[1] > tuned[1]

    assert run(*tune, "--limit", 4, "--write").code == 0
    assert "beam" in read_info(model).decoder and model.read_bytes() != before[0]


def test_the_report_of_tune_fits_80_columns_and_names_each_set(
    run: Run, model: Path, letters: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "TABLE_WIDTH", 80)
    letters_of_a_widow = store.rename(tmp_path / "letters-of-a-widow-from-the-city-archive")
    outcome = run("lm", "tune", letters_of_a_widow, "-m", model, "--lm", letters, "--limit", 4)
    assert outcome.code == 0, outcome.err
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert len(re.findall(r"^ letters-of-a-widow-from-the-city-archive +4 +\d\.\d{4} +", outcome.out, re.M)) == 2


def test_a_language_model_moves_with_the_model(
    run: Run, model: Path, letters: Path, store: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made" / "mine.safetensors"
    tuned = run("lm", "tune", store, "-m", model, "--lm", letters, "--limit", 4, "-o", made)
    assert "the settings are unreliable: they are tuned on 4 lines" in tuned.err
    before = run("eval", store, "-m", made, "--json", "-")
    moved = made.parent.rename(tmp_path / "moved") / made.name
    letters = letters.rename(moved.with_name(letters.name))
    after = run("eval", store, "-m", moved, "--json", "-")
    assert (before.code, after.code) == (0, 0), after.err
    assert json.loads(before.out)["total"]["cer"] == json.loads(after.out)["total"]["cer"]

    letters.rename(tmp_path / "elsewhere.lm")
    gone = run("eval", store, "-m", moved)
    assert f"{moved}: its language model" in gone.err  # not the name in the file, which may be that of a shipped one
    assert gone.code == 2 and f"is missing; put {letters.name} next to the model file" in gone.err
    assert run("eval", store, "-m", moved, "--lm", "none").code == 0


def test_nothing_is_stored_unless_asked_for(run: Run, model: Path, letters: Path, store: Path) -> None:
    before = model.read_bytes()
    outcome = run("lm", "tune", store, "-m", model, "--lm", letters, "--limit", 4)
    assert outcome.code == 0 and "stored" not in outcome.out and model.read_bytes() == before


def test_wrong_use_of_tune(run: Run, model: Path, letters: Path, store: Path, tmp_path: Path) -> None:
    for arguments, says in (
        (["--write", "-o", tmp_path / "a.safetensors"], "give only one"),
        (["-o", tmp_path / "a.txt"], "name a model file"),
        (["-m", tmp_path / "none.onnx"], "no such model file"),
        (["--lm", "nobody"], "no language model named 'nobody'"),
        (["--lm", tmp_path / "none.lm"], "none.lm: no such language model"),
    ):
        named = [] if "-m" in arguments else ["-m", model]
        assert says in run("lm", "tune", store, *named, "--lm", letters, *arguments).error
    assert "nothing" in run("lm", "tune", tmp_path / "nothing", "-m", model, "--lm", letters).error
    partial = run("lm", "tune", store, tmp_path / "nothing", "-m", model, "--lm", letters, "--limit", 2)
    assert partial.code == 3 and "nothing" in partial.err


@pytest.fixture
def image(store: Path, tmp_path: Path) -> Path:
    return tmp_path / "line.png"


def test_recognize_reads_with_what_is_asked_for(
    run: Run, model: Path, letters: Path, image: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grey = np.array(Image.open(image))
    words = write_text(tmp_path / "words.txt", ["ab", "cab", "bac", "abba", "Ωb"])
    for arguments, options in (
        ([], DecoderOptions()),
        (["--lm", letters], DecoderOptions(language_models=(str(letters),))),
        (["--lm", "none"], DecoderOptions(language_models=())),
        (["--lm", letters, "--lm-weight", 2], DecoderOptions(language_models=(str(letters),), weight=2.0)),
        (["--lexicon", words, "--unknown-cost", "20"], DecoderOptions(lexicon=words, unknown_cost=20.0)),
    ):
        caplog.clear()
        outcome = run("recognize", "--line", image, "-m", model, *arguments)
        warnings = [record.getMessage() for record in caplog.records]
        assert [("Ωb" in warning) for warning in warnings] == ([True] if "--lexicon" in arguments else [])
        expected = Recognizer(model, threads=1, decoder=options).read_line(grey).text
        assert (outcome.code, outcome.out.strip()) == (0, expected)


def test_wrong_use_of_the_decoder(
    run: Run, model: Path, letters: Path, store: Path, image: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("")
    strange = write_text(tmp_path / "strange.txt", ["ΩΩ"])
    russian = tmp_path / "russian.lm"
    assert run("lm", "build", write_text(tmp_path / "russian.txt", ["и вот река"]), "-o", russian).code == 0
    for arguments, says in (
        (["--decoder", "greedy", "--lm", "en"], "greedy decoder has no language models"),
        (["--decoder", "greedy", "--lm", "none"], "greedy decoder has no language models"),
        (["--lm", "none", "--lm-weight", 1], "the weight needs a language model, and none is used"),
        (["--lm", "none", "--insertion-bonus", 1], "the insertion bonus needs a language model"),
        (["--decoder", "greedy", "--beam-width", 4], "greedy decoder has no beam width"),
        (["--unknown-cost", 4], "needs a lexicon"),
        (["--lexicon", strange, "--unknown-cost", "nan"], "'nan' is not a finite number"),
        (["--lm-weight", "nan"], "'nan' is not a finite number"),
        (["--lm-weight", "-1"], "--lm-weight"),
        (["--beam-width", "0"], "--beam-width"),
        (["--lexicon", tmp_path / "empty.txt"], "empty.txt"),
        (["--lexicon", tmp_path / "none.txt"], "none.txt: no such"),
        (["--lexicon", strange], "none of its words"),
        (["--lm", tmp_path / "none.lm"], "none.lm: no such language model"),
        (["--lm", "nobody"], "no language model named 'nobody'"),
        (["--lm", russian], "same script"),
    ):
        for command in (["recognize", "--line", image], ["eval", store]):
            assert says in run(*command, "-m", model, *arguments).error
