"""Lines that are found and read where there is no writing: photographs, blank and stained paper, stamps, empty forms.

    python -m benchmarks.no_writing
    python -m benchmarks.no_writing FOLDER --show

The photographs are those in the packages scikit-image, scikit-learn and matplotlib (`pip install` them) that show no
text; FOLDER adds the images in it. All other pages are drawn, ten of each kind with different seeds. For each kind, the
table gives the number of images, of images with a line, and of lines: those that the line finder found (`found`), and
those in which text was read (`read`). `--show` prints each line that was read and its confidence.
"""

import argparse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.files.documents import to_grey
from hwr.files.images import GreyImage
from hwr.recognize import DEFAULT_MODEL
from hwr.recognize.inputs import IMAGE_SUFFIXES
from hwr.recognize.recognizer import Recognizer
from hwr.segment import find_lines

PHOTOGRAPHS = {
    "skimage": (
        "data",
        "brick camera cell chelsea chessboard_GRAY coffee grass gravel horse hubble_deep_field ihc microaneurysms moon "
        "motorcycle_left motorcycle_right phantom retina rocket",
    ),
    "sklearn": ("datasets/images", "china flower"),
    "matplotlib": ("mpl-data/sample_data", "grace_hopper"),
}
"""Package -> folder, and names of its photographs without text."""
SHAPE = (1700, 1200)
SEEDS = 10

Drawing = Callable[[GreyImage, np.random.Generator], None]


def photographs() -> Iterator[tuple[str, GreyImage]]:
    """Yield name and image of each photograph in the packages that are installed."""
    for package, (folder, names) in PHOTOGRAPHS.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            print(f"{package}: not installed, left out")
            continue
        for path in sorted((Path(spec.origin).parent / folder).iterdir()):
            if path.stem in names.split() and path.suffix in IMAGE_SUFFIXES:
                yield f"{package}/{path.name}", to_grey(path)


def paper(random: np.random.Generator) -> GreyImage:
    """Return blank paper with uneven light and grain."""
    light = cv2.resize(random.uniform(0.85, 1.0, (4, 3)), SHAPE[::-1], interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(random.normal(0, 12, SHAPE), (0, 0), random.uniform(0.6, 2.0))
    return np.asarray(np.clip(random.uniform(205, 250) * light + grain, 0, 255), np.uint8)


def draw_nothing(page: GreyImage, random: np.random.Generator) -> None:
    """Leave the paper blank."""


def draw_stains(page: GreyImage, random: np.random.Generator) -> None:
    """Draw stains, folds and a dark edge."""
    height, width = page.shape
    shade = np.zeros(page.shape, np.float32)
    for _ in range(8):
        centre = (int(random.integers(width)), int(random.integers(height)))
        axes = (int(random.integers(10, 200)), int(random.integers(10, 200)))
        cv2.ellipse(shade, centre, axes, float(random.uniform(0, 180)), 0, 360, float(random.uniform(10, 60)), -1)
    for _ in range(3):
        cv2.line(shade, (0, int(random.integers(height))), (width, int(random.integers(height))), 40.0, 3)
    cv2.rectangle(shade, (0, 0), (int(random.integers(5, 60)), height), 180.0, -1)
    page[:] = cv2.subtract(page, np.asarray(cv2.GaussianBlur(shade, (0, 0), 5), np.uint8))


def draw_stamps(page: GreyImage, random: np.random.Generator) -> None:
    """Draw round and square stamps with stars and rays, without letters."""
    height, width = page.shape
    for _ in range(3):
        x, y = int(random.integers(150, width - 150)), int(random.integers(150, height - 150))
        radius, ink = int(random.integers(50, 120)), int(random.integers(40, 140))
        for share in (1.0, 0.9, 0.4):
            cv2.circle(page, (x, y), int(share * radius), ink, 3, cv2.LINE_AA)
        for angle in np.linspace(0, 2 * np.pi, int(random.integers(5, 24)), endpoint=False):
            inner, outer = (
                (int(x + r * radius * np.cos(angle)), int(y + r * radius * np.sin(angle))) for r in (0.5, 0.8)
            )
            cv2.line(page, inner, outer, ink, 2, cv2.LINE_AA)


def draw_form(page: GreyImage, random: np.random.Generator) -> None:
    """Draw the rules, dotted lines and boxes of an empty form."""
    height, width = page.shape
    ink, step = int(random.integers(40, 170)), int(random.integers(40, 90))
    for y in range(200, height - 200, step):
        if random.random() < 0.3:
            for x in range(100, width - 100, 12):
                cv2.circle(page, (x, y), 2, ink, -1)
        else:
            cv2.line(page, (100, y), (width - 100, y + int(random.integers(-3, 4))), ink, int(random.integers(1, 4)))
    for x in np.sort(random.integers(100, width - 100, int(random.integers(0, 7)))).tolist():
        cv2.line(page, (x, 200), (x, height - 200), ink, 2)
    for y in range(200, height - 200, 3 * step):
        cv2.rectangle(page, (width - 90, y), (width - 60, y + 30), ink, 2)


def draw_pale_form(page: GreyImage, random: np.random.Generator) -> None:
    """Draw an empty form in pale ink on grained paper."""
    form = page.copy()
    draw_form(form, random)
    pale = page + random.uniform(0.1, 0.35) * (form.astype(np.float64) - page)
    page[:] = np.clip(pale + random.normal(0, random.uniform(2, 10), page.shape), 0, 255)


def draw_ticked_boxes(page: GreyImage, random: np.random.Generator) -> None:
    """Draw columns of check boxes, most with a tick or a cross that touches them."""
    height, width = page.shape
    ink, side, step = int(random.integers(40, 110)), int(random.integers(28, 44)), int(random.integers(60, 120))
    for y in range(200, height - 200, step):
        for x in range(150, width - 200, 250):
            cv2.rectangle(page, (x, y), (x + side, y + side), ink, int(random.integers(2, 5)))
            low, high = random.integers(-2, 4, 2), random.integers(-4, 3, 2) + side
            kind = random.random()
            if kind < 0.4:
                cv2.line(page, (x + int(low[0]), y + int(low[1])), (x + int(high[0]), y + int(high[1])), 30, 3)
                cv2.line(page, (x + int(high[0]), y + int(low[1])), (x + int(low[0]), y + int(high[1])), 30, 3)
            elif kind < 0.8:
                tick = [(x + low[0], y + side // 2), (x + side // 2, y + high[1]), (x + side + 6, y - 4)]
                cv2.polylines(page, [np.array(tick, np.int32)], False, 30, 3, cv2.LINE_AA)


def draw_ornaments(page: GreyImage, random: np.random.Generator) -> None:
    """Draw decorative rules: zigzags, waves, loops and meanders."""
    height, width = page.shape
    for y in range(200, height - 200, int(random.integers(90, 220))):
        swing, period = random.uniform(5, 20), random.uniform(10, 50)
        x = np.arange(120.0, width - 120)
        phase = 2 * np.pi * x / period
        wave = (np.arcsin(np.sin(phase)) * 2 / np.pi, np.sin(phase), np.sin(phase), np.sign(np.sin(phase)))
        kind = int(random.integers(4))
        across = x + 0.6 * period * np.sin(phase + 1) * (kind == 2)
        points = np.stack([across, y + swing * wave[kind]], axis=1).round().astype(np.int32)
        cv2.polylines(page, [points], False, int(random.integers(30, 140)), int(random.integers(1, 4)), cv2.LINE_AA)


def draw_specks(page: GreyImage, random: np.random.Generator) -> None:
    """Draw dirt: hundreds of specks of all sizes up to that of a letter's dot."""
    height, width = page.shape
    for _ in range(int(random.integers(200, 3000))):
        centre = (int(random.integers(width)), int(random.integers(height)))
        axes = (int(random.integers(1, 5)), int(random.integers(1, 4)))
        cv2.ellipse(page, centre, axes, float(random.uniform(0, 180)), 0, 360, int(random.integers(30, 160)), -1)


def draw_ruled_paper(page: GreyImage, random: np.random.Generator) -> None:
    """Draw rules and a margin, noise with dark pixels, and stamps."""
    height, width = page.shape
    step, ink, slope = int(random.integers(28, 70)), int(random.integers(120, 190)), random.uniform(-0.02, 0.02)
    for y in range(100, height, step):
        cv2.line(page, (0, y), (width, int(y + slope * width)), ink, int(random.integers(1, 3)), cv2.LINE_AA)
    cv2.line(page, (140, 0), (140, height), ink, 2)
    page[:] = np.clip(page + random.normal(0, random.uniform(5, 25), page.shape), 0, 255)
    page[random.random(page.shape) < random.uniform(0, 0.003)] = 30
    draw_stamps(page, random)


DRAWN: dict[str, Drawing] = {
    "blank paper": draw_nothing,
    "stains and folds": draw_stains,
    "stamps": draw_stamps,
    "empty forms": draw_form,
    "pale empty forms": draw_pale_form,
    "ruled paper": draw_ruled_paper,
    "ticked boxes": draw_ticked_boxes,
    "decorative rules": draw_ornaments,
    "specks": draw_specks,
}


def drawn(draw: Drawing) -> Iterator[tuple[str, GreyImage]]:
    """Yield name and image of each drawn page of a kind."""
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        page = paper(random)
        draw(page, random)
        yield f"seed {seed}", np.asarray(cv2.GaussianBlur(page, (0, 0), 0.7), np.uint8)


def folder_images(folder: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield name and image of each image in a folder."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            yield path.name, to_grey(path)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("-m", "--model", default=DEFAULT_MODEL)
    parser.add_argument("--show", action="store_true", help="print the lines that were read")
    arguments = parser.parse_args()
    recognizer = Recognizer(arguments.model, threads=1)
    kinds = {"photographs": photographs()} | {name: drawn(draw) for name, draw in DRAWN.items()}
    if arguments.folder is not None:
        kinds[arguments.folder.name] = folder_images(arguments.folder)
    rows = []
    for kind, images in kinds.items():
        counts = []
        for name, grey in images:
            lines = recognizer.read(grey, name=name).lines
            counts.append((len(find_lines(grey, 1).lines), len(lines)))
            for line in lines if arguments.show else ():
                mean = np.mean([word.confidence for word in line.words])
                print(f"{kind}, {name}: {mean:.2f} {line.text}", flush=True)
        rows.append((kind, *np.reshape(counts, (-1, 2)).T))
    print(f"{'':20} {'images':>6} {'found in':>8} {'lines':>6} {'read in':>8} {'lines':>6}")
    for kind, found, read in rows:
        numbers = f"{np.count_nonzero(found):8} {found.sum():6} {np.count_nonzero(read):8} {read.sum():6}"
        print(f"{kind:20} {len(found):6} {numbers}")


if __name__ == "__main__":
    main()
