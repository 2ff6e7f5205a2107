"""A run from words alone: class names as the rows of the heads, on the pictures' side of a model that read both."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facetwise.config import Config, config_to_yaml, load_config
from facetwise.data import list_folder, write_split
from facetwise.decisions import Policy
from facetwise.errors import UserError
from facetwise.events import Event, Report, silent
from facetwise.features import Standardizer
from facetwise.inference import Bundle, Predictor, write_json, write_text, writing
from facetwise.models import FacetModel, WordRows, build_model, rows_from_words
from facetwise.models.backbones import BACKBONES, ReadsText, create_backbone
from facetwise.runs import load
from facetwise.schema import VALUE, Kind, Schema, read_schema, schema_digest, schema_to_yaml
from facetwise.training import (
    Assembled,
    Prepared,
    Stopping,
    begin_run,
    environment,
    hold,
    prepare,
    read_structure,
    run_training,
    write_results,
)

__all__ = ["ZeroShot", "zero_shot"]

# The classifier of the paper: one product on embeddings of unit length. What a user sets comes after it.
_SHAPE = (
    "backbone.depths=0", "levels=last", "l2_normalize=true", "standardize=false", "trunk=linear", "head=linear",
    "depth=false", "views=mean",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """What became of the words.

    Args:
        path: The run.
        split: Which side was measured.
        items: Pictures of the table or the folder that could be read.
        labelled: Labelled cells of that side: nothing is known about the quality where there are none.
        texts: Different texts that were read.
        left_out: Columns that words cannot fill: numbers.
        macro_f1, accuracy: Means over the attributes, where cells are labelled.
        given: Share of the applicable cells of that side that got a value.
        trained: Whether the rows were trained further.
    """

    path: Path
    split: str
    items: int
    labelled: int
    texts: int
    left_out: tuple[str, ...]
    macro_f1: float | None
    accuracy: float | None
    given: float
    trained: bool


def zero_shot(
    source: str | Path,
    *,
    schema: str | Path | Schema,
    backbone: str,
    out: str | Path,
    images: str | Path | None = None,
    weights: str | Path | None = None,
    margin: float = 0.2,
    train: bool = False,
    settings: Sequence[str] = (),
    report: Report = silent,
    stop: Stopping | None = None,
) -> ZeroShot:
    """Make a run whose heads are class names, read by the text tower of the backbone; see `models.rows_from_words`.

    Nothing learns from a label: those of the table measure, and no more. A cell is left open where its confidence c
    lies less than `margin` of the way from chance to certainty: c < c_0 + margin (1 - c_0), c_0 one part in the number
    of answers that are possible. With `train`, the rows are where an ordinary training begins, which fits thresholds
    and everything else on validation rows in place of the margin.

    Args:
        source: A table, with or without labels, or a folder of pictures; of a folder, `table.csv` is written into the
            run, with a column per attribute for labels that may come later.
        schema: Attributes, classes and, if wanted, `prompts`.
        backbone: One that reads text.
        out: Folder of the run.
        images: Folder of the table's pictures.
        weights: A local file of the backbone's weights, both towers.
        margin: Between 0 (every cell gets a value) and 1.
        train: Train the rows on the labels of the table.
        settings: `KEY=VALUE` into the configuration.
        report: Told about progress.
        stop: Asked between steps.

    Raises:
        UserError: A backbone that reads no text, a schema without words, a folder that is not empty.
        UnavailableError: Weights that are not here, or have no text tower.
    """
    folder, began = Path(out), Path(source)
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is an empty or a new folder. Found files in it. Fix: another --out")
    if not 0 <= margin < 1:
        raise UserError(f"a margin is at least 0 and below 1. Found {margin:g}. Fix: --margin 0.2")
    config = _configured(backbone, weights, settings)
    reader = create_backbone(config.backbone.name, **config.backbone.options)
    assert isinstance(reader, ReadsText), "checked with the configuration"
    words, left_out = _wordy(schema if isinstance(schema, Schema) else read_schema(Path(schema)))
    if train and began.is_dir():
        raise UserError("training needs labels. Found a folder of pictures. Fix: a table, or leave --train away")
    with hold(folder):
        root = Path(images) if images is not None else None
        table = began
        if began.is_dir():
            table, root = _listed(folder / "table.csv", began, words), began
        read = read_structure(table, images=root, schema=words, config=config)
        prepared = prepare(read, config, features=None, split_from=None, backbone=reader, report=report)
        report(Event("stage", "reading the class names"))
        tower = reader.text_reader()
        rows = rows_from_words(prepared.schema, tower.read, scale=tower.scale, width=prepared.features.shape[-1])
        facts = {
            "table": prepared.table.digest, "images": str(read.root.resolve()), "schema": schema_digest(words),
            "features": None, "split_from": None,
            "zero_shot": {"margin": None if train else margin, "texts": rows.texts, "train": train,
                          "rows": hashlib.sha256(rows.weight.tobytes() + rows.bias.tobytes()).hexdigest()},
        }  # fmt: skip
        digest = hashlib.sha256(json.dumps([config_to_yaml(config), facts], sort_keys=True).encode()).hexdigest()
        about = {
            "digest": digest, "facts": facts, "content": prepared.content, "overwrite": False,
            "table": str(table.resolve()), "images": str(read.root.resolve()), "test": None, "features": None,
            "corrections": None, "recipe": None,
        }  # fmt: skip
        begin_run(folder, about, config, plan="fresh")
        if train:
            run_training(prepared, config, folder, report=report, stop=stop, taught=lambda made: _begun(made, rows))
        else:
            _write(folder, prepared, config, rows, margin)
    return _told(folder, prepared, rows, left_out, trained=train)


def _configured(backbone: str, weights: str | Path | None, settings: Sequence[str]) -> Config:
    """The configuration of one product on the backbone's own output.

    Raises:
        UserError: The backbone reads no text, or the settings are about another model.
    """
    plain = create_backbone(backbone)
    if not isinstance(plain, ReadsText):
        known = ", ".join(name for name, island in BACKBONES.items() if issubclass(island, ReadsText))
        raise UserError(
            f"class names need a backbone that was trained with words. Found {backbone!r}. "
            f"Fix: one of the family {known} such as {known}ViT-B-32/laion2b_s34b_b79k"
        )
    shape = load_config(None, [f"backbone={backbone}", *_SHAPE])
    config = load_config(None, [f"backbone={backbone}", *_SHAPE, *settings], weights=weights)
    fixed = ("levels", "l2_normalize", "standardize", "trunk", "head", "depth", "views", "adapters", "finetune")
    if other := [name for name in fixed if getattr(config, name) != getattr(shape, name)]:
        raise UserError(
            f"the heads are class names on the backbone's output. Found --set {other[0]} with another model. "
            "Fix: leave it away; `facetwise train` trains any model"
        )
    if config.backbone.options.get("depths") != 0 or config.backbone.options.get("patch_tokens"):
        raise UserError("the heads read the backbone's output alone. Found other depths. Fix: leave them away")
    return config


def _wordy(schema: Schema) -> tuple[Schema, tuple[str, ...]]:
    """The schema without numbers, and which these are."""
    numbers = tuple(one.column for one in schema.attributes if one.kind is Kind.NUMERIC)
    kept = tuple(one for one in schema.attributes if one.kind is not Kind.NUMERIC)
    if not kept:
        raise UserError("words describe classes. Found numbers only in the schema. Fix: add an attribute with classes")
    if not numbers:
        return schema, ()
    groups = {
        name: left for name, columns in schema.groups.items() if (left := tuple(c for c in columns if c not in numbers))
    }
    return replace(schema, attributes=kept, groups=groups), numbers


def _listed(path: Path, folder: Path, schema: Schema) -> Path:
    """A table of a folder's pictures, with empty columns for labels."""
    pictures = [picture.relative_to(folder).as_posix() for picture in list_folder(folder)]
    if not pictures:
        raise UserError(f"{folder} has pictures. Found none. Fix: another folder")
    extra = [name for name in (schema.group, schema.weight, schema.box) if name is not None]
    columns = list(dict.fromkeys([*schema.images, *schema.index, *extra]))
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([picture] + [""] * (len(columns) - 1) for picture in pictures)
    write_text(path, sink.getvalue())
    return path


def _begun(made: Assembled, rows: WordRows) -> Assembled:
    """The model, with the words in its heads, still to be trained."""
    _place(made.model, rows)
    return made


def _place(model: FacetModel, rows: WordRows) -> None:
    given = {"head.weight": rows.weight, "head.bias": rows.bias}
    model.load_state_dict({**model.state_dict(), **{name: torch.from_numpy(one) for name, one in given.items()}})


def _write(folder: Path, prepared: Prepared, config: Config, rows: WordRows, margin: float) -> None:
    """The run folder of heads that have learned nothing."""
    width = prepared.features.shape[-1]
    described = {"trunk": config.trunk, "head": config.head}
    model = build_model(
        prepared.schema, levels=[width], depth=False, input_dropout=0.0,
        trunk=config.trunk.name, head=config.head.name, seed=config.seed,
    )  # fmt: skip
    _place(model, rows)
    bundle = Bundle(
        schema=prepared.schema,
        tensors={name: tensor.numpy() for name, tensor in model.state_dict().items()},
        standardizer=Standardizer.fit(prepared.features[:1], [width], standardize=False, l2_normalize=True),
        scales={}, thresholds={}, policy=Policy(least=_least(prepared.schema, margin)),
        model={**{name: one.model_dump() for name, one in described.items()}, "depth": False, "views": "mean",
               "adapters": []},
        levels=config.levels, backbone=prepared.backbone, facetwise=version("facetwise"),
        data={"content": prepared.content,
              "rows": {side: len(prepared.split.rows(side)) for side in ("train", "val", "test")}},
    )  # fmt: skip
    predictor = Predictor(bundle, model=model.eval())
    decisions = predictor(prepared.features)
    bundle = replace(bundle, policy=replace(bundle.policy, shares=_shares(prepared.schema, bundle.policy, decisions)))
    write_text(folder / "schema.yaml", schema_to_yaml(prepared.schema))
    with writing(folder / "split.csv"):
        write_split(prepared.split, folder / "split.csv")
    write_json(folder / "environment.json", environment())
    write_json(folder / "depth.json", {})
    write_results(folder, Predictor(bundle, model=model), prepared)


def _least(schema: Schema, margin: float) -> dict[str, float]:
    """By id the confidence that an answer needs."""
    if not margin:
        return {}
    found = {}
    for attribute in schema.attributes:
        classes = len(attribute.classes)
        chance = 0.5**classes if attribute.kind is Kind.MULTILABEL else 1 / classes
        found[attribute.id] = chance + margin * (1 - chance)
    return found


def _shares(schema: Schema, policy: Policy, decisions: Any) -> dict[str, float]:
    """By id of the pictures that might have a value, how many get one."""
    given = decisions.state == VALUE
    asked = np.maximum((decisions.applies >= 0.5).sum(axis=0), 1)
    told = given.sum(axis=0) / asked
    return {
        one.id: float(min(told[place], 1.0)) for place, one in enumerate(schema.attributes) if one.id in policy.least
    }


def _told(folder: Path, prepared: Prepared, rows: WordRows, left_out: tuple[str, ...], *, trained: bool) -> ZeroShot:
    run = load(folder)
    overall, side = run.metrics["overall"], run.metrics["split"]
    places = prepared.split.rows(side)
    decisions = run.predictor()(prepared.features[places])
    asked = int((decisions.applies >= 0.5).sum())
    made = ZeroShot(
        path=folder, split=side, items=len(prepared.rows),
        labelled=int((prepared.labels.state[places] == VALUE).sum()), texts=rows.texts, left_out=left_out,
        macro_f1=overall.get("mean_macro_f1"), accuracy=overall.get("mean_accuracy"),
        given=int((decisions.state == VALUE).sum()) / max(asked, 1), trained=trained,
    )  # fmt: skip
    write_json(folder / "zero_shot.json", {**asdict(made), "path": folder.name})
    return made
