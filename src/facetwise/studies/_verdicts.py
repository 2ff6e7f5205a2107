"""Trainings to verdicts: better, worse, or no significant difference."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np

from facetwise.errors import RunError
from facetwise.metrics import score
from facetwise.studies._cells import Cell
from facetwise.studies._statistics import Paired, holm, paired_difference, resampled_interval
from facetwise.studies._variants import Variant

__all__ = ["LEVEL", "Compared", "Comparison", "judge_cells"]

# Of the intervals, and 1 − LEVEL the chance of any false "better" or "worse" in one comparison.
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One variant.

    Args:
        name: What it differs by.
        settings: The same as `KEY=VALUE`.
        mean, deviation: Of the metric over the seeds; None where nothing was measured, or one seed alone.
        difference, interval, p: Paired difference to the baseline, its 95 % interval, its p-value; None of the baseline
            itself, and where fewer than two seeds were measured.
        p_adjusted: The p-value corrected for the number of variants.
        right, right_interval: Difference in the share of right cells per test item, and its bootstrap interval over
            seeds and groups of items.
        verdict: baseline, better, worse, no significant difference, one seed, or not trained.
        scores: Per seed; None where it was not trained.
        seconds, peak_megabytes, epochs, parameters: Means over the seeds; the peak is the largest.
        errors: Why trainings failed, each reason once.
    """

    name: str
    settings: tuple[str, ...]
    mean: float | None
    deviation: float | None
    difference: float | None
    interval: tuple[float, float] | None
    p: float | None
    p_adjusted: float | None
    right: float | None
    right_interval: tuple[float, float] | None
    verdict: str
    scores: tuple[float | None, ...]
    seconds: float | None
    peak_megabytes: float | None
    epochs: float | None
    parameters: int | None
    errors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All variants against the baseline.

    Args:
        metric: What was compared.
        baseline: Name of the variant that the others are compared with.
        seeds: Of the repetitions.
        train, test: Mean numbers of rows.
        fixed_test: Whether every seed was measured on the same rows: then the intervals say nothing about other rows.
        comparisons: How many the p-values are corrected for.
        variants: In the order in which they were asked for.
    """

    metric: str
    baseline: str
    seeds: tuple[int, ...]
    train: float
    test: float
    fixed_test: bool
    comparisons: int
    variants: tuple[Compared, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def judge_cells(
    variants: Sequence[Variant],
    cells: Mapping[tuple[str, int], Cell],
    seeds: Sequence[int],
    *,
    reference: Variant,
    metric: str,
) -> Comparison:
    """Compare every variant with the reference, seed by seed.

    Args:
        variants: All of them.
        cells: Per name and seed.
        seeds: The repetitions.
        reference: The baseline.
        metric: Any score.
    """
    scores = {key: None if one.evaluation is None else score(one.evaluation, metric) for key, one in cells.items()}
    paired: dict[str, Paired] = {}
    for variant in variants:
        both = [seed for seed in seeds if None not in (scores[variant.name, seed], scores[reference.name, seed])]
        if variant is reference or not both:
            continue
        differences = [scores[variant.name, seed] - scores[reference.name, seed] for seed in both]  # ty: ignore
        if not all(np.array_equal(cells[variant.name, seed].items, cells[reference.name, seed].items) for seed in both):
            raise RunError(
                f"{variant.name!r} and {reference.name!r} are measured on the same rows. Found other readable pictures "
                "than in an earlier part of this comparison. Fix: --overwrite to begin again, or another --out"
            )
        used = [cells[variant.name, seed] for seed in both]
        overlap = fmean(len(cell.items) for cell in used) / fmean(cell.train for cell in used)
        paired[variant.name] = paired_difference(differences, overlap=overlap, level=LEVEL)
    tested = {name: found.p for name, found in paired.items() if found.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    everything = list(cells.values())
    tests = [cells[reference.name, seed].items for seed in seeds]
    return Comparison(
        metric=metric,
        baseline=reference.name,
        seeds=tuple(seeds),
        train=fmean(cell.train for cell in everything),
        test=fmean(len(cell.items) for cell in everything),
        fixed_test=len(seeds) > 1 and all(np.array_equal(tests[0], rows) for rows in tests),
        comparisons=len(tested),
        variants=tuple(
            _compared(
                variant, {seed: cells[variant.name, seed] for seed in seeds},
                {seed: cells[reference.name, seed] for seed in seeds},
                [scores[variant.name, seed] for seed in seeds], paired.get(variant.name), adjusted.get(variant.name),
                is_baseline=variant is reference,
            )
            for variant in variants
        ),
    )  # fmt: skip


def _compared(
    variant: Variant,
    own: Mapping[int, Cell],
    base: Mapping[int, Cell],
    scores: Sequence[float | None],
    found: Paired | None,
    adjusted: float | None,
    *,
    is_baseline: bool,
) -> Compared:
    known = [value for value in scores if value is not None]
    trained = [cell.facts for cell in own.values() if cell.facts]
    right, interval = (None, None) if is_baseline else _right(own, base)

    def mean(key: str) -> float | None:
        return fmean(facts[key] for facts in trained) if trained else None

    return Compared(
        name=variant.name,
        settings=variant.settings,
        mean=fmean(known) if known else None,
        deviation=stdev(known) if len(known) > 1 else None,
        difference=None if found is None else found.difference,
        interval=None if found is None else found.interval,
        p=None if found is None else found.p,
        p_adjusted=adjusted,
        right=right,
        right_interval=interval,
        verdict="baseline" if is_baseline and known else _verdict(found, adjusted),
        scores=tuple(scores),
        seconds=mean("seconds"),
        peak_megabytes=max((facts["peak_megabytes"] for facts in trained), default=None),
        epochs=mean("epochs"),
        parameters=max((facts["parameters"] for facts in trained), default=None),
        errors=tuple(dict.fromkeys(cell.error for cell in own.values() if cell.error is not None)),
    )


def _verdict(found: Paired | None, adjusted: float | None) -> str:
    if found is None:
        return "not trained"
    if adjusted is None:
        return "one seed"
    if adjusted > 1 - LEVEL:
        return "no significant difference"
    return "better" if found.difference > 0 else "worse"


def _right(own: Mapping[int, Cell], base: Mapping[int, Cell]) -> tuple[float | None, tuple[float, float] | None]:
    """Difference in right answers per item, over all seeds in which both were trained."""
    both = [seed for seed in own if len(own[seed].right) and len(base[seed].right)]
    differences = [own[seed].right - base[seed].right for seed in both]
    interval = resampled_interval(differences, [own[seed].groups for seed in both], level=LEVEL)
    return (None, None) if interval is None else (float(np.nanmean(np.concatenate(differences))), interval)
