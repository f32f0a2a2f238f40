"""The named networks."""

import pytest

from hwr.errors import UsageError
from hwr.model.network import build, count_parameters
from hwr.model.presets import PRESETS, preset_spec
from hwr.model.vgsl import parse


@pytest.mark.parametrize(("name", "limit"), [("small", 2_500_000), ("base", 8_000_000)])
def test_size(name: str, limit: int) -> None:
    network = build(preset_spec(name, 134))
    assert network.classes == 134
    assert 0.8 * limit < count_parameters(network) <= limit


@pytest.mark.parametrize("name", PRESETS)
def test_any_number_of_classes_parses(name: str) -> None:
    for classes in (2, 80, 5000):
        assert parse(preset_spec(name, classes)).classes == classes


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match=r"'large'.*small.*base"):
        preset_spec("large", 80)
