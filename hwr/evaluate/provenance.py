"""Hashes of everything that an evaluation used, so that a figure can be traced and repeated."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hwr.evaluate.sets import EvaluationSet
from hwr.lm.file import LM_SUFFIX
from hwr.model.files import weights_hash
from hwr.recognize.decoder import BeamDecoder, Decoder, DecoderOptions, chosen_language_models
from hwr.recognize.models import find_model, models_folder
from hwr.settings import to_dict
from hwr.store.splits import find_split


@dataclass(frozen=True)
class Provenance:
    """Everything that was measured and used, and the date. All hashes are SHA-256, in hexadecimal.

    Attributes:
        date: of the evaluation, in UTC (ISO 8601).
        model: hash of the weights.
        decoder: hash of `settings` and of the files that they name.
        settings: of the decoder.
        data: hash of the files of each set, by the set's name.
    """

    date: str
    model: str
    decoder: str
    settings: dict[str, Any]
    data: dict[str, str]


def find_provenance(model: str, decoder: Decoder, options: DecoderOptions, sets: Sequence[EvaluationSet]) -> Provenance:
    """Return the hashes of a model, of a decoder with its files, and of the sets."""
    settings: dict[str, Any] = {"decoder": decoder.name}
    files: list[Path] = []
    if isinstance(decoder, BeamDecoder):
        settings |= to_dict(decoder.settings) | {"language": options.language}
        for name in chosen_language_models(decoder.settings.language_models, options.language).values():
            files.append(Path(name) if Path(name).is_file() else models_folder() / f"{name}{LM_SUFFIX}")
    if options.careful:
        settings |= {"careful": True}
    if options.lexicon is not None:
        settings |= {"lexicon": str(options.lexicon), "unknown_cost": options.unknown_cost}
        files.append(options.lexicon)
    text = json.dumps(settings, sort_keys=True).encode()
    return Provenance(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        model=weights_hash(find_model(model).safetensors),
        decoder=_hash(text, files),
        settings=settings,
        data={item.name: _hash(b"", find_split(item.path, item.split or "")) for item in sets},
    )


def _hash(head: bytes, files: Sequence[Path]) -> str:
    """Return the hash of some bytes and of the contents of files, in order; for a single file, its own hash."""
    digest = hashlib.sha256(head)
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)  # adds the file to what the digest has seen
    return digest.hexdigest()
