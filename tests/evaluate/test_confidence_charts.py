"""Charts, read back as XML."""

from xml.etree import ElementTree

import pytest

from hwr.evaluate.confidence import HEIGHT, WIDTH, RejectPoint, draw_reject_curves

SVG = "{http://www.w3.org/2000/svg}"


def curve(scale: float) -> list[RejectPoint]:
    return [RejectPoint(share, share, scale * share) for share in (1.0, 0.5, 0.05)]


@pytest.mark.parametrize("scale", [0.003, 0.04, 0.27, 1.0, 7.5, 0.0])
def test_points_lie_inside_and_in_proportion(scale: float) -> None:
    root = ElementTree.fromstring(draw_reject_curves("small", [("a", curve(scale))]))
    (line,) = root.iter(f"{SVG}polyline")
    points = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in points)
    (x0, y0), (x1, y1), (x2, y2) = points
    assert (x0 - x1) / (x1 - x2) == pytest.approx(0.5 / 0.45, abs=0.01)
    assert (y1 - y0) * 0.45 == pytest.approx((y2 - y1) * 0.5, abs=0.2)
    assert len(list(root.iter(f"{SVG}text"))) < 30


def test_each_set_has_its_curve_and_its_name() -> None:
    names = [f"set <{number}> & co" for number in range(10)]
    root = ElementTree.fromstring(draw_reject_curves("a < b", [(name, curve(0.1)) for name in names]))
    assert len(list(root.iter(f"{SVG}polyline"))) == 10
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert set(names) <= set(texts) and "a < b" in texts
