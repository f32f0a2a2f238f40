"""The options of the decoder, the same for each command that reads."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hwr.recognize.decoder import DecoderOptions

NONE = "none"

OPTIONS = (
    click.option(
        "--decoder",
        type=click.Choice(["greedy", "beam"]),
        help="The network's best path, or a search with a language model.  [default: what the model was tuned for]",
    ),
    click.option(
        "--lm",
        "language_models",
        multiple=True,
        metavar="NAME|FILE",
        help="A language model for the search, .lm or ARPA; of several, each line takes its own; none: none.",
    ),
    click.option("--lm-weight", "weight", type=click.FloatRange(0), metavar="W", help="Weight of the language model."),
    click.option("--insertion-bonus", type=float, metavar="B", help="Added for each character of the search."),
    click.option("--beam-width", "width", type=click.IntRange(1), metavar="N", help="Texts that the search keeps."),
    click.option(
        "--lexicon",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Prefer the words of this file, one a line.",
    ),
    click.option(
        "--unknown-cost",
        type=click.FloatRange(0),
        metavar="C",
        help="Cost of each word outside the lexicon; inf: none is read.",
    ),
)
NAMES = ("decoder", "language_models", "weight", "insertion_bonus", "width", "lexicon", "unknown_cost")


def decoder_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command gets them together as `decoding`, for `make_options`."""

    @wraps(command)
    def collected(*args: Any, **kwargs: Any) -> None:
        command(*args, decoding={name: kwargs.pop(name) for name in NAMES}, **kwargs)

    for option in reversed(OPTIONS):
        collected = option(collected)
    return collected


def make_options(decoding: dict[str, Any]) -> "DecoderOptions":
    """The options that `decoder_options` collected.

    Raises:
        UsageError: they do not fit together.
    """
    from hwr.recognize.decoder import DecoderOptions

    names = decoding["language_models"]
    models = tuple(name for name in names if name != NONE) if names else None
    return DecoderOptions(**{**decoding, "language_models": models})
