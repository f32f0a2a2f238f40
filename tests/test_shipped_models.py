"""The licence that a shipped model states is that of what it was trained on."""

import re

import pytest

from hwr.model.files import read_info, weights_hash
from hwr.recognize.models import installed_models

MODELS = {model.files.name: model.files.safetensors for model in installed_models()}


@pytest.mark.parametrize("name", MODELS)
def test_the_licence_follows_from_the_training_data(name: str) -> None:
    info = read_info(MODELS[name])
    licences = {source: str(facts["licence"]) for source, facts in info.trained_on.items()}
    assert licences and all(licences.values()), "each set states its licence"
    non_commercial = [source for source, licence in licences.items() if "non-commercial" in licence]
    share_alike = [source for source, licence in licences.items() if "CC BY-SA" in licence]
    if non_commercial:
        assert "non-commercial" in info.licence, non_commercial
    elif share_alike:
        assert "CC BY-SA" in info.licence, share_alike


@pytest.mark.parametrize("name", MODELS)
def test_the_card_states_the_hash_of_the_weights(name: str) -> None:
    card = MODELS[name].with_suffix(".md").read_text(encoding="utf-8")
    assert f"`{weights_hash(MODELS[name])}`" in card


@pytest.mark.parametrize("name", MODELS)
def test_the_card_states_a_licence_for_each_set(name: str) -> None:
    card = MODELS[name].with_suffix(".md").read_text(encoding="utf-8")
    _, _, after = card.partition("## Trained on")
    rows = [line.strip("|").split("|") for line in after.partition("## ")[0].splitlines() if line.startswith("|")]
    sets = rows[2:]
    assert rows[0][-1].strip() == "licence" and len(sets) >= 10
    assert not [row for row in sets if not re.match("CC BY|IAM|fonts: ", row[-1].strip())]


def test_open_saw_nothing_that_forbids_commercial_use() -> None:
    info = read_info(MODELS["open"])
    assert info.training.get("init_from", "") in ("", "open"), "no weights of another model"
    assert not set(info.trained_on) & {"iam-lines", "iam-ondb", "iam-words", "copiste-fr"}
    assert not any("non-commercial" in str(facts) for facts in info.trained_on.values())
    assert "non-commercial" not in info.licence
