"""Makes the samples of this folder: a page, three single lines and a small line store, with their truth.

    python data/samples/make_samples.py FONTS [--output DIR] [--seed N]

FONTS is a folder with the fonts named below as NAME.ttf (all under the SIL Open Font Licence or Apache-2.0).
The same fonts, seed and library versions give the same bytes. The texts are the project's own.
"""

import argparse
import io
import random
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hwr.prepare.manifest import MANIFEST, SKIPPED, SplitFacts, make_manifest, skipped_table, to_bytes
from hwr.store.lines import StoredLine
from hwr.store.writing import write_lines

Ink = NDArray[np.float32]
"""Coverage by ink from 0 (paper) to 1, (height, width)."""

SCALE = 2
"""Ink is drawn at twice the final size and then made smaller, so that its edges are smooth."""

PAGE_WIDTH, PAGE_HEIGHT = 1650, 2300

PARAGRAPHS = (
    (
        "The old mill, 14 May 1921",
        "Dear friends,",
        "The river has risen again since Sunday, and we",
        "have carried the flour up to the first floor.",
        "Nobody is hurt, but the lower meadow is a lake",
        "and the old boat lies under the apple trees. My",
        "brother says that it will fall by Friday; I do not",
        "believe him, for it rained again all night. Please",
        "bring two lamps and some rope when you come,",
        "and tell the baker that we can send him only",
        "12 sacks this week instead of 30. The children",
        "are delighted: they fish from the kitchen window.",
    ),
    (
        "Votre lettre est arrivée hier, à demi mouillée, et",
        "nous l'avons lue près du feu. Merci pour les",
        "graines et pour les nouvelles de la ville. Dès que",
        "le chemin sera sec, j'irai chez le notaire afin de",
        "signer les papiers de la grange. La vache noire",
        "a eu son veau le 2 mai ; il tient déjà sur ses",
        "jambes et boit comme un grand. Nous pensons",
        "bien à vous, et nous vous attendons tous pour la",
        "fête de la Saint-Jean.",
        "With love to you all, et à bientôt !",
    ),
)

LINES = (
    ("line-1", "homemade-apple", "She kept the key in a blue jar by the door."),
    ("line-2", "borel-fr-trad", "Le château fut vendu à l'automne 1874."),
    ("line-3", "cedarville-cursive", "Have you seen the garden since it snowed?"),
)

TRAIN_FONTS = (
    "bad-script",
    "caveat",
    "dancing-script",
    "homemade-apple",
    "indie-flower",
    "kalam",
    "la-belle-aurore",
    "marck-script",
    "mynerve",
    "the-girl-next-door",
)
VAL_FONTS = ("cedarville-cursive", "gochi-hand", "handlee", "borel")

SENTENCES = {
    "en": (
        ("My sister", "The captain", "Our neighbour", "The young doctor", "An old farmer", "Every child", "The judge"),
        ("has found", "wrote down", "carried away", "sold", "asked for", "forgot", "would not give up", "quickly hid"),
        (
            "the silver watch",
            "six pounds of sugar",
            "a box of letters",
            "two grey horses",
            "the map of York",
            "his coat",
        ),
        ("at the market", "before noon", "in the year 1836", "on Monday", "for a very good price", "without a word"),
    ),
    "fr": (
        ("Ma sœur", "Le capitaine", "Notre voisin", "La maîtresse", "Un vieux berger", "Chaque élève", "Le juge"),
        ("a trouvé", "a vendu", "cherchait", "oublie toujours", "gardera", "a déjà perdu", "voulait échanger"),
        ("la montre d'argent", "six livres de sucre", "une boîte à clés", "l'âne gris", "ses gants", "le vieux chêne"),
        ("au marché", "avant midi", "en l'an 1790", "dès lundi", "pour très peu", "à la fenêtre", "sans un mot"),
    ),
}


@dataclass(frozen=True)
class Hand:
    """How a writer writes: lengths in pixels of the final image, angles in radians."""

    font: str
    size: float
    slant: float = 0.0
    wobble: float = 0.05
    """Displacement of the strokes, in parts of `size`."""
    spread: float = 0.03
    """Variation of the width, slant and direction from word to word."""
    space: float = 1.1
    """Blank between words, in blanks of the font."""
    weight: float = 0.5
    """0.5 leaves the strokes as thick as in the font; less makes them thicker."""


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Ink:
    """Noise of deviation 1 whose hills are about `scale` pixels wide, (height, width)."""
    height, width = shape
    cells = (max(2, round(height / scale) + 2), max(2, round(width / scale) + 2))
    coarse = rng.standard_normal(cells).astype(np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine * 1.25, np.float32)


def draw_word(word: str, font: ImageFont.FreeTypeFont, hand: Hand, rng: np.random.Generator) -> tuple[Ink, float]:
    """Ink of a word, its baseline in the middle row and its start `font.size` pixels from the left; and its width."""
    margin = round(font.size)
    length = font.getlength(word)
    height, width = 4 * margin, int(length) + 2 * margin
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).text((margin, height // 2), word, fill=255, font=font, anchor="ls")

    stretch, lean, turn = (float(value) for value in rng.normal(0, hand.spread, 3))
    slant = hand.slant + lean
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y -= height // 2
    x -= margin
    wobble = [hand.wobble * font.size * smooth_noise(rng, (height, width), 0.6 * font.size) for _ in range(2)]
    source_x = x * (1 + stretch) + y * slant + wobble[0] * 0.7 + margin
    source_y = y - x * 0.3 * turn + wobble[1] * 0.5 + height // 2
    ink = cv2.remap(np.asarray(image, np.float32) / 255, source_x, source_y, cv2.INTER_LINEAR)
    return np.asarray(ink, np.float32), length / (1 + stretch)


def press(ink: Ink, hand: Hand, rng: np.random.Generator) -> Ink:
    """Vary the thickness and the darkness of the strokes, as the pressure of a pen does."""
    pressure = smooth_noise(rng, ink.shape, 1.6 * hand.size)
    soft = cv2.GaussianBlur(ink, (0, 0), 0.022 * hand.size * SCALE)
    edge = np.clip(hand.weight - 0.05 * pressure, 0.25, 0.6)
    stroke = np.clip((soft - edge) * 2.5 + 0.5, 0, 1)
    darkness = np.clip(0.86 + 0.08 * pressure + 0.05 * smooth_noise(rng, ink.shape, 5.0), 0.55, 1)
    return np.asarray(stroke * darkness, np.float32)


def draw_line(text: str, fonts: Path, hand: Hand, rng: np.random.Generator) -> Ink:
    """Ink of a line: its baseline starts in the middle row, and `hand.size` pixels of paper stand before it."""
    font = ImageFont.truetype(str(fonts / f"{hand.font}.ttf"), round(hand.size * SCALE))
    size = round(font.size)
    words = [draw_word(word, font, hand, rng) for word in text.split()]
    gaps = font.getlength(" ") * hand.space * rng.uniform(0.8, 1.35, len(words))
    starts = np.cumsum([0.0] + [width + gap for (_, width), gap in zip(words, gaps, strict=True)])
    line = np.zeros((6 * size, int(starts[-1]) + 3 * size), np.float32)
    slope, drift = rng.normal(0, 0.004), 0.0
    for (ink, _), start in zip(words, starts, strict=False):
        drift = 0.7 * drift + rng.normal(0, 0.02 * size)
        top, left = round(size + start * slope + drift), round(start)
        window = line[top : top + ink.shape[0], left : left + ink.shape[1]]
        np.maximum(window, ink[:, : window.shape[1]], out=window)
    height, width = line.shape[0] // SCALE, line.shape[1] // SCALE
    small = cv2.resize(press(line, hand, rng), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def crop(ink: Ink, margin: int) -> Ink:
    """Cut to the ink and leave `margin` pixels of paper around it."""
    rows, columns = np.flatnonzero(ink.max(1) > 0.2), np.flatnonzero(ink.max(0) > 0.2)
    return np.pad(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], margin)


def paper(shape: tuple[int, int], rng: np.random.Generator, grain: float) -> Ink:
    """Lightness of a sheet from 0 to 1: clouds, a slope of the light and grain, (height, width)."""
    height, width = shape
    slope = np.linspace(-1, 1, width)[None, :] * rng.normal(0, 0.02) + np.linspace(0.025, -0.025, height)[:, None]
    clouds = 0.008 * smooth_noise(rng, shape, 300.0)
    fibres = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), 0.8)
    return np.asarray(np.clip(0.93 + slope + clouds + grain * fibres, 0, 1), np.float32)


def draw_page(paragraphs: Sequence[Sequence[str]], fonts: Path, hand: Hand, rng: np.random.Generator) -> Image.Image:
    """A letter on yellowish paper, in a palette of 48 shades from ink to paper."""
    ink = np.zeros((PAGE_HEIGHT, PAGE_WIDTH), np.float32)
    pitch, margin, baseline = 91.0, 150.0, 190.0
    for paragraph in paragraphs:
        for number, text in enumerate(paragraph):
            margin += rng.normal(0, 5) - 0.2 * (margin - 150)
            indent = 70 if number == 0 and paragraph is not paragraphs[0] else 0
            line = draw_line(text, fonts, hand, rng)
            top = round(baseline + rng.normal(0, 2.5)) - line.shape[0] // 2
            left = round(margin) + indent - round(hand.size)
            window = ink[max(top, 0) : top + line.shape[0], left : left + line.shape[1]]
            np.maximum(window, line[max(-top, 0) :, : window.shape[1]][: window.shape[0]], out=window)
            baseline += pitch
        baseline += 0.35 * pitch
    shades = 48
    lightness = paper(ink.shape, rng, 0.018) * (1 - 0.9 * ink)
    image = Image.fromarray(np.round(lightness * (shades - 1)).astype(np.uint8), mode="P")
    ramp = np.linspace(0, 1, shades)[:, None]
    colours = (1 - ramp) * (22, 24, 48) + ramp * (252, 245, 224)
    image.putpalette(np.round(colours).astype(np.uint8).tobytes())
    return image


def draw_line_image(text: str, fonts: Path, hand: Hand, rng: np.random.Generator) -> Image.Image:
    """A line cut out of a page, in grey."""
    ink = crop(draw_line(text, fonts, hand, rng), round(rng.uniform(4, 9)))
    lightness = paper(ink.shape, rng, 0.012) * (1 - rng.uniform(0.7, 0.9) * ink)
    return Image.fromarray(np.round(lightness * 255).astype(np.uint8))


def some_hand(font: str, rng: np.random.Generator, size: float) -> Hand:
    """A writer who uses `font`."""
    return Hand(font, size, slant=rng.normal(0, 0.08), space=rng.uniform(0.9, 1.5), weight=rng.uniform(0.4, 0.5))


def texts(language: str, rng: np.random.Generator) -> Iterator[str]:
    """Endless short lines, wrapped from sentences that are put together by chance; none comes twice."""
    choose = random.Random(int(rng.integers(2**32)))
    seen: set[str] = set()
    while True:
        sentences = (" ".join(choose.choice(part) for part in SENTENCES[language]) + "." for _ in range(4))
        for line in textwrap.wrap(" ".join(sentences), choose.randint(16, 32))[:-1]:
            if line not in seen:
                seen.add(line)
                yield line


def store_lines(
    count: int, split: str, writers: Sequence[str], languages: dict[str, Iterator[str]], fonts: Path, seed: int
) -> Iterator[StoredLine]:
    """`count` lines, each 64 pixels high, written by the fonts in turn and by turns in each language."""
    rng = np.random.default_rng([seed, len(split)])
    hands = [some_hand(font, rng, 46) for font in writers]
    for number in range(count):
        hand, language = hands[number % len(hands)], list(languages)[number // len(hands) % 2]
        text = next(languages[language])
        image = draw_line_image(text, fonts, replace(hand, slant=hand.slant + rng.normal(0, 0.02)), rng)
        image = image.resize((max(1, round(image.width * 64 / image.height)), 64), Image.Resampling.LANCZOS)
        data = io.BytesIO()
        image.save(data, "WEBP", quality=60, method=6)
        name = f"{split}-{number:03d}"
        yield StoredLine(
            image=data.getvalue(),
            path=f"{name}.webp",
            text=text,
            id=name,
            width=image.width,
            height=image.height,
            writer=hand.font,
            lang=language,
            source="hwr samples",
            licence="Apache-2.0",
        )


def write_store(folder: Path, fonts: Path, seed: int, counts: dict[str, int]) -> None:
    """The line store `folder`, as `hwr prepare` writes one: no text and no font is in both splits."""
    rng = np.random.default_rng([seed, 0])
    languages = {language: texts(language, rng) for language in SENTENCES}
    splits = {}
    for split, writers in (("train", TRAIN_FONTS), ("val", VAL_FONTS)):
        facts, path = SplitFacts(), folder / f"{split}.parquet"
        lines = store_lines(counts[split], split, writers, languages, fonts, seed)
        facts.add(write_lines(path, facts.count(lines)))
        splits[split] = facts
    manifest = make_manifest(splits, [], [{"path": Path(__file__).name, "kind": "fonts"}], {"seed": seed})
    (folder / MANIFEST).write_bytes(to_bytes(manifest))
    (folder / SKIPPED).write_bytes(skipped_table([]))


def main() -> None:
    """Write all samples."""
    parser = argparse.ArgumentParser(description="Make the samples: a page, three lines, a small line store.")
    parser.add_argument("fonts", type=Path, help="folder with NAME.ttf")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    output, fonts, seed = arguments.output, arguments.fonts, arguments.seed
    output.mkdir(parents=True, exist_ok=True)

    writer = Hand("la-belle-aurore", size=64, slant=0.03, wobble=0.035, space=1.05, weight=0.42)
    page = draw_page(PARAGRAPHS, fonts, writer, np.random.default_rng([seed, 1]))
    page.save(output / "page.png", optimize=True)
    page_text = "".join(f"{line}\n" for paragraph in PARAGRAPHS for line in paragraph)
    (output / "page.txt").write_text(page_text, encoding="utf-8")

    rng = np.random.default_rng([seed, 2])
    for name, font, text in LINES:
        draw_line_image(text, fonts, some_hand(font, rng, 72), rng).save(output / f"{name}.png", optimize=True)
        (output / f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")

    write_store(output / "lines", fonts, seed, {"train": 160, "val": 40})


if __name__ == "__main__":
    main()
