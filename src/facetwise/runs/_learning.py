"""A run that knows one class more: its folder, written beside the old one."""

from collections.abc import Sequence
from pathlib import Path

from facetwise.errors import UserError
from facetwise.events import Report
from facetwise.inference import describe_source, learn_class, write_bundle, write_bytes, write_text
from facetwise.schema import schema_to_yaml
from facetwise.training import FinishedRun

__all__ = ["write_learnt"]


def write_learnt(
    run: FinishedRun,
    column: str,
    name: str,
    pictures: Sequence[str | Path],
    out: Path,
    parent: str | None,
    report: Report,
) -> Path:
    """The folder of the new run; arguments and errors as of `Run.learn`."""
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is an empty or a new folder. Found files in it. Fix: another --out")
    names, described = describe_source(
        [Path(one) for one in pictures], None, run.backbone(), schema=run.schema,
        allow_outside=run.config.allow_outside_root, report=report,
    )  # fmt: skip
    if described.issues:
        place, (reason, message) = next(iter(described.issues.items()))
        raise UserError(f"every picture of {name!r} can be read. Found {names[place]!r}: {reason}: {message}")
    learnt = learn_class(run.predictor(), column, name, run.chosen_features(described), names, parent=parent)
    for kept in ("config.yaml", "environment.json", "run.json", "split.csv", "metrics.json", "depth.json"):
        if (run.path / kept).is_file():
            write_bytes(out / kept, (run.path / kept).read_bytes())
    write_text(out / "schema.yaml", schema_to_yaml(learnt.bundle.schema))
    write_bundle(out / "bundle", learnt.bundle)
    return out
