"""The official schemas; the project carries no copies of them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

etree = pytest.importorskip("lxml.etree")

XLINK = b"""<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/1999/xlink">
 <attributeGroup name="simpleLink"><attribute name="type"/><attribute name="href"/></attributeGroup>
</schema>"""
"""What ALTO takes from xlink.xsd, which it imports by address."""

Faults = Callable[[bytes], list[str]]
"""What in a file is against a schema."""


class _Local(etree.Resolver):  # type: ignore[misc, name-defined]
    def resolve(self, url: str, public_id: str, context: object) -> object:
        return self.resolve_string(XLINK, context) if url.endswith("/xlink.xsd") else None


def _faults(path: Path) -> Faults:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Local())
    schema = etree.XMLSchema(etree.parse(str(path), parser))

    def faults(data: bytes) -> list[str]:
        schema.validate(etree.fromstring(data))
        return [f"line {error.line}: {error.message}" for error in schema.error_log]

    return faults


@pytest.fixture(scope="session", params=["alto-4-2.xsd", "alto-4-4.xsd"])
def alto_faults(shared: Path, request: pytest.FixtureRequest) -> Faults:
    path = shared.parent / "schemas" / request.param
    if not path.is_file():
        pytest.skip(f"schema not found: {path}")
    return _faults(path)


@pytest.fixture(scope="session")
def page_faults() -> Faults:
    """The schema inside the package ocrd-validators, which is found without being imported: it needs much else."""
    found = importlib.util.find_spec("ocrd_validators")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the schema of PAGE is not installed: pip install --no-deps ocrd-validators")
    return _faults(Path(found.submodule_search_locations[0]) / "page.xsd")
