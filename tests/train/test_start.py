"""Start from a model with more, fewer or other characters than the data."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helpers.training_runs import CHARACTERS, SPEC, Drawn, Recorder, drawn_lines, recipe, run, write_drawn
from hwr.errors import DataError, HwrError, InputError, ModelError, UsageError
from hwr.line import NORMALISATION, NORMALISATION_VERSION
from hwr.model.checkpoint import load_model, load_weights, save_model
from hwr.model.files import read_info
from hwr.model.info import ModelInfo
from hwr.model.network import Network, build
from hwr.train.folder import LAST, TRUNK
from hwr.train.recipe import Optimisation
from hwr.train.run import Run
from hwr.train.start import RARITY, initial_model

INFO = ModelInfo(SPEC.replace("{classes}", "5"), CHARACTERS, 48, NORMALISATION, NORMALISATION_VERSION, 4, licence="CC0")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, build(INFO.spec, auxiliary=True).state_dict(), INFO, with_auxiliary=True)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn lines whose a is called á, and d is not there."""
    folder = tmp_path_factory.mktemp("data")
    lines = [Drawn(line.ink, line.text.replace("a", "á"), line.id) for line in drawn_lines(60)]
    write_drawn(folder / "train.parquet", [line for line in lines if "d" not in line.text])
    return folder


@pytest.mark.parametrize(
    ("alphabet", "characters", "told"),
    [
        ("extend", "abcdá", "alphabet of 5 characters, 1 new: 'á' ({} times) from 'a'"),
        ("replace", "bcá", "alphabet of 3 characters, 1 new: 'á' ({} times) from 'a'; 2 dropped: 'ad'"),
    ],
)
def test_a_run_from_a_model_with_another_alphabet(
    tmp_path: Path, model: Path, data: Path, alphabet: str, characters: str, told: str
) -> None:
    settings = recipe(data, spec="", init_from=str(model), alphabet=alphabet, validation=(), lines=30)
    made = Run(settings, tmp_path, Recorder())
    count = sum(text.count("á") for item in made.data.training for text in item.source.texts())
    begun, old = made.trainer.network.state_dict(), load_weights(model)
    for head in ("output", "auxiliary"):
        for label, character in enumerate(characters.replace("á", ""), start=1):
            was = 1 + CHARACTERS.index(character)
            assert torch.equal(begun[f"{head}.weight"][label], old[f"{head}.weight"][was])

    recorded = run(settings, tmp_path)
    assert recorded.finished and told.format(count) in recorded.reporter.messages
    for name in (LAST, TRUNK):
        network, info = load_model(tmp_path / name, auxiliary=True)
        assert (info.alphabet, info.spec) == (characters, SPEC.replace("{classes}", str(len(characters) + 1)))
        assert network.classes == len(characters) + 1 and info.licence == "CC0"
    assert read_info(model) == INFO

    # The same characters are found when the run continues.
    longer = run(replace(settings, lines=60), tmp_path, resume=True)
    assert longer.finished and read_info(tmp_path / LAST).alphabet == characters


@torch.no_grad()
def lead_of_new_character(network: Network) -> float:
    """By how much á is likelier than a, which it starts from; mean over time steps, as a logarithm."""
    network.eval()
    scores = [network(torch.from_numpy(line.ink)[None, None] / 255)[0] for line in drawn_lines(20, seed=1)]
    return float(torch.cat([score[:, 5] - score[:, 1] for score in scores]).mean())


def test_a_new_character_is_learned(tmp_path: Path, model: Path, data: Path) -> None:
    """It starts ten times less likely than its base, which never occurs in the data."""
    options = Optimisation(columns_per_batch=1500, warm_up_steps=5, learning_rate=0.01)
    settings = recipe(data, spec="", init_from=str(model), alphabet="extend", validation=(), optimisation=options)
    before = initial_model(settings, lambda height: ["á"]).network
    assert lead_of_new_character(before) == pytest.approx(-RARITY, abs=1e-4)
    recorded = run(replace(settings, lines=300), tmp_path)
    assert lead_of_new_character(recorded.run.trainer.network) > 0


def test_keep_with_known_characters_changes_nothing(tmp_path: Path, model: Path) -> None:
    start = initial_model(recipe(tmp_path, spec="", init_from=str(model)), lambda height: ["abba", "d"])
    assert (start.alphabet.characters, start.spec, start.base, start.message) == (CHARACTERS, INFO.spec, INFO, "")
    extended = initial_model(
        recipe(tmp_path, spec="", init_from=str(model), alphabet="extend"), lambda height: ["abba"]
    )
    for name, tensor in start.network.state_dict().items():
        assert torch.equal(extended.network.state_dict()[name], tensor)
    assert (extended.alphabet, extended.spec, extended.message) == (start.alphabet, start.spec, "")


def test_left_out_lines_do_not_add_characters(tmp_path: Path, model: Path) -> None:
    settings = recipe(tmp_path, spec="", init_from=str(model), alphabet="extend", exclude="#")
    assert initial_model(settings, lambda height: ["ab", "x#", "cz"]).alphabet.characters == "abcdz"


def test_the_height_of_the_model_is_asked_for(tmp_path: Path, model: Path) -> None:
    asked: list[int] = []

    def texts(height: int) -> list[str]:
        asked.append(height)
        return ["ab"]

    initial_model(recipe(tmp_path, spec="", init_from=str(model)), texts)
    initial_model(recipe(tmp_path, spec=SPEC.replace("1,48", "1,32").replace("Mp2,2 ", "")), texts)
    assert asked == [48, 32]


@pytest.mark.parametrize(
    ("changes", "texts", "error", "message"),
    [
        (
            {"alphabet": "keep"},
            ["ab", "xß", "x"],
            UsageError,
            "2 training lines have characters outside its alphabet: 'x' 2, 'ß' 1; ",
        ),
        ({"alphabet": "keep"}, ["x"], UsageError, "add them with --alphabet extend, or leave .* --exclude .#x"),
        ({"alphabet": "extend"}, ["", "#"], DataError, "the training data contain no text"),
        ({"alphabet": "replace"}, [], DataError, "the training data contain no text"),
        ({"alphabet": "extend", "init_from": ""}, ["ab"], UsageError, "'extend' needs a model to start from"),
        ({"init_from": "nothing.safetensors"}, ["ab"], InputError, "nothing.safetensors"),
    ],
)
def test_what_cannot_start(
    tmp_path: Path, model: Path, changes: dict[str, str], texts: list[str], error: type[HwrError], message: str
) -> None:
    settings = recipe(tmp_path, **{"init_from": str(model), "exclude": "#"} | changes)
    with pytest.raises(error, match=message) as raised:
        initial_model(settings, lambda height: texts)
    assert "\n" not in str(raised.value)


def test_a_model_of_another_normalisation(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(path, build(INFO.spec).state_dict(), replace(INFO, normalisation_version=0))
    with pytest.raises(ModelError, match="needs line normalisation"):
        initial_model(recipe(tmp_path, init_from=str(path), alphabet="extend"), lambda height: ["ab"])
