"""How a run goes on from its folder."""

from typing import Any

from hwr.errors import InputError
from hwr.train.folder import LAST, RESUME, TRUNK_RESUME, RunFolder
from hwr.train.loop import Trainer
from hwr.train.progress import Progress
from hwr.train.recipe import Recipe
from hwr.train.schedule import in_decay


def go_on(run: RunFolder, trainer: Trainer, recipe: Recipe, characters: str) -> list[str]:
    """Put the saved state into `trainer`; what people should know of it.

    A run that was made longer after its learning rate had begun to fall goes on from its trunk.

    Raises:
        InputError: the state is missing, damaged, of a later version, of another network or of other characters.
    """
    state = run.load_state(RESUME)
    if state.get("alphabet", characters) != characters:
        raise InputError(
            f"{run.path}: the characters of the training data are not those that this run began with; "
            f"go on with the same data, or start a new run with --init-from {run.path / LAST}"
        )
    try:
        state, told, back = _before_decay(run, state, recipe)
        told += trainer.load_state(state)
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{run.path}: the saved state does not fit this recipe or this hwr ({str(error).splitlines()[0]})"
            f"{run.way_on(RESUME)}"
        ) from None
    if back:
        trainer.progress.trunk_saved = False
    return told


def _before_decay(run: RunFolder, state: dict[str, Any], recipe: Recipe) -> tuple[dict[str, Any], list[str], bool]:
    """The state to go on from, what to tell, and whether it lies before a decay that is left behind."""
    progress = Progress(**state["progress"])
    if not progress.trunk_saved:
        return state, [], False
    try:
        trunk = run.load_state(TRUNK_RESUME)
    except InputError as error:
        again = not in_decay(progress.share(recipe), recipe.optimisation)
        return state, [f"{error}; going on from {RESUME}"], again
    # However little is added: at the end of the decay the weights have settled, and a rate that rises again would only
    # shake them.
    if in_decay(Progress(**trunk["progress"]).share(recipe), recipe.optimisation):
        return state, [], False
    return trunk, ["the run was lengthened: going on from the trunk, before the learning rate fell"], True
