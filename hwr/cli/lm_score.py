"""`hwr lm score`: how well a language model knows a text."""

from pathlib import Path

import click


@click.command("score")
@click.argument("model", metavar="LM", type=str)
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...", type=click.Path(path_type=Path))
@click.option("--wrap", type=click.IntRange(0), default=60, show_default=True, help="As in `hwr lm build`.")
@click.option("--plain/--as-printed", default=True, help="As in `hwr lm build`.  [default: plain]")
@click.option("--per-line", is_flag=True, help="Print the base-10 logarithm of each line's probability, then the line.")
def command(model: str, texts: tuple[Path, ...], wrap: int, plain: bool, per_line: bool) -> None:
    """Print the bits a character of each TEXT (text files, line stores) under the language model LM."""
    import math

    from hwr.lm.corpus import load_text
    from hwr.lm.scorer import score_lines, text_log_probabilities
    from hwr.recognize.models import find_language_model

    loaded = find_language_model(model)
    # all are opened before the first figure is printed: an error leaves no half of an output
    for path, text in [(path, load_text(path, wrap=wrap, plain=plain)) for path in texts]:
        if per_line:
            values = text_log_probabilities(loaded, text.lines)
            for value, line in zip(values, text.lines, strict=True):
                click.echo(f"{value / math.log(10.0):.4f}\t{line}")
        else:
            score = score_lines(loaded, text.lines)
            click.echo(
                f"{path}\t{score.bits:.4f} bits a character\t{score.characters:,} characters and line ends"
                f"\t{score.unknown:,} unknown"
            )
