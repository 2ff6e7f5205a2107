"""Large runs into a small one: a student that learns from labels and from what its teachers say."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.config import Config, config_to_yaml, load_config
from facetwise.decisions import Decisions
from facetwise.errors import UserError
from facetwise.events import Event, Report, silent
from facetwise.inference import Predictor, write_json
from facetwise.metrics import evaluate
from facetwise.models.backbones import Backbone, create_backbone
from facetwise.objectives import Teaching
from facetwise.runs import Run, load
from facetwise.schema import Labels
from facetwise.training import (
    Assembled,
    Prepared,
    Stopping,
    Teachers,
    begin_run,
    check_teachers,
    describe_unlabelled,
    hold,
    mixtures_of,
    prepare,
    read_structure,
    run_training,
    run_trial,
)

__all__ = ["Distilled", "Pupil", "distill"]

# Passes that a latency is the median of, after as many that are not counted.
PASSES, BATCH = 15, 32
# A student needs more epochs than its teacher before what the teacher says pays (Beyer et al. 2022, "Knowledge
# distillation: a good teacher is patient and consistent"): with as many it was worse than alone on the grocery table,
# with three times as many better. The student alone gets so many, whatever its teacher adds.
PATIENCE, MOST_EPOCHS = 3.0, 1000
# With mixtures an epoch is several times as long; fewer of them were enough.
PATIENCE_MIXED = 1.5


@dataclass(frozen=True, kw_only=True)
class Pupil:
    """One line of the table.

    Args:
        name: teacher, student, or student alone.
        macro_f1, accuracy: Means over the attributes, on the side that is told.
        parameters: Of the heads.
        backbone_parameters: Of what describes pictures; None where features were given.
        latency: Milliseconds of the heads for one picture, alone and in a batch of 32.
        backbone_latency: Milliseconds of the backbone for one picture, in torch.
    """

    name: str
    macro_f1: float | None
    accuracy: float | None
    parameters: int
    backbone_parameters: int | None
    latency: tuple[float, float]
    backbone_latency: float | None


@dataclass(frozen=True, kw_only=True)
class Distilled:
    """What became of the student.

    Args:
        path: Its run.
        split: Which side was measured.
        items: How many items that is.
        pupils: Teacher, student, student alone (where it was asked for).
        closed: Share of the gap between the student alone and its teacher that is closed, by macro F1; None where the
            teacher is not better than the student alone.
        unlabelled: Pictures without labels that were taught.
    """

    path: Path
    split: str
    items: int
    pupils: tuple[Pupil, ...]
    closed: float | None
    unlabelled: int


def distill(
    runs: Sequence[str | Path],
    *,
    out: str | Path,
    student: str | None = None,
    settings: Sequence[str] = (),
    unlabelled: str | Path | None = None,
    temperature: float = 2.0,
    share: float = 0.7,
    likeness: float = 0.1,
    mixtures: int = 2,
    alone: bool = True,
    report: Report = silent,
    stop: Stopping | None = None,
) -> Distilled:
    """Train a small run on the labels and on the answers of large ones; see `objectives.Teaching` for the loss.

    The student has the teachers' table, schema and split; it trains on cached features of its own backbone, for three
    times the epochs of the first teacher unless told otherwise.

    Args:
        runs: Teachers: finished runs with one schema and one split; several are averaged.
        out: Folder of the student's run.
        student: Its backbone; the first teacher's if not given.
        settings: `KEY=VALUE` over the first teacher's configuration: `trunk.width=64`, `levels=last`.
        unlabelled: Folder of pictures without labels, which the teachers label.
        temperature: Of the teachers' probabilities.
        share: Of the loss, the teachers'.
        likeness: Weight of "who looks like whom".
        mixtures: Per training item, mixtures of two that only the teachers speak about; see `training.mixtures_of`.
        alone: Whether to train the student without a teacher, too, for the table.
        report: Told about progress.
        stop: Asked between steps.

    Raises:
        UserError: Teachers that do not fit together, an option that has no legal value, a folder that is not empty.
    """
    folder = Path(out)
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is an empty or a new folder. Found files in it. Fix: another --out")
    _check_options(temperature, share, likeness, mixtures)
    teachers = [load(path) for path in runs]
    check_teachers(teachers)
    first = teachers[0]
    config = _student_config(first, student, settings, times=PATIENCE_MIXED if mixtures else PATIENCE)
    _check_frozen(config)
    prepared, source = _prepared(first, config, report)
    together, more, count = Teachers(teachers, temperature=temperature), None, 0
    if unlabelled is not None:
        if prepared.backbone["name"] is None:
            raise UserError("unlabelled pictures need a backbone. Found given features. Fix: leave --unlabelled away")
        known = frozenset(digest for digest in prepared.split.digests if digest)
        backbone = create_backbone(config.backbone.name, **config.backbone.options)
        more = describe_unlabelled(teachers, backbone, config.levels, unlabelled, known, report=report)
        count = len(more[0])
    if mixtures:
        train = prepared.split.rows("train")
        theirs = [together.features_of(run, prepared.rows[train]) for run in teachers]
        between = mixtures_of(np.asarray(prepared.features[train]), theirs, times=mixtures, seed=config.seed)
        more = between if more is None else _joined(between, more)
    teaching = Teaching(schema=prepared.schema, temperature=temperature, share=share, likeness=likeness)

    def taught(made: Assembled) -> Assembled:
        return together.teach(made, prepared, teaching, unlabelled=more)

    facts = {
        **source["facts"], "teachers": [run.bundle.facetwise + " " + run.path.name for run in teachers],
        "distillation": {"temperature": temperature, "share": share, "likeness": likeness, "mixtures": mixtures,
                         "unlabelled": count},
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps([config_to_yaml(config), facts], sort_keys=True).encode()).hexdigest()
    with hold(folder):
        about = {**source, "digest": digest, "facts": facts, "content": prepared.content, "overwrite": False,
                 "from": [str(run.path.resolve()) for run in teachers]}  # fmt: skip
        begin_run(folder, about, config, plan="fresh")
        run_training(prepared, config, folder, report=report, stop=stop, taught=taught)
    made = load(folder)
    side = made.metrics["split"]
    pupils = [_teacher(together, side), _pupil("student", made)]
    if alone:
        report(Event("stage", "the student without its teacher"))
        lonely = _student_config(first, student, settings, times=PATIENCE)
        trial = run_trial(prepared, lonely, side=side, stop=stop)
        overall = trial.evaluation.to_dict()["overall"]
        like = pupils[-1]
        pupils.append(
            Pupil(
                name="student alone", macro_f1=overall.get("mean_macro_f1"), accuracy=overall.get("mean_accuracy"),
                parameters=like.parameters, backbone_parameters=like.backbone_parameters, latency=like.latency,
                backbone_latency=like.backbone_latency,
            )
        )  # fmt: skip
    found = Distilled(
        path=folder, split=side, items=len(prepared.split.rows(side)), pupils=tuple(pupils), closed=_closed(pupils),
        unlabelled=count,
    )  # fmt: skip
    write_json(folder / "distillation.json", {**asdict(found), "path": folder.name, "options": facts["distillation"]})
    return found


def _joined(
    one: tuple[np.ndarray, list[np.ndarray]], two: tuple[np.ndarray, list[np.ndarray]]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Items without labels of two sources."""
    return np.concatenate([one[0], two[0]]), [np.concatenate(pair) for pair in zip(one[1], two[1], strict=True)]


def _student_config(first: Run, student: str | None, settings: Sequence[str], *, times: float) -> Config:
    """The first teacher's configuration with what the user says; more epochs, where nothing is said about them."""
    named = {} if student is None else {"backbone": student}
    config = load_config(first.path / "config.yaml", settings, **named)
    said = {setting.split("=", 1)[0].strip() for setting in settings}
    longer = {name: min(round(times * getattr(first.config, name)), MOST_EPOCHS) for name in ("epochs", "patience")}
    return config.model_copy(
        update={
            **{name: count for name, count in longer.items() if name not in said},
            # The teacher's schema and split have had their say about these; what is no attribute, such as the table's
            # own split, stays left out.
            "attributes": None, "exclude": [name for name in config.exclude if name not in first.schema.index],
            "near_duplicates": False, "group_near_duplicates": False,
        }
    )  # fmt: skip


def _check_options(temperature: float, share: float, likeness: float, mixtures: int) -> None:
    if mixtures < 0:
        raise UserError(f"mixtures are at least 0 per item. Found {mixtures}. Fix: --mixtures 2")
    if temperature <= 0:
        raise UserError(f"a temperature is positive. Found {temperature:g}. Fix: --temperature 2")
    if not 0 < share <= 1:
        raise UserError(f"the teachers' share of the loss is above 0 and at most 1. Found {share:g}. Fix: --share 0.7")
    if likeness < 0:
        raise UserError(f"the weight of the likeness is at least 0. Found {likeness:g}. Fix: --likeness 0.1")


def _check_frozen(config: Config) -> None:
    if config.finetune != Config().finetune:
        raise UserError(
            "a student learns on cached features of its backbone. Found a configuration that fine-tunes it. "
            f"Fix: --set finetune={Config().finetune.name}"
        )


def _prepared(first: Run, config: Config, report: Report) -> tuple[Prepared, dict[str, Any]]:
    """The first teacher's table with the student's features."""
    about = json.loads((first.path / "run.json").read_text(encoding="utf-8"))
    source = first.source()
    read = read_structure(
        source["table"], images=Path(source["images"]), schema=first.schema, config=config, test=source["test"],
        corrections=source["corrections"],
    )  # fmt: skip
    given = None if source["features"] is None else Path(source["features"])

    def heard(event: Event) -> None:
        if event.kind != "notice":  # what is odd about the table the teacher has said
            report(event)

    return prepare(read, config, features=given, split_from=first.path, report=heard), about


def _closed(pupils: Sequence[Pupil]) -> float | None:
    scores = {pupil.name: pupil.macro_f1 for pupil in pupils}
    top, own, low = scores.get("teacher"), scores.get("student"), scores.get("student alone")
    if top is None or own is None or low is None or top <= low:
        return None
    return (own - low) / (top - low)


def _teacher(together: Teachers, side: str) -> Pupil:
    """Quality of what the teachers say together, and what they cost together."""
    runs: list[Run] = [load(run.path) for run in together.runs]
    if len(runs) == 1:
        return _pupil("teacher", runs[0])
    truth, decisions = together.answers(side)
    overall = _overall(runs[0], truth, decisions)
    each = [_pupil("teacher", run) for run in runs]
    backbones = {json.dumps(run.bundle.backbone, sort_keys=True): pupil for run, pupil in zip(runs, each, strict=True)}
    known = [pupil for pupil in backbones.values() if pupil.backbone_parameters is not None]
    return Pupil(
        name="teacher", macro_f1=overall.get("mean_macro_f1"), accuracy=overall.get("mean_accuracy"),
        parameters=sum(pupil.parameters for pupil in each),
        backbone_parameters=sum(pupil.backbone_parameters or 0 for pupil in known) if known else None,
        latency=(sum(pupil.latency[0] for pupil in each), sum(pupil.latency[1] for pupil in each)),
        backbone_latency=sum(pupil.backbone_latency or 0.0 for pupil in known) if known else None,
    )  # fmt: skip


def _overall(run: Run, truth: Labels, decisions: Decisions) -> dict[str, Any]:
    return evaluate(run.schema, truth, decisions, train=run.train_labels, floors=False).to_dict()["overall"]


def _pupil(name: str, run: Run) -> Pupil:
    overall, predictor = run.metrics["overall"], run.predictor()
    backbone = None if run.bundle.backbone["name"] is None else run.backbone()
    described = None if backbone is None else _backbone_cost(backbone)
    return Pupil(
        name=name, macro_f1=overall.get("mean_macro_f1"), accuracy=overall.get("mean_accuracy"),
        parameters=sum(parameter.numel() for parameter in predictor.model.parameters()),
        backbone_parameters=None if described is None else described[0],
        latency=(_latency(predictor, 1), _latency(predictor, BATCH) / BATCH),
        backbone_latency=None if described is None else described[1],
    )  # fmt: skip


def _latency(predictor: Predictor, batch: int) -> float:
    """Median milliseconds from features to decisions."""
    features = np.zeros((batch, len(predictor.bundle.standardizer.mean)), np.float32)
    return _median(lambda: predictor(features))


def _backbone_cost(backbone: Backbone) -> tuple[int, float]:
    """Parameters, and median milliseconds of one picture, in torch."""
    import torch

    module, size = backbone.describer().eval(), backbone.preprocessing.size
    pixels = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    with torch.inference_mode():
        spent = _median(lambda: module(pixels))
    return sum(parameter.numel() for parameter in module.parameters()), spent


def _median(work: Any) -> float:
    times = []
    for _ in range(2 * PASSES):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times[PASSES:]) * 1000)
