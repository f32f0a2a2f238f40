"""Texts of lines: pieces of prose, phrases, and files that cannot be used."""

import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest

from hwr.errors import InputError, UsageError
from hwr.files.texts import plain_text
from hwr.synth.texts import MAX_CHARACTERS, TextCorpus, TextSampler
from hwr.text import normalise_text

PARAGRAPHS = (
    "The quick brown fox jumps over the lazy dog, and nobody in the whole village wondered at it any more.",
    "« Où étiez-vous ? » demanda-t-elle… Il n’avait pas le cœur de répondre à une question — si simple fût-elle.",
    "Eye",
    "“Well,” said she, “it is a remarkable consideration that extraordinary circumstances produce understanding.”",
)


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    path = tmp_path / "prose.txt"
    path.write_text("\n".join(PARAGRAPHS), encoding="utf-8")
    return path


def test_pieces_are_words_of_one_paragraph_in_their_order(prose: Path) -> None:
    corpus, generator = TextCorpus(prose), np.random.default_rng(1)
    spaced = [f" {paragraph} " for paragraph in PARAGRAPHS]
    for words in (1, 3, 7):
        for _ in range(200):
            piece = corpus.sample(generator, words)
            assert any(f" {piece} " in paragraph for paragraph in spaced), piece
            assert 1 <= len(piece.split()) <= words


def test_every_word_is_met_and_lengths_are_those_of_lines(prose: Path) -> None:
    corpus, generator = TextCorpus(prose), np.random.default_rng(2)
    pieces = [corpus.sample(generator) for _ in range(3000)]
    words = {word for piece in pieces for word in piece.split()}
    assert {word for paragraph in PARAGRAPHS for word in paragraph.split()} - {"»", "?"} <= words
    assert all(piece == normalise_text(piece) and len(piece) <= MAX_CHARACTERS for piece in pieces)
    assert any(piece.endswith("-") for piece in pieces)


def test_lines_of_real_prose_are_as_long_as_lines_of_iam(shared: Path) -> None:
    corpus, generator = TextCorpus(shared / "text" / "french.txt.xz"), np.random.default_rng(3)
    pieces = [corpus.sample(generator) for _ in range(2000)]
    counts = np.array([len(piece.split()) for piece in pieces])
    assert counts.min() == 1
    assert counts.max() <= 14
    assert np.mean((counts >= 5) & (counts <= 10)) > 0.5
    assert 30 < np.median([len(piece) for piece in pieces]) < 48
    assert corpus.language == "fr"


def test_packed_files_hold_the_same_text(prose: Path, tmp_path: Path) -> None:
    data = prose.read_bytes()
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(data))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(data))
    corpora = [TextCorpus(path) for path in (prose, tmp_path / "a.txt.xz", tmp_path / "a.txt.gz")]
    drawn = [[corpus.sample(np.random.default_rng(5)) for _ in range(20)] for corpus in corpora]
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.txt", b"", "contains no text"),
        ("blank.txt", b" \n\n ", "contains no text"),
        ("broken.txt.xz", lzma.compress(b"some text " * 900)[:-40], "broken or truncated"),
        ("not.txt.xz", b"plain text", "broken or truncated"),
        ("cut.txt.gz", gzip.compress(b"some text " * 900, mtime=0)[:-12], "broken or truncated"),
        ("not.txt.gz", b"plain text", "broken or truncated"),
        ("latin1.txt", "été à la campagne".encode("latin-1"), "not UTF-8"),
        ("cut.txt", "été".encode()[:-1], "not UTF-8"),
        ("binary.txt", b"\0\1\2\3", "not a text file"),
    ],
)
def test_files_that_are_not_text_are_named_in_one_line(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=says) as error:
        TextCorpus(path)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: no such text file"):
        TextCorpus(tmp_path / "none.txt")
    with pytest.raises(InputError, match="a folder"):
        TextCorpus(tmp_path)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwr.files.texts.MAX_BYTES", 3 << 20)
    path = tmp_path / "bomb.txt.xz"
    path.write_bytes(lzma.compress(b"word " * (1 << 20)))
    with pytest.raises(InputError, match="more than 3 MB"):
        TextCorpus(path)


def test_plain_text_has_the_signs_of_the_keyboard() -> None:
    assert plain_text("« Où ? » — “l’été”…") == '"Où ?" - "l\'été"...'


def test_only_words_at_the_end_are_broken_and_before_a_consonant(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("a consideration " * 50, encoding="utf-8")
    corpus, generator = TextCorpus(path), np.random.default_rng(0)
    ends = {corpus.sample(generator).split()[-1] for _ in range(4000)}
    halves = {end.rstrip("-=") for end in ends} - {"a", "consideration"}
    assert halves == {"con", "consi", "conside", "considera"}
    assert {"con-", "con=", "con"} <= ends


def test_a_long_word_and_odd_marks_do_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_text("\ufeff" + "x" * 3000 + "\nAn _emphatic_ so\u00adft\tword\u200b\r\n", encoding="utf-8")
    corpus, generator = TextCorpus(path), np.random.default_rng(4)
    pieces = {corpus.sample(generator, 2) for _ in range(300)}
    assert pieces <= {"", "An emphatic", "emphatic soft", "soft word", "word"}
    assert "emphatic soft" in pieces


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("an idea _brillant_, said", "an idea brillant, said"),
        ("(_two words_) and more", "(two words) and more"),
        ("file_name 9 _ 8", "file_name 9 _ 8"),
        ("| sum | 12 |", "| sum | 12 |"),
    ],
)
def test_marks_of_emphasis_go_and_other_underscores_stay(tmp_path: Path, text: str, written: str) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    corpus = TextCorpus(path)
    pieces = {corpus.sample(np.random.default_rng(seed), 5) for seed in range(200)}
    assert max(pieces, key=len) == written
    assert all(piece in written for piece in pieces)


def test_samples_follow_the_text_rules_and_the_seed(prose: Path) -> None:
    sampler = TextSampler([prose])
    first, second = (
        [sampler.sample(generator)[0] for _ in range(400)]
        for generator in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert first == second
    assert all(text and text == normalise_text(text) for text in first)
    assert max(map(len, first)) <= 110
    assert len(set(first)) > 150


def test_the_share_of_phrases_is_kept(prose: Path) -> None:
    words = {word.strip("“”,.…—'\"-") for word in prose.read_text(encoding="utf-8").split()}

    def share_of_prose(sampler: TextSampler) -> float:
        generator = np.random.default_rng(4)
        texts = [sampler.sample(generator)[0] for _ in range(500)]
        return float(np.mean([bool(words & {word.strip("“”,.…—'\"-") for word in text.split()}) for text in texts]))

    assert share_of_prose(TextSampler([prose], phrase_share=0.0)) > 0.85
    assert share_of_prose(TextSampler([prose], phrase_share=1.0, languages=["de"])) < 0.2
    assert share_of_prose(TextSampler(languages=["de"], phrases=["figures"])) < 0.2


def test_a_text_in_a_language_without_phrases_is_prose_alone(tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_text("Gallia est omnis divisa in partes tres quarum unam incolunt Belgae\n" * 20, encoding="utf-8")
    generator = np.random.default_rng(5)
    texts = [TextSampler([path]).sample(generator)[0] for _ in range(200)]
    assert not any(character.isdigit() for text in texts for character in text.strip("12.) "))


def test_phrases_need_a_language_that_is_known(prose: Path) -> None:
    with pytest.raises(UsageError, match="phrases need a language"):
        TextSampler()
    with pytest.raises(UsageError, match="no phrases for the language 'klingon'"):
        TextSampler([prose], languages=["klingon"])
    with pytest.raises(UsageError, match="no phrases of the kind 'poem'"):
        TextSampler(languages=["de"], phrases=["poem"])


def test_typographic_signs_are_mostly_made_plain(prose: Path) -> None:
    sampler, generator = TextSampler([prose], phrase_share=0.0), np.random.default_rng(7)
    typographic = sum(bool(set("“”’—…") & set(sampler.sample(generator)[0])) for _ in range(600))
    assert 0.03 * 600 < typographic < 0.2 * 600


def test_the_language_of_a_text_is_known(tmp_path: Path) -> None:
    path = tmp_path / "german.txt"
    path.write_text("Der Vater und die Mutter gingen mit dem Kind auf den Berg, es ist nicht zu spät.\n" * 20)
    generator = np.random.default_rng(8)
    assert {TextSampler([path]).sample(generator)[1] for _ in range(50)} == {"de"}
    assert {TextSampler(languages=["it"]).sample(generator)[1] for _ in range(5)} == {"it"}


@pytest.mark.parametrize("text", ["word" * 30, "\u200b\u2060 \u200d\n", f"{'今天天气很好' * 20}\n{'我们去公园' * 20}"])
def test_a_text_without_a_word_that_fits_a_line_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "long.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"long\.txt: contains no word of 1 to 80 visible characters"):
        TextCorpus(path)


def test_a_first_word_that_is_too_long_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("=" * 3000 + " " + "ab" * 300 + "\nwords\n", encoding="utf-8")
    corpus, generator = TextCorpus(path), np.random.default_rng(9)
    assert {corpus.sample(generator, 3) for _ in range(50)} == {"words"}
