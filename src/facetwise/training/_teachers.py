"""Finished runs as teachers: what they say of the training rows, and of pictures without labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from facetwise.decisions import Decisions, decide, fit_policy, scores_from_logits
from facetwise.errors import RunError, UserError
from facetwise.events import Event, Report
from facetwise.features import choose_levels
from facetwise.inference import Described, describe_source
from facetwise.models.backbones import Backbone
from facetwise.objectives import Teaching, make_targets
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Coding, Labels, Schema
from facetwise.training._assemble import Assembled
from facetwise.training._finished import FinishedRun
from facetwise.training._prepare import Prepared

__all__ = ["Lesson", "Teachers", "check_teachers", "describe_unlabelled"]

# A probability below this is the rounding of float32.
LEAST = 1e-7


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What the teachers say of some items.

    Args:
        logits: (item, logit) float32.
        applies: (item, attribute) float32: P(applies).
        guide: (item, width) float32: their representations side by side, each of length 1.
    """

    logits: np.ndarray
    applies: np.ndarray
    guide: np.ndarray


def check_teachers(runs: Sequence[FinishedRun]) -> None:
    """Teachers share schema, scales and split: a row that one of them learnt from is nobody's test.

    Raises:
        RunError: They do not.
    """
    first = runs[0]
    for run in runs:
        found = {
            "schema": run.schema != first.schema,
            "scales of numbers": run.bundle.scales != first.bundle.scales,
            "split": _sides(run) != _sides(first),
        }
        if differs := [name for name, other in found.items() if other]:
            raise RunError(
                f"teachers have one schema and one split. Found another {', another '.join(differs)} in {run.path} "
                f"than in {first.path}. Fix: train it with --split-from {first.path}"
            )
        if run.bundle.learnt:
            raise RunError(
                f"{run.path} has classes that its network does not know. Fix: teach with the run before that"
            )


def _sides(run: FinishedRun) -> list[str]:
    lines = (run.path / "split.csv").read_text(encoding="utf-8").splitlines()
    return sorted(",".join(line.split(",")[:3]) for line in lines)


class Teachers:
    """One run, or several whose probabilities are averaged.

    Args:
        runs: With one schema and one split.
        temperature: At which their probabilities are averaged.
    """

    def __init__(self, runs: Sequence[FinishedRun], *, temperature: float) -> None:
        self.runs, self.temperature = list(runs), temperature
        self.schema: Schema = runs[0].schema

    def lesson(self, features: Sequence[np.ndarray]) -> Lesson:
        """What they say together; `features` has each run's own of the same items."""
        logits, applies, guides = [], [], []
        for run, own in zip(self.runs, features, strict=True):
            said, representation = run.predictor().read(own)
            logits.append(said.astype(np.float64))
            applies.append(scores_from_logits(self.schema, run.bundle.scales, said)[1])
            centred = representation - representation.mean(axis=0, keepdims=True)
            guides.append(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12))
        together = logits[0] if len(logits) == 1 else self._together(logits)
        return Lesson(
            logits=together.astype(np.float32),
            applies=np.mean(applies, axis=0).astype(np.float32),
            guide=np.concatenate(guides, axis=1).astype(np.float32),
        )

    def _together(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """Logits whose probabilities at the temperature are the mean of the teachers'; numbers: mean and spread."""
        layout, cool = self.schema.layout(), self.temperature
        found = np.zeros_like(logits[0])

        def sigmoids(columns: slice | int) -> None:
            chance = np.mean([0.5 * (1 + np.tanh(one[:, columns] / cool / 2)) for one in logits], axis=0)
            chance = np.clip(chance, LEAST, 1 - LEAST)
            found[:, columns] = cool * np.log(chance / (1 - chance))

        for block in layout.blocks:
            own = [one[:, block.logits] for one in logits]
            if block.coding is Coding.SOFTMAX:
                raised = [np.exp((one - one.max(axis=1, keepdims=True)) / cool) for one in own]
                chance = np.mean([one / one.sum(axis=1, keepdims=True) for one in raised], axis=0)
                found[:, block.logits] = cool * np.log(np.maximum(chance, LEAST))
            elif block.coding is Coding.GAUSS:
                means, spreads = np.stack([one[:, 0] for one in own]), np.stack([one[:, 1] for one in own])
                variance = np.exp(2 * np.clip(spreads, -7, 3)).mean(axis=0) + means.var(axis=0)
                found[:, block.start] = means.mean(axis=0)
                found[:, block.start + 1] = 0.5 * np.log(variance)
            elif block.stop > block.start:
                sigmoids(block.logits)
            if block.applicability is not None:
                sigmoids(block.applicability)
        return found

    def answers(self, side: str) -> tuple[Labels, Decisions]:
        """Truth and decisions on one side; of several runs the mean of their scores, decided by validation anew."""
        if len(self.runs) == 1:
            prepared = self.runs[0].prepared
            rows = prepared.split.rows(side)
            return prepared.labels.take(rows), self.runs[0].predictor()(prepared.features[rows])
        config, prepared = self.runs[0].config, self.runs[0].prepared
        labels, split = prepared.labels, prepared.split

        def together(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            told = [run.predictor().scores(self.features_of(run, prepared.rows[rows])) for run in self.runs]
            return np.mean([one[0] for one in told], axis=0), np.mean([one[1] for one in told], axis=0)

        thresholds, policy = fit_policy(
            self.schema, *together(split.rows("val")), labels.take(split.rows("val")),
            labels.take(split.rows("train")), goal=config.goal, goals=config.goals, risk=config.goal_risk,
            tune=config.tune_thresholds,
            calibration=config.calibration, sets=config.sets, coverage=config.coverage,
        )  # fmt: skip
        rows = split.rows(side)
        found = decide(self.schema, *together(rows), thresholds=thresholds, policy=policy)
        return labels.take(rows), found

    @staticmethod
    def features_of(run: FinishedRun, rows: np.ndarray) -> np.ndarray:
        """A run's features of rows of the table."""
        place = {int(row): number for number, row in enumerate(run.prepared.rows)}
        if missing := [int(row) for row in rows if int(row) not in place]:
            raise RunError(f"{run.path} can read every picture of the student. Found row {missing[0] + 1} unreadable")
        return np.asarray(run.prepared.features[[place[int(row)] for row in rows]])

    def teach(
        self,
        made: Assembled,
        prepared: Prepared,
        teaching: Teaching,
        *,
        unlabelled: tuple[np.ndarray, list[np.ndarray]] | None,
    ) -> Assembled:
        """The same student with the teachers beside the labels.

        Args:
            made: The student, and its rows.
            prepared: Its table.
            teaching: The loss.
            unlabelled: Pictures without labels: the student's features, and each teacher's.
        """
        if made.scales != self.runs[0].bundle.scales:
            raise RunError("teacher and student standardise numbers alike. Found other scales. Fix: the same table")
        train, part = made.sides["train"], made.parts["train"]
        rows = prepared.rows[train]
        lesson = self.lesson([self.features_of(run, rows) for run in self.runs])
        labels, features = part.labels, part.numbers().cpu().numpy()
        targets, state = part.told(), labels.state
        weight = np.where(state == VALUE, 1.0, np.where(state == NOT_APPLICABLE, 0.0, lesson.applies))
        taught = [(lesson, weight)]
        if unlabelled is not None and len(unlabelled[0]):
            ours, theirs = unlabelled
            count = len(ours)
            nothing = Labels(
                state=np.full((count, state.shape[1]), UNKNOWN, np.int8),
                index=np.full((count, state.shape[1]), -1, np.int32),
                members=np.zeros((count, labels.members.shape[1]), np.uint8)
                if any(labels.members.strides)
                else Labels.no_members(count, labels.members.shape[1]),
                number=np.full((count, state.shape[1]), np.nan),
            )
            more = make_targets(
                self.schema, nothing, nothing.number, weights=None if targets.weight is None else np.ones(count)
            )
            targets = targets.to(torch.device("cpu")).joined(more)
            labels = _both(labels, nothing)
            features = np.concatenate([features, made.standardizer(_views(ours, features))])
            rows = np.concatenate([rows, np.full(count, -1)])
            said = self.lesson(theirs)
            taught.append((said, said.applies.astype(np.float64)))
        told = {
            "teacher": np.concatenate([one.logits for one, _ in taught]),
            "taught": np.concatenate([each for _, each in taught]).astype(np.float32),
            "guide": np.concatenate([one.guide for one, _ in taught]),
        }
        targets = replace(targets, **{name: torch.from_numpy(array) for name, array in told.items()})
        made.objective.teaching = teaching.to(made.device)
        part = replace(part, features=torch.from_numpy(features), targets=targets, labels=labels, rows=rows)
        return replace(made, parts={**made.parts, "train": part.to(made.device)})


def _views(features: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Features of one picture per item, with as many places for pictures as the items of the table have."""
    if like.ndim == 2:
        return features
    wide = np.full((len(features), like.shape[1], features.shape[-1]), np.nan, np.float32)
    wide[:, 0] = features if features.ndim == 2 else features[:, 0]
    return wide


def _both(first: Labels, second: Labels) -> Labels:
    whole = len(first) + len(second)
    return Labels(
        state=np.concatenate([first.state, second.state]),
        index=np.concatenate([first.index, second.index]),
        members=np.concatenate([first.members, second.members])
        if any(first.members.strides)
        else Labels.no_members(whole, first.members.shape[1]),
        number=np.concatenate([first.number, second.number]),
    )


def describe_unlabelled(
    runs: Sequence[FinishedRun], backbone: Backbone, levels: str, folder: str | Path, known: frozenset[str],
    *, report: Report,
) -> tuple[np.ndarray, list[np.ndarray]]:  # fmt: skip
    """Pictures without labels as the student and as each teacher reads them; pictures of the table are left out.

    Args:
        runs: The teachers.
        backbone, levels: The student's.
        folder: The pictures.
        known: SHA-256 of the pictures of the table.
        report: Told about progress.

    Raises:
        UserError: No picture is left.
    """
    ours = _described(folder, backbone, report)
    kept = [place for place in ours.good.tolist() if ours.digests[place] not in known]
    seen = {ours.digests[place]: place for place in kept}  # each picture once
    places = np.array(sorted(seen.values()), dtype=np.int64)
    left = len(ours.digests) - len(places)
    if not len(places):
        raise UserError(f"{folder} has pictures that the table has not. Found none. Fix: another folder")
    words = f"{len(places):,} pictures without labels"
    words += f"; {left:,} left out: unreadable, twice there, or in the table" if left else ""
    report(Event("notice", words, data={"code": "unlabelled"}))
    rows = {int(row): number for number, row in enumerate(ours.good)}
    chosen = choose_levels(ours.pooled(), ours.levels, levels)[0][[rows[int(place)] for place in places]]
    theirs = []
    for run in runs:
        found = _described(folder, run.backbone(), report)
        rows = {int(row): number for number, row in enumerate(found.good)}
        own = run.chosen_features(found)[[rows[int(place)] for place in places]]
        theirs.append(own)
    return chosen, theirs


def _described(folder: str | Path, backbone: Backbone, report: Report) -> Described:
    return describe_source(folder, None, backbone, report=report)[1]
