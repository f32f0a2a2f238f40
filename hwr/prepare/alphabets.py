"""The alphabet that a user names: a text file, a model file, or the manifest of a store."""

import json
import unicodedata
from pathlib import Path

from hwr.errors import DataError
from hwr.model.files import read_info
from hwr.prepare.samples import read_text
from hwr.text import Alphabet


def read_alphabet(path: Path) -> Alphabet:
    """Return the alphabet of a `.safetensors` model, of a store (its folder or `manifest.json`), or of a text file.

    A text file contains the characters in any order, on one or more lines; the space is always included.

    Raises:
        InputError: the file cannot be read or contains no alphabet.
    """
    if path.suffix == ".safetensors":
        return read_info(path).make_alphabet()
    if path.is_dir():
        path = path / "manifest.json"
    text = read_text(path)
    if path.suffix == ".json":
        return _from_manifest(path, text)
    if not text.strip():
        raise DataError(f"{path}: contains no character")
    characters = set(unicodedata.normalize("NFC", text)) - set("\r\n\t") | {" "}
    return Alphabet("".join(sorted(characters)))


def _from_manifest(path: Path, text: str) -> Alphabet:
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    characters = manifest.get("alphabet") if isinstance(manifest, dict) else None
    if not isinstance(characters, str) or not characters:
        raise DataError(f'{path}: contains no "alphabet"')
    return Alphabet(characters)
