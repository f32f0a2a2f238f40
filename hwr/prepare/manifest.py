"""The manifest of a store, and the check that the files in a folder are the store that it describes.

The manifest contains no dates and no names of machines: the same input with the same options gives the same bytes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hwr.errors import DataError, InputError
from hwr.files.texts import spreadsheet_cell
from hwr.files.tree import read_file
from hwr.prepare.samples import MAX_TEXT_BYTES, Skipped
from hwr.store.columns import Normalised
from hwr.store.lines import StoredLine
from hwr.store.splits import MANIFEST, SPLITS
from hwr.store.writing import Written
from hwr.text import has_right_to_left

FORMAT = "hwr line store"
VERSION = 2
SKIPPED = "skipped.tsv"


@dataclass
class SplitFacts:
    """Counts of one split, collected while its lines are written."""

    lines: int = 0
    image_bytes: int = 0
    characters: Counter[str] = field(default_factory=Counter)
    writers: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    languages: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    right_to_left: int = 0
    sha256: str = ""
    files: dict[str, str] = field(default_factory=dict)

    def count(self, lines: Iterable[StoredLine]) -> Iterator[StoredLine]:
        """Yield `lines` and count them."""
        for line in lines:
            self.lines += 1
            self.image_bytes += len(line.image)
            self.characters.update(line.text)
            self.right_to_left += has_right_to_left(line.text)
            self.languages[line.lang or "unknown"] += 1
            self.licences[line.licence or "unknown"] += 1
            if line.writer is not None:
                self.writers.add(line.writer)
            if line.page is not None:
                self.pages.add(line.page)
            yield line

    def add(self, written: Written) -> None:
        """Add the files that were written, with their hashes."""
        self.sha256 = written.sha256
        self.files = {file.name: file_hash(file) for file in written.files}

    def to_json(self) -> dict[str, Any]:
        """Return the entry of the manifest."""
        return {
            "files": self.files,
            "lines": self.lines,
            "characters": self.characters.total(),
            "writers": len(self.writers),
            "pages": len(self.pages),
            "languages": dict(sorted(self.languages.items())),
            "licences": dict(sorted(self.licences.items())),
            "image_bytes": self.image_bytes,
            "sha256": self.sha256,
        }


def make_manifest(
    splits: dict[str, SplitFacts],
    skipped: Sequence[Skipped],
    sources: list[dict[str, Any]],
    options: dict[str, Any],
    normalised: Normalised | None = None,
) -> dict[str, Any]:
    """Return the manifest of a store."""
    characters: Counter[str] = Counter()
    for facts in splits.values():
        characters.update(facts.characters)
    return {
        "format": FORMAT,
        "version": VERSION,
        "splits": {split: splits[split].to_json() for split in SPLITS if split in splits},
        "normalisation": None if normalised is None else asdict(normalised),
        "alphabet": "".join(sorted(characters)),
        "characters": dict(sorted(characters.items())),
        "skipped": dict(sorted(Counter(str(item.reason) for item in skipped).items())),
        "outside_alphabet": dict(sorted(Counter(mark for item in skipped for mark in item.characters).items())),
        "sources": sources,
        "options": options,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    import pyarrow

    from hwr import __version__

    return {"hwr": __version__, "pyarrow": pyarrow.__version__}


def to_bytes(manifest: dict[str, Any]) -> bytes:
    """Return the bytes of the manifest file."""
    return (json.dumps(manifest, ensure_ascii=False, indent=2) + "\n").encode()


def skipped_table(skipped: Iterable[Skipped]) -> bytes:
    """Return `skipped.tsv`: a header, and for each item a row with item, reason and detail."""
    rows = [("item", "reason", "detail"), *((item.where, str(item.reason), item.detail) for item in skipped)]
    clean = ("\t".join(map(spreadsheet_cell, row)) + "\n" for row in rows)
    return "".join(clean).encode("utf-8", errors="backslashreplace")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest in `folder`; None if there is none.

    Raises:
        DataError: it is not a manifest of this format and version.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        manifest = json.loads(read_file(path, MAX_TEXT_BYTES))
    except InputError as error:
        raise DataError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise DataError(f"{path}: is not the manifest of a line store, or of another version of hwr")
    return manifest


def without_versions(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the entries that are equal for two stores of the same lines, also with other library versions."""
    splits = {split: {**facts, "files": sorted(facts["files"])} for split, facts in manifest["splits"].items()}
    return {key: value for key, value in manifest.items() if key != "versions"} | {"splits": splits}


def damage(folder: Path, manifest: dict[str, Any]) -> str:
    """Return the first fault of the files of the store in `folder`, or nothing."""
    for facts in manifest["splits"].values():
        for name, digest in facts["files"].items():
            if not (folder / name).is_file():
                return f"{name} is missing"
            if file_hash(folder / name) != digest:
                return f"{name} differs from {MANIFEST}"
    return "" if (folder / SKIPPED).is_file() else f"{SKIPPED} is missing"


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
