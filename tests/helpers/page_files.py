"""Small ALTO and PAGE files for tests, in the ways that several programs write them."""

PAGE_NS = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"
ALTO_NS = "http://www.loc.gov/standards/alto/ns-v4#"


def page_xml(body: str, size: tuple[int, int] = (400, 300), image: str = "scan.png", version: str = PAGE_NS) -> bytes:
    """A PAGE file with `body` in its Page."""
    page = f'<Page imageFilename="{image}" imageWidth="{size[0]}" imageHeight="{size[1]}">\n{body}\n</Page>'
    head = "<Metadata><Creator>x</Creator></Metadata>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<PcGts xmlns="{version}">{head}\n{page}</PcGts>\n'.encode()


def page_line(id: str, top: int, text: str, x0: int = 20, x1: int = 380, more: str = "") -> str:
    """A TextLine of 40 pixels height whose baseline is 30 pixels below its top."""
    return (
        f'<TextLine id="{id}" {more}><Coords points="{x0},{top} {x1},{top} {x1},{top + 40} {x0},{top + 40}"/>'
        f'<Baseline points="{x0},{top + 30} {x1},{top + 30}"/>'
        f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>\n"
    )


def page_region(id: str, lines: str, more: str = "") -> str:
    """A TextRegion."""
    return f'<TextRegion id="{id}" {more}><Coords points="10,0 390,0 390,300 10,300"/>{lines}</TextRegion>\n'


def alto_xml(
    body: str,
    size: tuple[int, int] | None = (400, 300),
    image: str = "scan.png",
    unit: str = "pixel",
    tags: str = "",
    namespace: str = ALTO_NS,
    after_tags: str = "",
) -> bytes:
    """An ALTO file with `body` in its PrintSpace."""
    sizes = f'WIDTH="{size[0]}" HEIGHT="{size[1]}"' if size else ""
    info = f"<sourceImageInformation><fileName>{image}</fileName></sourceImageInformation>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<alto xmlns="{namespace}">\n'
        f"<Description><MeasurementUnit>{unit}</MeasurementUnit>{info}</Description>\n<Tags>{tags}</Tags>{after_tags}\n"
        f'<Layout><Page ID="p" PHYSICAL_IMG_NR="1" {sizes}><PrintSpace>\n{body}\n</PrintSpace></Page></Layout></alto>'
    ).encode()


def alto_line(id: str, top: int, text: str, more: str = "", x0: int = 20, x1: int = 380) -> str:
    """A TextLine as eScriptorium writes it: one String with the whole line."""
    box = f'HPOS="{x0}" VPOS="{top}" WIDTH="{x1 - x0}" HEIGHT="40"'
    return (
        f'<TextLine ID="{id}" BASELINE="{x0} {top + 30} {x1} {top + 30}" {box} {more}>'
        f'<Shape><Polygon POINTS="{x0} {top} {x1} {top} {x1} {top + 40} {x0} {top + 40}"/></Shape>'
        f'<String CONTENT="{text}" {box}></String></TextLine>\n'
    )


def alto_block(id: str, lines: str, more: str = "") -> str:
    """A TextBlock."""
    return f'<TextBlock ID="{id}" HPOS="10" VPOS="0" WIDTH="380" HEIGHT="300" {more}>{lines}</TextBlock>\n'
