"""The two searches."""

import pytest

from hwr.decode import compiled


@pytest.fixture(params=["compiled", "numpy"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with each search; the compiled one only where its library can be had."""
    name: str = request.param
    if name == "numpy":
        monkeypatch.setattr(compiled, "load_library", lambda: None)
    elif compiled.load_library() is None:
        pytest.skip("no C compiler")
    return name
