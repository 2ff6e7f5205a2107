"""`facetwise env`: whether this installation works, and a block for bug reports."""

import typer

from facetwise.cli._options import Json, Quiet
from facetwise.cli._screen import Screen, clean

__all__ = ["env"]

BROKEN = 2


def env(quiet: Quiet = False, machine: Json = False) -> None:
    """Check this installation."""
    from facetwise import api
    from facetwise.cli._installation import check_installation

    screen = Screen(quiet=quiet, machine=machine)
    findings = check_installation()
    problems = [f"{finding.name}: {finding.fix}" for finding in findings if finding.fix]
    facts = api.environment()
    lines = {name: str(value) for name, value in facts.items() if not isinstance(value, dict)}
    lines |= {finding.name: finding.found for finding in findings}
    packages = facts["packages"]
    width = max(len(name) for name in lines)
    if not quiet:
        for name, value in lines.items():
            screen.result(f"{clean(name):<{width}}  {clean(value)}")
        for start, names in enumerate(_rows(sorted(packages))):
            said = ", ".join(f"{name} {packages[name] or 'missing'}" for name in names)
            screen.result(f"{'' if start else 'packages':<{width}}  {said}")
        screen.result("")
    for problem in problems:
        screen.result(f"! {problem}")
    works = "This installation works."
    screen.result(works if not problems else "This installation is broken; the lines marked ! say what to do.")
    screen.document({**facts, "checks": {finding.name: finding.found for finding in findings}, "problems": problems})
    if problems:
        raise typer.Exit(BROKEN)


def _rows(names: list[str], size: int = 4) -> list[list[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]
