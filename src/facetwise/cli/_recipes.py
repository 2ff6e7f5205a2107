"""`facetwise recipes`: the configurations that ship, what each is for, and what it cost."""

from typing import Annotated

import typer

from facetwise.cli._options import Json, Quiet
from facetwise.cli._screen import Screen

__all__ = ["recipes"]


def recipes(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them, to print whole.")] = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """List the recipes, or print one. Ready to be saved as a file of your own."""
    from facetwise.config import read_recipe, recipe_names

    screen = Screen(quiet=quiet, machine=machine)
    found = [read_recipe(one) for one in (recipe_names() if name is None else [name])]
    if name is not None:
        for line in found[0].text.splitlines():
            screen.result(line)
    else:
        screen.table(["recipe", "what it is"], [[one.name, one.about] for one in found])
        screen.say()
        screen.say("Whatever you say yourself comes first: --set, options and --config lie over a recipe.")
        screen.next(["facetwise", "recipes", found[0].name])
    screen.document(
        {
            "recipes": [
                {"name": one.name, "about": one.about, **one.facts, "digest": one.digest, "values": one.values}
                for one in found
            ]
        }
    )
