"""Drawn lines to train with."""

from pathlib import Path

import pytest

from helpers.training_runs import drawn_store


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 200 lines for training and 20 for validation; a test that changes a store writes its own."""
    return drawn_store(tmp_path_factory.mktemp("store") / "drawn")
