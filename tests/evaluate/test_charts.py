"""Charts, read back as XML: reject curves and heat maps."""

from xml.etree import ElementTree

import pytest

from hwr.evaluate.charts import HEIGHT, WIDTH, draw_heatmap, draw_reject_curves
from hwr.evaluate.confidence import RejectPoint

SVG = "{http://www.w3.org/2000/svg}"
VALUES = [[1.0, 0.91, 0.875], [0.96, 0.85, 1.2]]


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


def drawn(
    values: list[list[float]], title: str = "title", rows: tuple[float, ...] = (0.35, 0.5)
) -> ElementTree.Element:
    columns = tuple(float(number) for number in range(len(values[0])))
    return ElementTree.fromstring(draw_heatmap(title, ("weight", rows[: len(values)]), ("bonus", columns), values))


def cells(svg: ElementTree.Element) -> list[ElementTree.Element]:
    """The rectangles, without that of the background."""
    return svg.findall(f"{SVG}rect")[1:]


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.findall(f"{SVG}text")]


def inside(text: ElementTree.Element, cell: ElementTree.Element) -> bool:
    x, y, width, height = (float(cell.attrib[name]) for name in ("x", "y", "width", "height"))
    return x < float(text.attrib["x"]) < x + width and y < float(text.attrib["y"]) < y + height


def test_each_number_is_in_its_cell() -> None:
    svg = drawn(VALUES)
    found = cells(svg)
    flat = [value for row in VALUES for value in row]
    assert len(found) == len(flat)
    for cell, value in zip(found, flat, strict=True):
        (text,) = [element for element in svg.findall(f"{SVG}text") if inside(element, cell)]
        assert text.text == f"{value:.3f}"
    assert len({(cell.attrib["x"], cell.attrib["y"]) for cell in found}) == len(flat)
    for name in ("x", "y"):
        assert len({cell.attrib[name] for cell in found}) == (3 if name == "x" else 2)


def test_everything_is_in_the_drawing() -> None:
    svg = drawn(VALUES)
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    for cell in cells(svg):
        assert float(cell.attrib["x"]) + float(cell.attrib["width"]) <= width
        assert float(cell.attrib["y"]) + float(cell.attrib["height"]) <= height
    assert all(float(text.attrib["y"]) <= height for text in svg.findall(f"{SVG}text"))


def test_the_lowest_has_the_frame_and_the_darkest_colour() -> None:
    found = cells(drawn(VALUES))
    flat = [value for row in VALUES for value in row]
    framed = [value for cell, value in zip(found, flat, strict=True) if "stroke" in cell.attrib]
    assert framed == [0.85]

    def brightness(cell: ElementTree.Element) -> int:
        colour = cell.attrib["fill"]
        return sum(int(colour[place : place + 2], 16) for place in (1, 3, 5))

    by_value = [cell for _, cell in sorted(zip(flat, found, strict=True), key=lambda pair: pair[0])]
    assert [brightness(cell) for cell in by_value] == sorted(map(brightness, found))
    assert len(set(map(brightness, found))) == len(found)


def test_axes_and_title_are_named() -> None:
    found = texts(drawn(VALUES))
    assert found[0] == "title" and {"weight", "bonus", "0.35", "0.5", "0", "1", "2"} <= set(found)


def test_signs_of_xml_in_a_title() -> None:
    assert texts(drawn(VALUES, title="a < b & 'c'"))[0] == "a < b & 'c'"


def test_one_number_and_equal_numbers() -> None:
    assert [cell.attrib.get("stroke") for cell in cells(drawn([[1.0]]))] == ["black"]
    assert [cell.attrib.get("stroke") for cell in cells(drawn([[1.0, 1.0]]))] == ["black", "black"]


def test_names_and_numbers_must_fit() -> None:
    with pytest.raises(ValueError, match="zip"):
        draw_heatmap("title", ("weight", (1.0, 2.0)), ("bonus", (1.0,)), [[1.0]])
