"""A set that is stored normalised, in shards, is read as the same set of images."""

from pathlib import Path

import pytest

from hwr.errors import DataError
from hwr.evaluate.lines import ScoredLine, read_set
from hwr.evaluate.sets import count_lines, find_sets
from hwr.evaluate.tuning import read_network_lines
from hwr.recognize.decoder import DecoderOptions
from hwr.recognize.recognizer import Recognizer
from hwr.store.lines import LineStore
from hwr.store.normalised import current_normalisation, line_ink, normalised_line
from hwr.store.writing import write_lines

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "lines" / "val.parquet"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every fourth sample line."""
    path = tmp_path_factory.mktemp("images") / "val.parquet"
    write_lines(path, list(LineStore(SAMPLES))[::4])
    return path


def make(folder: Path, images: Path, height: int) -> Path:
    lines = (normalised_line(line, line_ink(line, None, height)) for line in LineStore(images))
    written = write_lines(folder / "val.parquet", lines, current_normalisation(height), shard_size=10_000)
    assert len(written.files) > 1
    return folder


def test_readings_and_network_output_are_the_same(tmp_path: Path, images: Path) -> None:
    # One language, since shards split documents, by whose lines the language is chosen.
    recognizer = Recognizer(threads=1, decoder=DecoderOptions(language="fr"))
    [found, raw], failed = find_sets([make(tmp_path / "set", images, recognizer.height), images], "val")
    assert (found.name, found.split, failed) == ("set", "val", [])
    assert count_lines([found]) == count_lines([raw]) == 10
    expected = list(read_set(raw, recognizer))
    lines = list(read_set(found, recognizer))
    assert len(lines) == len(expected) == 10
    for line, other in zip(lines, expected, strict=True):
        assert isinstance(line, ScoredLine) and isinstance(other, ScoredLine)
        assert (line.id, line.reading, line.confidence) == (other.id, other.reading, other.confidence)
    for one, another in zip(read_network_lines(found, recognizer), read_network_lines(raw, recognizer), strict=True):
        assert (one.log_probs == another.log_probs).all()


def test_another_height_is_refused(tmp_path: Path, images: Path) -> None:
    recognizer = Recognizer(threads=1)
    [found], _ = find_sets([make(tmp_path / "set", images, recognizer.height + 8)], "val")
    with pytest.raises(DataError, match=f"at height {recognizer.height} is needed"):
        next(iter(read_set(found, recognizer)))
