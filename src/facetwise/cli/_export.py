"""`facetwise export`: one file that carries its meaning, written only where it decides as the run does."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from facetwise.cli._options import Images, Json, Quiet, Run
from facetwise.cli._progress import Reporter
from facetwise.cli._proof import show_proof
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen
from facetwise.errors import UserError

__all__ = ["export"]


def export(
    run: Run,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write.")] = Path("model.onnx"),
    format: Annotated[
        Literal["onnx", "torch-export"], typer.Option("--format", help="onnx runs without torch.")
    ] = "onnx",
    precision: Annotated[
        Literal["fp32", "fp16", "int8"], typer.Option("--precision", help="Of the backbone.")
    ] = "fp32",
    features_only: Annotated[
        bool, typer.Option("--features-only", help="Read the backbone's features instead of pixels.")
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="TABLE", help="Labelled pictures to prove it on; not the run's."),
    ] = None,
    images: Images = None,
    triton: Annotated[
        Path | None, typer.Option("--triton", metavar="FOLDER", help="Write it as a Triton model repository too.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --out.")] = False,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """Write a run as one file, proved to decide the same."""
    if out.exists() and not overwrite:
        raise UserError(f"{out} is there already. Name another with --out FILE, or add --overwrite.")
    if triton is not None and format != "onnx":
        raise UserError(f"a Triton repository holds an ONNX file. Found --format {format}. Fix: leave one of them away")
    check_run(run)
    from facetwise import api
    from facetwise.training import stopping_on_signals

    screen = Screen(quiet=quiet, machine=machine)
    trained = api.load(run)
    with stopping_on_signals(), Reporter(screen) as report:
        made = trained.export(
            format, out=out, precision=precision, features_only=features_only, table=table, images=images, report=report
        )
    show_proof(screen, made.verification)
    screen.result(f"Written to {out} ({made.size / 1e6:.1f} MB)")
    if triton is not None:
        from facetwise.inference.exporting import write_triton

        screen.result(f"Model repository: {write_triton(out.read_bytes(), triton, out.stem)}")
    if format == "onnx":
        serving = [] if features_only else [["facetwise", "serve", out]]
        screen.next(["facetwise", "verify", run, out], *serving)
    screen.document({"run": str(trained.path), "out": str(out), "bytes": made.size, **made.verification.to_dict()})
