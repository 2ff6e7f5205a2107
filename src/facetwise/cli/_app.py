"""All commands in one place."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from facetwise import __version__
from facetwise.cli._add_attribute import add_attribute
from facetwise.cli._audit import audit
from facetwise.cli._backbones import backbones
from facetwise.cli._compare import compare
from facetwise.cli._config import config
from facetwise.cli._demo import demo
from facetwise.cli._diff import diff
from facetwise.cli._distill import distill
from facetwise.cli._door import enter
from facetwise.cli._drift import drift
from facetwise.cli._env import env
from facetwise.cli._evaluate import evaluate
from facetwise.cli._export import export
from facetwise.cli._extract import extract
from facetwise.cli._fill import fill
from facetwise.cli._inspect import inspect
from facetwise.cli._learn import learn
from facetwise.cli._predict import predict
from facetwise.cli._prepare import prepare
from facetwise.cli._recipes import recipes
from facetwise.cli._report import report
from facetwise.cli._serve import serve
from facetwise.cli._soup import soup
from facetwise.cli._suggest import suggest
from facetwise.cli._sweep import sweep
from facetwise.cli._train import train
from facetwise.cli._verify import verify
from facetwise.cli._zero_shot import zero_shot

__all__ = ["app", "run"]


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

for command in (
    demo,
    prepare,
    inspect,
    train,
    compare,
    sweep,
    evaluate,
    report,
    predict,
    fill,
    export,
    verify,
    serve,
    extract,
    audit,
    suggest,
    learn,
    add_attribute,
    soup,
    distill,
    zero_shot,
    diff,
    drift,
    backbones,
    recipes,
    config,
    env,
):
    app.command(no_args_is_help=command not in (demo, backbones, recipes, config, env))(command)


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
    del (
        debug,
        version,
    )  # the door reads --debug, which may stand anywhere; the callback of --version has already printed


def run(arguments: Sequence[str]) -> int:
    """Run one command, given what follows the word `facetwise`; the exit code."""
    return enter(app, arguments)
