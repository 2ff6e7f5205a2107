"""`facetwise env`: whether this installation works, and a block for bug reports."""

import typer

from facetwise.cli._options import Json, Quiet
from facetwise.cli._screen import Screen, clean

__all__ = ["env"]

BROKEN = 2


def env(quiet: Quiet = False, machine: Json = False) -> None:
    """Check this installation."""
    from facetwise import api

    screen = Screen(quiet=quiet, machine=machine)
    facts = api.environment()
    problems = [str(problem) for problem in facts["problems"]]
    if not quiet:
        width = max(len(str(name)) for name in facts)
        for name, value in facts.items():
            if name != "problems":
                screen.result(f"{clean(name).replace('_', ' '):<{width}}  {clean(_word(value))}")
        screen.result("")
    for problem in problems:
        screen.result(f"! {problem}")
    screen.result(
        "This installation works." if not problems else "This installation is broken; the lines above mend it."
    )
    screen.document(facts)
    if problems:
        raise typer.Exit(BROKEN)


def _word(value: object) -> str:
    if value is None:
        return "not installed"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
