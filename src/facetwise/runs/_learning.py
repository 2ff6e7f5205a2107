"""A run that knows one class more: its folder, written beside the old one, and how good it is."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facetwise.data import encode, tell
from facetwise.errors import UserError
from facetwise.events import Event, Report
from facetwise.inference import (
    Predictor,
    describe_source,
    learn_class,
    write_bundle,
    write_bytes,
    write_json,
    write_text,
)
from facetwise.runs._how_long import prepared_of
from facetwise.schema import Schema, schema_to_yaml
from facetwise.training import FinishedRun, Prepared, write_results

__all__ = ["write_learnt"]

# What is as it was: the training, which learnt nothing more. What the model says now is measured again.
_KEPT = (
    "config.yaml", "environment.json", "split.csv", "depth.json", "log.jsonl", "diagnostics.json", "issues.parquet",
)  # fmt: skip


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
    prepared = _prepared(run, learnt.bundle.schema, report)
    digests = [digest for digest in described.digests if digest is not None]
    for kept in _KEPT:
        if (run.path / kept).is_file():
            write_bytes(out / kept, (run.path / kept).read_bytes())
    write_text(out / "schema.yaml", schema_to_yaml(learnt.bundle.schema))
    write_json(out / "run.json", _about(run, column, name, digests))
    if prepared is None:
        write_bundle(out / "bundle", replace(learnt.bundle, metrics={}))
        return out
    _tell_measured_on(prepared, digests, report)
    report(Event("stage", f"measuring the run that knows {name}"))
    write_results(out, Predictor(learnt.bundle, model=learnt.model), prepared)
    return out


def _prepared(run: FinishedRun, schema: Schema, report: Report) -> Prepared | None:
    """The run's own table as the grown schema reads it; None, which is said, where it is not at hand."""
    try:
        prepared = prepared_of(run, report)
    except (UserError, OSError) as error:  # learning needs no table: a run that was fetched has none
        message = (
            f"how good the new run is was not measured, and it has no metrics.json: {error} Of the new run, "
            "`facetwise evaluate` then needs a labelled table"
        )
        report(Event("notice", message, data={"code": "not_measured"}))
        return None
    labels, notices = encode(schema, prepared.table.take(prepared.rows))
    tell(notices, report)
    return replace(prepared, schema=schema, labels=labels)


def _tell_measured_on(prepared: Prepared, digests: Sequence[str], report: Report) -> None:
    """Say when a picture that the class is learnt from is one that the run is measured on."""
    learnt, split = set(digests), prepared.split
    told = {side: sum(split.digests[row] in learnt for row in split.rows(side).tolist()) for side in ("val", "test")}
    if any(told.values()):
        message = (
            f"{told['test']} test and {told['val']} validation rows of the run show pictures that the class is learnt "
            "from: of these the new run's scores are too good. Learn from pictures that are in neither"
        )
        report(Event("notice", message, data={"code": "learnt_from_measured", **told}))


def _about(run: FinishedRun, column: str, name: str, digests: Sequence[str]) -> dict[str, Any]:
    """`run.json` of the new run: not the run that it comes from, and which pictures it has seen beside the table."""
    about = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    told = {"column": column, "class": name, "pictures": list(digests)}
    mark = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    return {
        **about,
        "digest": f"{about['digest']}+{mark}",
        "overwrite": False,
        "learnt": [*about.get("learnt", ()), told],
        "from": str(run.path.resolve()),
    }
