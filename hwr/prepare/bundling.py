"""Line stores -> bundle: each line decoded and normalised once, packed for machines without Parquet and OpenCV."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hwr.bundle import DEFAULT_QUALITY, BundleHeader, BundleLine, write_bundle
from hwr.errors import DataError, InputError, OutputError
from hwr.files.images import decode_image
from hwr.line import NORMALISATION, normalise_line
from hwr.prepare.samples import Reason, Skipped
from hwr.store.columns import DEFAULT_COLUMNS, Columns
from hwr.store.lines import LineStore, StoredLine
from hwr.store.splits import parquet_files, split_of
from hwr.text import normalise_text


@dataclass(frozen=True)
class BundleOptions:
    """How to pack: line height in pixels, WebP quality (100 is without loss), most bytes a shard, column names."""

    height: int = 48
    quality: int = DEFAULT_QUALITY
    shard_size: int = 30 * 2**20
    columns: Columns = DEFAULT_COLUMNS


@dataclass(frozen=True)
class BundledSet:
    """What one split of one store became."""

    set: str
    split: str
    lines: int
    shards: int
    bytes: int


@dataclass(frozen=True)
class StoreSplit:
    """One Parquet file of a store, with the names that its shards bear."""

    file: Path
    set: str
    split: str


def find_splits(stores: list[Path]) -> list[StoreSplit]:
    """The splits of all stores: folders with `train.parquet` and so on, or single files.

    A file `iam/train.parquet` is the split `train` of the set `iam`; a file `other.parquet` is `train` of `other`.

    Raises:
        DataError: a store is missing or empty, or two would give shards of the same name.
    """
    found: list[StoreSplit] = []
    for store in stores:
        if not store.exists():
            raise DataError(f"{store}: does not exist")
        files = parquet_files(store)
        if not files:
            raise DataError(f"{store}: no .parquet file in this folder")
        for file in files:
            split = split_of(file)
            name = file.resolve().parent.name if split else file.stem
            found.append(StoreSplit(file, name, split or "train"))
    names = [(item.set, item.split) for item in found]
    for item in found:
        if names.count((item.set, item.split)) > 1:
            raise DataError(f"{item.file}: another file is {item.split} of a set {item.set!r} too; rename its folder")
    return found


def bundle(
    splits: list[StoreSplit], output: Path, options: BundleOptions, force: bool = False
) -> tuple[list[BundledSet], list[Skipped]]:
    """Write the shards of all splits to the folder `output`.

    Raises:
        DataError: no line can be used.
        OutputError: `output` holds shards of the same names and `force` is not set, or cannot be written.
    """
    for item in splits:
        old = sorted(output.glob(f"{item.set}-{item.split}-*.npz"))
        if old and not force:
            raise OutputError(f"{old[0]}: exists already; --force replaces it")
        for shard in old:
            shard.unlink()
    skipped: list[Skipped] = []
    bundled: list[BundledSet] = []
    for item in splits:
        header = BundleHeader(
            set=item.set,
            split=item.split,
            normalisation=NORMALISATION.name,
            normalisation_version=NORMALISATION.version,
            height=options.height,
            quality=options.quality,
            licence=_licences(item.file, options.columns),
        )
        lines = _normalised(item.file, options, skipped)
        written = write_bundle(output, header, lines, options.shard_size)
        bundled.append(BundledSet(item.set, item.split, written.lines, len(written.shards), written.bytes))
    if not any(item.lines for item in bundled):
        raise DataError(f"no line can be used; the first: {skipped[0].where}: {skipped[0].detail}")
    return bundled, skipped


def _licences(file: Path, columns: Columns) -> str:
    rows = (line for _, line in LineStore(file, columns=columns).rows(images=False))
    return "; ".join(sorted({line.licence for line in rows if isinstance(line, StoredLine) and line.licence}))


def _normalised(file: Path, options: BundleOptions, skipped: list[Skipped]) -> Iterator[BundleLine]:
    for row, line in LineStore(file, columns=options.columns).rows():
        where = f"{file}, row {row}"
        if isinstance(line, str):
            skipped.append(Skipped(where, Reason.BAD_ROW, line))
            continue
        try:
            ink = normalise_line(decode_image(line.image, where), options.height)
        except InputError as error:
            skipped.append(Skipped(where, Reason.BROKEN_IMAGE, str(error).removeprefix(f"{where}: ")))
            continue
        yield BundleLine(ink, normalise_text(line.text), line.id, line.writer)
