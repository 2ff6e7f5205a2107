"""All commands in one place, and what an error looks like."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from facetwise import __version__
from facetwise.cli._demo import demo
from facetwise.cli._env import env
from facetwise.cli._evaluate import evaluate
from facetwise.cli._extract import extract
from facetwise.cli._inspect import inspect
from facetwise.cli._predict import predict
from facetwise.cli._screen import clean
from facetwise.cli._train import train
from facetwise.errors import FacetwiseError

__all__ = ["app", "run"]

DONE, DEFECT, USER_CAN_MEND, INTERRUPTED = 0, 1, 2, 130


class _Front(TyperGroup):
    """The page of `facetwise --help`: plain, because the machinery of the coloured one takes 0.2 s to import."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        coloured, self.rich_markup_mode = self.rich_markup_mode, None
        super().format_help(ctx, formatter)
        self.rich_markup_mode = coloured


app = typer.Typer(
    name="facetwise",
    cls=_Front,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First time here?  facetwise demo",
)

for command in (demo, inspect, train, evaluate, predict, extract, env):
    app.command(no_args_is_help=command not in (demo, env))(command)


def _show_version(value: bool) -> None:
    if value:
        print(f"facetwise {__version__}")
        raise typer.Exit


@app.callback()
def _facetwise(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of every error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """One model that fills in every attribute of every picture.

    A table of images goes in, one column per attribute, with gaps; the gaps come back filled, or honestly left open.
    """
    del debug, version  # `run` reads --debug, which may stand anywhere; the callback of --version has already printed


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: What follows the word `facetwise`. `--debug` may stand anywhere before a lone `--`.

    Returns:
        The exit code: 0 done, 2 the user can mend it (the message says how), 130 interrupted.
        A defect of ours is not caught: Python shows its traceback and leaves with 1.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    words = [word for word in arguments[:end] if word != "--debug"] + list(arguments[end:])
    try:
        outcome = app(words or ["--help"], prog_name="facetwise", standalone_mode=True)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else DONE
    except FacetwiseError as error:
        if debug:
            raise
        print(f"facetwise: {clean(str(error), lines=True)}", file=sys.stderr)
        return USER_CAN_MEND
    except KeyboardInterrupt:
        print("facetwise: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Somebody closed the pipe (`facetwise ... | head`); Python would complain once more while shutting down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return outcome if isinstance(outcome, int) else DONE
