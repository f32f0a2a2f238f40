"""Commands as a user calls them, in the process of the test, and the model that they read with."""

from functools import partial
from pathlib import Path

import pytest

from helpers.commands import Outcome, Run, run_command, without_doubts
from helpers.tiny_model import write_tiny_model


@pytest.fixture
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `hwr`, the module's `COMMAND` if it has one, and the arguments that the test gives."""
    command = getattr(request.module, "COMMAND", ())
    return partial(run_command, monkeypatch, capsys, *command)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the tiny model once; a test that changes a model writes its own."""
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def recognize(run: Run, model: Path) -> Run:
    """Run `hwr recognize` with the tiny model unless another is named; its doubts are left out of stderr."""

    def recognize(*arguments: object) -> Outcome:
        named = () if "-m" in arguments else ("-m", model)
        done = run("recognize", *arguments, *named)
        return done._replace(err=without_doubts(done.err))

    return recognize
