"""An attribute more for a finished run: a model of its own on the same features, beside the old one."""

import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.config import Config, config_to_yaml
from facetwise.data import write_split
from facetwise.decisions import answers_digest, before_learning, labels_of
from facetwise.errors import RunError, UserError
from facetwise.events import Event, Report
from facetwise.inference import Bundle, Predictor, read_bundle, write_bytes, write_json, write_text, writing
from facetwise.objectives import plain_objective
from facetwise.runs._addition_bundle import decide_addition, join_addition
from facetwise.runs._addition_level import with_representation
from facetwise.runs._addition_table import only, own_root, prepare_addition
from facetwise.schema import Schema, alone, schema_to_yaml
from facetwise.training import (
    Assembled,
    FinishedRun,
    Prepared,
    assemble,
    depth_report,
    fit,
    read_checkpoint,
    write_results,
)

__all__ = ["Added", "add_attribute"]

# What the new run takes over as it is: what was measured of the old attributes' training.
_KEPT = ("environment.json", "log.jsonl", "diagnostics.json", "issues.parquet")


@dataclass(frozen=True, kw_only=True)
class Added:
    """What was added to a run, and the proof that nothing else has changed.

    Args:
        path: Folder of the new run.
        column: The attribute.
        kind: Its kind.
        classes: How many classes it has.
        rows: Labelled cells by side.
        score: Metrics of the attribute on `split`, as `metrics.json` has them.
        split: test, or val where there is no test.
        items: Validation items that old and new run answered.
        before, after: SHA-256 of what they say of all old attributes; equal, or nothing would have been written.
        seconds: Of the training.
    """

    path: Path
    column: str
    kind: str
    classes: int
    rows: dict[str, int]
    score: dict[str, Any]
    split: str
    items: int
    before: str
    after: str
    seconds: float


def _refuse_unknown_categories(schema: Schema, column: str, bundle: Bundle) -> None:
    """The network decides what applies, and has no word for a category that was learnt after its training.

    Raises:
        UserError: The attribute applies to such categories alone.
    """
    applies = schema.attribute(column).applies_to
    if applies and before_learning(schema, bundle.learnt).attribute(column).applies_to == ():
        raise UserError(
            f"an attribute applies to a category that the network was trained with. Found {column!r} of "
            f"{', '.join(map(repr, applies))} alone, learnt afterwards. Fix: train again with these pictures"
        )


def add_attribute(
    run: FinishedRun,
    table: str | Path,
    column: str,
    *,
    images: str | Path | None,
    schema: str | Path | None,
    out: Path,
    report: Report,
) -> Added:
    """A copy of the run that answers one attribute more; arguments and errors as of `Run.add_attribute`."""
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is an empty or a new folder. Found files in it. Fix: another --out")
    if column in run.schema.index:
        raise UserError(f"{column!r} is an attribute of the run already. Fix: train again to teach it more of it")
    root = Path(images) if images is not None else own_root(run, table)
    prepared = prepare_addition(run, table, root, column, schema, report=report)
    _refuse_unknown_categories(prepared.schema, column, run.bundle)
    identity = prepared.schema.attribute(column).id

    # A model of the attribute alone, on the features as the old model reads them.
    report(Event("stage", f"training {column}"))
    began, bundle = time.perf_counter(), run.bundle
    config = _config_of_one(run.config, column)
    # As the network will know it: a category that was learnt afterwards decides about no logit.
    schema_alone = alone(before_learning(prepared.schema, bundle.learnt), identity)
    own = replace(prepared, schema=schema_alone, labels=labels_of(prepared.schema, identity, prepared.labels))
    made, own = with_representation(
        assemble(own, config, standardizer=bundle.standardizer), own, run.predictor().model, config
    )
    with tempfile.TemporaryDirectory(prefix="added-") as scratch:
        fit(
            own.schema, made.model, made.objective, made.scales, config, train=made.parts["train"],
            val=made.parts["val"], folder=Path(scratch), report=report,
        )  # fmt: skip
        best = read_checkpoint(Path(scratch) / "checkpoints" / "best_score")
    seconds = time.perf_counter() - began

    grown = join_addition(bundle, prepared, identity, made, best.tensors, config)
    predictor = decide_addition(Predictor(grown), prepared, identity, made, run.config)

    # Everything is written; what was written is read again, and has to say of the old attributes what the old run says.
    report(Event("stage", "proving that the old attributes are answered as before"))
    write_text(out / "schema.yaml", schema_to_yaml(prepared.schema))
    with writing(out / "split.csv"):
        write_split(prepared.split, out / "split.csv")
    write_text(out / "config.yaml", config_to_yaml(_grown_config(run.config, column)))
    write_json(out / "run.json", _about(run, table, root, column, prepared))
    for name in _KEPT:
        if (run.path / name).is_file():
            write_bytes(out / name, (run.path / name).read_bytes())
    _write_depth(run, out, own, made, best.tensors, config)
    side, measured = write_results(out, predictor, prepared)
    items, before, after = _digests(run, out, prepared)
    if before != after:
        (out / "bundle" / "bundle.json").unlink()
        raise RunError(
            f"the old attributes are answered as before, to the last bit. Found another digest on {items:,} validation "
            f"items: {before[:16]} before, {after[:16]} after. Fix: report it; {out} is not a run"
        )
    attribute = prepared.schema.attribute(column)
    place = prepared.schema.index[column]
    return Added(
        path=out, column=column, kind=str(attribute.kind), classes=len(attribute.classes),
        rows={
            each: int((prepared.labels.state[prepared.split.rows(each), place] == 1).sum())
            for each in ("train", "val", "test")
        },
        score=measured.to_dict()["attributes"][column], split=side, items=items, before=before, after=after,
        seconds=seconds,
    )  # fmt: skip


def _config_of_one(config: Config, column: str) -> Config:
    """What the attribute is trained with: as the run was, without what is about several attributes or the backbone."""
    plain = Config()
    fields = (
        "finetune", "augmentation", "checkpointing", "sharding", "mixing", "adapters", "sampler", "balancing",
        "select_by",
    )  # fmt: skip
    return config.model_copy(
        update={
            **{name: getattr(plain, name) for name in fields},
            "goals": only(config.goals, column), "losses_of": only(config.losses_of, column),
        }
    )  # fmt: skip


def _grown_config(config: Config, column: str) -> Config:
    named = None if config.attributes is None else [*config.attributes, column]
    return config.model_copy(
        update={"attributes": named, "exclude": [name for name in config.exclude if name != column]}
    )


def _digests(run: FinishedRun, out: Path, prepared: Prepared) -> tuple[int, str, str]:
    """Of the run's validation rows (of the new table's, where the run's are gone), before and after."""
    try:
        old = run.prepared
    except (UserError, OSError):  # its table or its pictures are not where they were
        old = prepared
    features = old.features[old.split.rows("val")]
    known = frozenset(attribute.id for attribute in run.schema.attributes)
    before = Predictor(read_bundle(run.path / "bundle"))(features)
    after = Predictor(read_bundle(out / "bundle"))(features)
    return len(features), answers_digest(run.schema, before, known), answers_digest(prepared.schema, after, known)


def _write_depth(
    run: FinishedRun, out: Path, own: Prepared, made: Assembled, tensors: dict[str, np.ndarray], config: Config
) -> None:
    import torch

    made.model.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    measure = plain_objective(own.schema).to(made.device)
    depths = depth_report(own.schema, made.model, measure, made.parts["val"], levels=own.levels, seed=config.seed)
    before = run.path / "depth.json"
    told = json.loads(before.read_text(encoding="utf-8")) if before.is_file() else {}
    write_json(out / "depth.json", {**told, **depths})


def _about(run: FinishedRun, table: str | Path, root: Path | None, column: str, prepared: Prepared) -> dict[str, Any]:
    """`run.json` of the new run."""
    about = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    facts = {**about["facts"], "table": prepared.table.digest, "added": [*about["facts"].get("added", ()), column]}
    return {
        **about,
        "digest": f"{about['digest']}+{prepared.content[:16]}",
        "facts": facts,
        "content": prepared.content,
        "overwrite": False,
        "table": str(Path(table).resolve()),
        "images": str((prepared.root if root is None else root).resolve()),
        "from": str(run.path.resolve()),
    }
