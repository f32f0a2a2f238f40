"""What a figure was measured with."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from hwr.decode.beam import BeamSettings
from hwr.evaluate import provenance
from hwr.recognize.decoder import BeamDecoder, DecoderOptions
from hwr.recognize.languages import Language, Languages
from hwr.text import Alphabet


def test_language_models_that_ship_are_part_of_the_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwr.recognize.decoder.language_model_names", lambda: ["aa", "bb"])
    monkeypatch.setattr(provenance, "models_folder", lambda: tmp_path)
    monkeypatch.setattr(provenance, "find_model", lambda name: SimpleNamespace(safetensors=tmp_path / name))
    monkeypatch.setattr(provenance, "weights_hash", lambda path: "0")
    settings = BeamSettings(language_models=("shipped",))
    languages = Languages(settings, [], Language("", None))
    decoder = BeamDecoder(settings, Alphabet("a"), languages, languages)

    def found(**options: str) -> str:
        return provenance.find_provenance("tiny", decoder, DecoderOptions(**options), []).decoder  # type: ignore[arg-type]

    for name in ("aa", "bb"):
        (tmp_path / f"{name}.lm").write_text(name)
    both, one = found(), found(language="aa")
    (tmp_path / "bb.lm").write_text("other")
    assert found() != both and found(language="aa") == one != both
