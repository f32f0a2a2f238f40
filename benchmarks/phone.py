"""Turn a scanned page into a photograph as a phone would take it, and map points of the page to it.

These effects are simulated, in this order: a page that curls towards its spine and waves, a camera held at an angle
(perspective and rotation), a table around the page, light that falls off, the soft shadow of a hand, blur of focus and
of movement, noise and JPEG. The same seed gives the same photograph.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.float64]

ROUNDS = 30
"""Steps of the fixed point iteration that inverts the warp: the warp is smooth and small, so that few are enough."""


@dataclass(frozen=True)
class Phone:
    """Limits of the damage to photographs; each photograph draws its own values up to these.

    Attributes:
        rotation: degrees to either side.
        perspective: share of the page's width and height by which a corner may move.
        curl: share of the height by which the page sinks towards the spine.
        wave: share of the height of its other waves.
        darkest: of the light's fall-off, as a share of the brightest place.
        shadow: light left in a shadow.
        blur: standard deviation in pixels, of a page 1700 pixels high.
        movement: pixels, of a page 1700 pixels high.
        noise: standard deviation in grey levels.
        quality: lowest of the JPEG.
    """

    rotation: float = 5.0
    perspective: float = 0.04
    curl: float = 0.02
    wave: float = 0.004
    darkest: float = 0.55
    shadow: float = 0.6
    blur: float = 0.9
    movement: float = 2.0
    noise: float = 5.0
    quality: int = 70


@dataclass(frozen=True)
class Photograph:
    """A photograph of a page: colour, shape (H, W, 3), its JPEG file, and where the page's points lie on it."""

    jpeg: bytes
    pixels: Image
    homography: NDArray[np.float64]
    warp: "Warp"

    def move(self, points: Points) -> Points:
        """Map points of the page, (x, y), shape (n, 2), to the photograph."""
        bent = self.warp.forward(np.asarray(points, np.float64))
        moved = np.column_stack([bent, np.ones(len(bent))]) @ self.homography.T
        return np.asarray(moved[:, :2] / moved[:, 2:])


@dataclass(frozen=True)
class Warp:
    """A bent page seen from above: the point (x, y) of the view is (x, y) + shift(x, y) on the flat page."""

    width: float
    height: float
    curl: float
    spine_left: bool
    wave: float
    phase: float

    def shift(self, points: Points) -> Points:
        """Displacement of each point, in pixels."""
        x, y = points[:, 0] / self.width, points[:, 1] / self.height
        from_spine = x if self.spine_left else 1 - x
        sunk = np.exp(-from_spine / 0.25)
        # Above the middle the lines near the spine bend down, below it up: the page sinks away from the camera.
        down = self.curl * sunk * (1 - 2 * y) + self.wave * np.sin(2 * np.pi * (1.2 * x + 0.4 * y) + self.phase)
        # Towards the spine the page is seen at an angle, and letters get narrower.
        narrower = 0.5 * self.curl * sunk * np.sin(np.pi * np.clip(from_spine / 0.5, 0, 1))
        across = narrower if self.spine_left else -narrower
        return np.column_stack([across * self.width, down * self.height])

    def forward(self, points: Points) -> Points:
        """Map points of the flat page to the bent one."""
        seen = points.copy()
        for _ in range(ROUNDS):
            seen = points - self.shift(seen)
        return seen


def photograph(page: Image, phone: Phone, seed: int) -> Photograph:
    """Photograph a page.

    Args:
        page: BGR, shape (H, W, 3).
    """
    random = np.random.default_rng(seed)
    height, width = page.shape[:2]
    warp = Warp(
        width,
        height,
        random.uniform(0.3, 1) * phone.curl,
        bool(random.integers(2)),
        random.uniform(0.3, 1) * phone.wave,
        random.uniform(0, 2 * np.pi),
    )
    homography, size = _camera(width, height, phone, random)
    grid = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), axis=-1).reshape(-1, 2).astype(np.float64)
    seen = np.column_stack([grid, np.ones(len(grid))]) @ np.linalg.inv(homography).T
    seen = seen[:, :2] / seen[:, 2:]
    flat = (seen + warp.shift(seen)).reshape(size[1], size[0], 2).astype(np.float32)
    inside = (flat[..., 0] >= 0) & (flat[..., 0] < width) & (flat[..., 1] >= 0) & (flat[..., 1] < height)
    paper = cv2.remap(page, flat[..., 0], flat[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    edge = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.0)[..., None]
    seen_page = paper * edge + _table(size, random) * (1 - edge)
    lit = seen_page * _light(size, phone, random)[..., None]
    pixels = _sensor(lit, height / 1700, phone, random)
    quality = int(random.integers(phone.quality, 91))
    jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return Photograph(jpeg, np.asarray(decoded, np.uint8), homography, warp)


def _camera(
    width: int, height: int, phone: Phone, random: np.random.Generator
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Homography from the page to the photograph, and the photograph's width and height: the page and some table."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    moved = corners + random.uniform(-1, 1, (4, 2)) * phone.perspective * (width, height)
    angle = np.radians(random.uniform(-phone.rotation, phone.rotation))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = moved @ turn.T
    border = random.uniform(0.02, 0.06, 4) * max(width, height)
    moved += border[:2] - moved.min(axis=0)
    size = np.ceil(moved.max(axis=0) + border[2:]).astype(int)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
    return np.asarray(matrix, np.float64), (int(size[0]), int(size[1]))


def _table(size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """Return a table of wood or cloth, darker than paper: BGR, shape (H, W, 3)."""
    width, height = size
    colour = random.uniform(0.4, 1.1) * np.array([70, 95, 120]) * random.uniform(0.9, 1.1, 3)
    coarse = random.normal(0, 1, (max(2, height // 40), max(2, width // 4))).astype(np.float32)
    grain = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(colour + 9 * grain[..., None], 0, 255), np.float32)


def _light(size: tuple[int, int], phone: Phone, random: np.random.Generator) -> NDArray[np.float32]:
    """Share of the light that falls on each place: a lamp at one side, and the shadow of a hand or the phone."""
    width, height = size
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    angle = random.uniform(0, 2 * np.pi)
    side = (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2)
    light = 1 - (1 - random.uniform(phone.darkest, 0.9)) * (0.5 + 0.5 * side)
    angle, place = random.uniform(0, 2 * np.pi), random.uniform(-0.2, 0.8)
    soft = random.uniform(0.03, 0.2)
    depth = 1 - random.uniform(phone.shadow, 0.9)
    bend = 0.15 * np.sin(3 * (x * np.sin(angle) - y * np.cos(angle)) + random.uniform(0, 6))
    shadow = 1 / (1 + np.exp(-((x * np.cos(angle) + y * np.sin(angle)) + bend - place) / soft))
    return np.asarray(light * (1 - depth * shadow), np.float32)


def _sensor(lit: NDArray[np.float32], scale: float, phone: Phone, random: np.random.Generator) -> Image:
    """Imitate the lens and the sensor: blur, movement, white balance, noise."""
    image = cv2.GaussianBlur(lit, (0, 0), max(0.3, scale * random.uniform(0.4, 1) * phone.blur))
    length = max(1, round(scale * random.uniform(0, phone.movement)))
    angle = random.uniform(0, np.pi)
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    step = (length * np.array([np.cos(angle), np.sin(angle)]) / 2).round().astype(int)
    cv2.line(kernel, tuple(map(int, length - step)), tuple(map(int, length + step)), 1.0, 1)
    image = cv2.filter2D(image, -1, kernel / kernel.sum())
    image = image * random.uniform(0.92, 1.05, 3)
    image = image + random.normal(0, random.uniform(0.3, 1) * phone.noise, image.shape)
    return np.asarray(np.clip(image, 0, 255), np.uint8)
