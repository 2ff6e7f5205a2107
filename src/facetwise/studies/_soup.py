"""Several trained models of one kind averaged into one, where validation says that the average is better."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from facetwise.errors import RunError, UserError
from facetwise.events import Event, Report, silent
from facetwise.inference import Predictor, write_bytes, write_json
from facetwise.objectives import plain_objective
from facetwise.runs import Run, load, prepared_of
from facetwise.training import Judgement, depth_report, fit_decisions, judge, make_part, read_checkpoint, write_results

__all__ = ["Ingredient", "Soup", "soup"]

# Checkpoints of one run that are tried; several names may hold the same epoch.
CHECKPOINTS = ("best_score", "best_loss", "best_both", "last")
# What the new run takes over as it is from the run that the soup begins with.
_KEPT = ("config.yaml", "schema.yaml", "split.csv", "environment.json", "log.jsonl", "issues.parquet")


@dataclass(frozen=True, kw_only=True)
class Ingredient:
    """One trained model.

    Args:
        name: Where it is from: a run, or one of its checkpoints.
        score: What validation says of it alone, by the score that selects; None where it cannot be measured.
        together: What validation said of the average with it, when it was tried; None for the first.
        taken: Whether it is in the soup.
    """

    name: str
    score: float | None
    together: float | None
    taken: bool


@dataclass(frozen=True, kw_only=True)
class Soup:
    """What was averaged, and what it gained.

    Args:
        path: The new run; the run of the best single model where no average was better, and nothing was written.
        written: Whether there is a new run.
        select_by: The score that decided, on validation.
        items: Validation items that decided.
        ingredients: In the order in which they were tried, the best first.
        best: That score of the best single model.
        score: That score of what `path` holds.
        test: Mean macro F1 on the test side (or validation) of the best single run, and of the new one.
        split: Which side `test` is of.
    """

    path: Path
    written: bool
    select_by: str
    items: int
    ingredients: tuple[Ingredient, ...]
    best: float | None
    score: float | None
    test: tuple[float | None, float | None]
    split: str


@dataclass(frozen=True)
class _Candidate:
    name: str
    run: Run
    tensors: dict[str, np.ndarray]


def _candidates(runs: Sequence[Run]) -> list[_Candidate]:
    """The models that are there, each once."""
    if len(runs) > 1:
        return [_Candidate(str(run.path), run, run.bundle.tensors) for run in runs]
    [run] = runs
    found, seen = [], set()
    for name in CHECKPOINTS:
        if not (run.path / "checkpoints" / name / "metrics.json").is_file():
            continue
        saved = read_checkpoint(run.path / "checkpoints" / name)
        tensors = {key: array for key, array in saved.tensors.items() if not key.startswith("reader.")}
        key = b"".join(np.ascontiguousarray(tensors[name]).tobytes() for name in sorted(tensors))
        if key not in seen:
            seen.add(key)
            found.append(_Candidate(f"{run.path}: {name}", run, tensors))
    return found


def _check(runs: Sequence[Run], candidates: Sequence[_Candidate]) -> None:
    """All of them are models of one kind, on the same features and the same sides.

    Raises:
        RunError: They are not; the message says in what they differ.
    """
    first, fix = runs[0], "train them with the same options, and with --split-from the first"
    if first.bundle.network is not None and len(runs) == 1:
        raise RunError(
            f"a soup averages heads on the same features. Found a fine-tuned run, {first.path}, whose backbone is "
            "another one in every checkpoint. Fix: train with ema=0.999, which averages backbone and heads"
        )
    for run in runs:
        one, other = first.bundle, run.bundle
        differences = {
            "schema": one.schema != other.schema,
            "model": one.model != other.model or one.levels != other.levels,
            "backbone": one.backbone["sha256"] != other.backbone["sha256"] if one.backbone["name"] else False,
            "standardised features": not np.array_equal(one.standardizer.mean, other.standardizer.mean)
            or not np.array_equal(one.standardizer.deviation, other.standardizer.deviation),
            "scales of numbers": one.scales != other.scales,
            "sides of the split": _sides(first) != _sides(run),
        }
        if found := [name for name, differs in differences.items() if differs]:
            raise RunError(
                f"a soup is of runs of one kind: same schema, model, features and split. Found another "
                f"{', another '.join(found)} in {run.path} than in {first.path}. Fix: {fix}"
            )
        if other.learnt:
            raise RunError(f"{run.path} has classes that were learnt afterwards. Fix: average the runs before that")
    shapes = [{name: array.shape for name, array in one.tensors.items()} for one in candidates]
    if any(shape != shapes[0] for shape in shapes):
        raise RunError(f"a soup is of models with the same parameters. Found others. Fix: {fix}")


def _sides(run: Run) -> list[str]:
    text = (run.path / "split.csv").read_text(encoding="utf-8").splitlines()
    return sorted(",".join(line.split(",")[:3]) for line in text)


def _average(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Mean of every parameter, in float64; what is no float is the first one's."""
    return {
        name: np.mean([part[name] for part in parts], axis=0, dtype=np.float64).astype(array.dtype)
        if np.issubdtype(array.dtype, np.floating)
        else array
        for name, array in parts[0].items()
    }


def soup(runs: Sequence[str | Path], *, out: str | Path, report: Report = silent) -> Soup:
    """Average the checkpoints of a run, or several runs, greedily, as far as validation says that it helps.

    θ ← mean(θ_1, ..., θ_k): the models are tried in the order of their validation score, and one is taken where the
    average with it scores at least as well as without it. What stands between scores and answers is fitted again on
    validation.

    Averaging makes sense for models that lie in one basin: epochs of one training, or runs from the same initial
    parameters (the same seed with other rates, losses, epochs). Of runs with other seeds the average is usually no
    model at all, and validation says so.

    Source: Wortsman et al. (2022), "Model soups", algorithm 1. We ask for more than "at least as well" before anything
    is written: a soup of one is no soup, and a tie with the best single model writes nothing.

    Args:
        runs: Run folders: one, whose checkpoints are averaged, or several.
        out: Folder of the new run.
        report: Told about progress.

    Raises:
        UserError: Runs of different kinds, a run that has one checkpoint only, a folder that is not empty.
    """
    folder = Path(out)
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is an empty or a new folder. Found files in it. Fix: another --out")
    loaded = [load(path) for path in runs]
    candidates = _candidates(loaded)
    _check(loaded, candidates)
    if len(candidates) < 2:
        raise RunError(
            f"a soup needs two models. Found {len(candidates)} checkpoint in {loaded[0].path}: the best epoch is the "
            "last one. Fix: name several runs of the same kind"
        )
    first = loaded[0]
    prepared, bundle, config = prepared_of(first, report), first.bundle, first.config
    schema, rows = prepared.schema, {side: prepared.split.rows(side) for side in ("train", "val", "test")}
    train = prepared.labels.take(rows["train"])
    model = Predictor(bundle).model
    val = make_part(schema, prepared, bundle.scales, bundle.standardizer(prepared.features), rows["val"])
    measure = plain_objective(schema)

    def tried(tensors: dict[str, np.ndarray]) -> Judgement:
        model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in tensors.items()})
        return judge(schema, model, measure, bundle.scales, config, val=val, train=train, epoch=1)

    report(Event("stage", f"averaging {len(candidates)} models, judged on {len(val):,} validation items"))
    alone = {one.name: tried(one.tensors) for one in candidates}
    order = sorted(candidates, key=lambda one: alone[one.name].rank, reverse=True)
    best, taken = alone[order[0].name], [order[0]]
    current, told = best, [Ingredient(name=order[0].name, score=best.score, together=None, taken=True)]
    for one in order[1:]:
        found = tried(_average([*(each.tensors for each in taken), one.tensors]))
        better = found.rank >= current.rank
        if better:
            current, taken = found, [*taken, one]
        own = alone[one.name].score
        told.append(Ingredient(name=one.name, score=own, together=found.score, taken=better))

    single, shown = order[0].run, order[0].run.metrics
    before = shown["overall"].get("mean_macro_f1")
    common = {
        "select_by": config.select_by, "items": len(val), "ingredients": tuple(told), "best": best.score,
        "split": shown["split"],
    }  # fmt: skip
    if len(taken) < 2 or current.rank <= best.rank:
        return Soup(path=single.path, written=False, score=best.score, test=(before, before), **common)
    report(Event("stage", "fitting decisions again, and measuring"))
    tensors = _average([each.tensors for each in taken])
    tried(tensors)
    trained = replace(bundle, tensors=tensors, neighbours=None, thresholds={}, policy=type(bundle.policy)())
    predictor, scored = fit_decisions(trained, prepared, rows, config, report=report)
    for name in _KEPT:
        if (first.path / name).is_file():
            write_bytes(folder / name, (first.path / name).read_bytes())
    about = json.loads((first.path / "run.json").read_text(encoding="utf-8"))
    names = [each.name for each in taken]
    write_json(folder / "run.json", {**about, "digest": f"{about['digest']}+soup", "from": names})
    depths = depth_report(schema, model, measure, val, levels=prepared.levels, seed=config.seed)
    write_json(folder / "depth.json", depths)
    _, measured = write_results(folder, predictor, prepared, scored=scored)
    after = measured.to_dict()["overall"].get("mean_macro_f1")
    return Soup(path=folder, written=True, score=current.score, test=(before, after), **common)
