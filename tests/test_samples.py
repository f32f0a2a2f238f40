"""The samples fit their truth, and the script that made them gives the same bytes twice."""

import importlib.util
import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from hwr.prepare.manifest import damage, read_manifest
from hwr.store.lines import LineStore, StoredLine
from hwr.text import Alphabet, normalise_text

SAMPLES = Path(__file__).parent.parent / "data" / "samples"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", SAMPLES / "make_samples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def store() -> dict[str, list[StoredLine]]:
    return {split: list(LineStore(SAMPLES / "lines" / f"{split}.parquet")) for split in ("train", "val")}


def runs(mask: np.ndarray) -> int:
    """Number of stretches of true values."""
    return int(np.count_nonzero(np.diff(np.concatenate([[False], mask]).astype(int)) == 1))


def test_the_page_shows_as_many_lines_as_its_text_has(script: ModuleType) -> None:
    text = (SAMPLES / "page.txt").read_text(encoding="utf-8").splitlines()
    assert text == [line for paragraph in script.PARAGRAPHS for line in paragraph]
    assert text == [normalise_text(line) for line in text]
    grey = np.asarray(Image.open(SAMPLES / "page.png").convert("L"), float)
    assert grey.shape == (2300, 1650)
    ink = (grey < 0.65 * np.median(grey)).sum(axis=1)
    rows = np.convolve(ink, np.hanning(41) / np.hanning(41).sum(), "same")
    peaks = (rows[1:-1] > rows[:-2]) & (rows[1:-1] >= rows[2:]) & (rows[1:-1] > 0.2 * rows.max())
    assert np.count_nonzero(peaks) == len(text) == 22


def test_the_ink_of_the_page_keeps_off_the_edges() -> None:
    grey = np.asarray(Image.open(SAMPLES / "page.png").convert("L"), float)
    edge = np.concatenate([grey[:60].ravel(), grey[-60:].ravel(), grey[:, :60].ravel(), grey[:, -60:].ravel()])
    assert edge.min() > 150
    assert grey.min() < 60


@pytest.mark.parametrize("name", ["line-1", "line-2", "line-3"])
def test_single_lines_show_their_words(name: str) -> None:
    text = (SAMPLES / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
    assert text == normalise_text(text)
    grey = np.asarray(Image.open(SAMPLES / f"{name}.png").convert("L"), float)
    columns = (grey < 0.75 * np.median(grey)).any(axis=0)
    gap = grey.shape[1] // 100
    closed = np.convolve(columns, np.ones(gap), "same") > 0
    assert runs(closed) >= len(text.split()) // 2
    assert 0.15 * grey.shape[0] < grey.shape[1] / len(text) < grey.shape[0]


def test_the_line_store_is_as_its_readme_says(store: dict[str, list[StoredLine]]) -> None:
    assert {split: len(lines) for split, lines in store.items()} == {"train": 160, "val": 40}
    for split, lines in store.items():
        assert len({line.id for line in lines}) == len(lines), split
        assert {line.lang for line in lines} == {"en", "fr"}
        for line in lines:
            image = Image.open(io.BytesIO(line.image))
            assert (image.format, image.size) == ("WEBP", (line.width, line.height))
            assert line.height == 64
            assert line.text == normalise_text(line.text) != ""
            assert line.licence == "Apache-2.0"


def test_no_text_and_no_font_is_in_both_splits(store: dict[str, list[StoredLine]]) -> None:
    train, val = store["train"], store["val"]
    assert not {line.text for line in train} & {line.text for line in val}
    assert not {line.writer for line in train} & {line.writer for line in val}
    assert len({line.text for line in train + val}) == 200


def test_the_validation_text_has_no_character_that_training_lacks(store: dict[str, list[StoredLine]]) -> None:
    assert {c for line in store["val"] for c in line.text} <= {c for line in store["train"] for c in line.text}


def test_the_manifest_fits_the_lines(store: dict[str, list[StoredLine]]) -> None:
    folder = SAMPLES / "lines"
    manifest = read_manifest(folder)
    assert manifest is not None and damage(folder, manifest) == ""
    assert {split: facts["lines"] for split, facts in manifest["splits"].items()} == {"train": 160, "val": 40}
    assert manifest["alphabet"] == Alphabet.of(line.text for lines in store.values() for line in lines).characters


def test_the_samples_stay_small() -> None:
    assert (SAMPLES / "page.png").stat().st_size < 900_000
    assert sum(path.stat().st_size for path in (SAMPLES / "lines").iterdir()) < 1_500_000


def test_every_font_is_named_in_the_readme(script: ModuleType, store: dict[str, list[StoredLine]]) -> None:
    readme = (SAMPLES.parent / "README.md").read_text(encoding="utf-8").lower().replace(" ", "-")
    used = {line.writer for lines in store.values() for line in lines} | {font for _, font, _ in script.LINES}
    assert used == {*script.TRAIN_FONTS, *script.VAL_FONTS, "borel-fr-trad"}
    assert [font for font in used if font is not None and font not in readme] == []


def test_the_same_seed_gives_the_same_bytes(script: ModuleType, shared: Path, tmp_path: Path) -> None:
    fonts = shared / "fonts"
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        script.write_store(tmp_path / folder, fonts, seed, {"train": 10, "val": 4})
    for name in ("train.parquet", "val.parquet", "manifest.json"):
        same = (tmp_path / "a" / name).read_bytes()
        assert same == (tmp_path / "b" / name).read_bytes()
        assert same != (tmp_path / "c" / name).read_bytes()


def test_the_same_seed_draws_the_same_page(script: ModuleType, shared: Path) -> None:
    hand = script.Hand("la-belle-aurore", size=40)
    pages = [
        script.draw_page([["One line,", "two lines."]], shared / "fonts", hand, np.random.default_rng(seed))
        for seed in (3, 3, 4)
    ]
    assert pages[0].tobytes() == pages[1].tobytes()
    assert pages[0].tobytes() != pages[2].tobytes()
