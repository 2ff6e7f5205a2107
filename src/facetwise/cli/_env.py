"""`facetwise env`: whether this installation works, and a block for bug reports."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetwise.cli._estimate import rounded
from facetwise.cli._options import Json, Quiet
from facetwise.cli._screen import Screen, clean

if TYPE_CHECKING:
    from facetwise.training import Speed

__all__ = ["env"]

BROKEN = 2
# Pictures of the usual jobs.
JOBS = (1_000, 9_000, 100_000)


def env(
    bench: Annotated[
        bool, typer.Option("--bench", help="Measure this machine for 20 s, and tell how long the usual jobs take.")
    ] = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
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
    told: dict[str, Any] = {}
    if bench and not problems:
        screen.say("measuring decoding, the backbone and training, about 20 s ...")
        speed = api.measure()
        told = {"bench": _measured(speed)}
        screen.result("")
        for line in _lines(speed):
            screen.result(line)
    checks = {finding.name: finding.found for finding in findings}
    screen.document({**facts, "checks": checks, "problems": problems, **told})
    if problems:
        raise typer.Exit(BROKEN)


def _measured(speed: "Speed") -> dict[str, Any]:
    rates = {
        "decode": speed.decode, "describe": speed.describe, "extract": speed.extract, "steps": speed.steps,
        "judged": speed.judged,
    }  # fmt: skip
    return {
        "device": speed.device, "cores": speed.cores, "batch_size": speed.batch_size, "epochs": speed.epochs,
        "per_second": rates, "seconds": {str(pictures): speed.seconds(pictures) for pictures in JOBS},
    }  # fmt: skip


def _lines(speed: "Speed") -> list[str]:
    """Rates, then how long the usual jobs take."""
    lines = [
        f"decoding    {speed.decode:,.0f} pictures/s of 512 × 384 on {speed.cores} cores",
        f"backbone    {speed.describe:,.0f} pictures/s on {speed.device}; both together {speed.extract:,.0f}/s",
        f"training    {speed.steps:,.0f} steps/s of {speed.batch_size} rows, 10 attributes",
        "",
        f"{'pictures':>10}  {'extract':>12}  {'train':>12}",
    ]
    for pictures in JOBS:
        took = speed.seconds(pictures)
        lines.append(f"{pictures:>10,}  {rounded(took['extract']):>12}  {rounded(took['train']):>12}")
    lines.append(
        f"New pictures, lite0; training: all {speed.epochs} epochs of the defaults. Larger pictures decode slower."
    )
    return lines


def _rows(names: list[str], size: int = 4) -> list[list[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]
