"""Training lines that stay in memory."""

from pathlib import Path

import numpy as np
import pytest
from training_runs import drawn_bundle

from hwr.errors import DataError
from hwr.line import NORMALISATION
from hwr.train.data import BundleSource, Normalised, Source, open_sources
from hwr.train.kept import keep_lines


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    data = drawn_bundle(tmp_path_factory.mktemp("bundle"))
    (source,) = open_sources(data, Normalised(NORMALISATION.name, NORMALISATION.version, 48), "train")
    return source


def test_kept_lines_are_those_of_the_bundle(source: Source) -> None:
    (kept,) = keep_lines([source], processes=1)
    assert (kept.name, kept.runs, kept.licences) == (source.name, source.runs, source.licences)
    assert list(kept.texts()) == list(source.texts())
    for group in range(len(source.runs)):
        for line, expected in zip(kept.read(group), source.read(group), strict=True):
            assert (line.text, line.id) == (expected.text, expected.id)
            assert np.array_equal(line.ink, expected.ink)


def test_lines_of_other_sources_are_read_once(source: Source) -> None:
    class Counting:
        name, runs, reads = "counted", source.runs, 0

        def texts(self):  # type: ignore[no-untyped-def]
            return source.texts()

        def read(self, group: int):  # type: ignore[no-untyped-def]
            self.reads += 1
            return source.read(group)

    counting = Counting()
    (kept,) = keep_lines([counting])
    assert kept.read(0) is kept.read(0)
    assert counting.reads == 1


def test_damage_is_named(source: Source, tmp_path: Path) -> None:
    assert isinstance(source, BundleSource)
    original = source.places[0][0]
    broken = tmp_path / original.name
    broken.write_bytes(original.read_bytes())
    (opened,) = open_sources(broken, Normalised(NORMALISATION.name, NORMALISATION.version, 48), "train")
    content = bytearray(broken.read_bytes())
    at = content.index(b"RIFF")
    content[at : at + 400] = bytes(400)
    broken.write_bytes(bytes(content))
    with pytest.raises(DataError, match=original.name):
        keep_lines([opened], processes=1)
