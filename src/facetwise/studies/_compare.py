"""Many configurations on the same splits, the same budget and the same seeds, against the first of them."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np

from facetwise.config import Config, load_config
from facetwise.errors import ConfigError, Interrupted, RunError, UserError
from facetwise.events import Event, Report, silent
from facetwise.inference import fetched_rows
from facetwise.metrics import check_score
from facetwise.schema import Schema, read_schema
from facetwise.studies._cells import SCRATCH, Cell, cell_digest, claim_study, facts_of, read_cell, write_cell
from facetwise.studies._compare_page import write_comparison
from facetwise.studies._places import Places
from facetwise.studies._variants import READ_FIELDS, Variant, find_variant, variants_of
from facetwise.studies._verdicts import Comparison, judge_cells
from facetwise.training import Prepared, Stopping, Structure, check_losses_of, hold, prepare, read_structure, run_trial

__all__ = ["compare"]

CELLS = "cells"
# What a comparison writes beside its marker.
FILES = (CELLS, SCRATCH, "result.json", "table.csv", "report.html")


@dataclass(frozen=True, kw_only=True)
class _Data:
    """Where the rows come from."""

    read: Structure
    features: Path | None

    def prepared(self, config: Config, report: Report) -> Prepared:
        return prepare(self.read, config, features=self.features, split_from=None, report=report)


def compare(
    table: Any,
    *,
    out: str | Path,
    images: str | Path | None = None,
    schema: str | Path | Schema | None = None,
    features: str | Path | None = None,
    config: str | Path | None = None,
    settings: Sequence[str] = (),
    vary: Sequence[str] = (),
    variants: str | Path | None = None,
    ladder: str | None = None,
    seeds: int = 5,
    metric: str = "mean_macro_f1",
    baseline: str | None = None,
    jobs: int = 1,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    overwrite: bool = False,
    report: Report = silent,
    stop: Stopping | None = None,
    **options: Any,
) -> Comparison:
    """Train every variant with every seed, and say which differ from the baseline.

    One file per training is written as soon as it is done; the same call, or one with more seeds or variants in the
    same folder, goes on from them.

    Args:
        table: Path, address or frame.
        out: Folder of the comparison.
        images: Folder that the table's paths are relative to, or its address.
        schema: A schema or its file; inferred if not given.
        features: A file of features in place of pictures.
        config, settings, options: The configuration as it stands: a file, `KEY=VALUE`, fields by name.
        vary: `KEY=VALUE,VALUE`; several make every combination.
        variants: YAML file of named variants: `NAME: {KEY: VALUE}`.
        ladder: A line of `LADDERS`.
        seeds: How many; from the configuration's own seed upwards. Each draws the split too, unless the table has one.
        metric: What is compared, on the test rows: any score that `select_by` takes.
        baseline: Name of the variant to compare with; the first one if not given.
        jobs: Processes that train side by side; they share out the threads. In a script of your own, what calls this
            stands under `if __name__ == "__main__":`, as for every program that starts processes.
        engine: `ray`: so many at once on a Ray cluster, whose nodes all see `out`, the data and the cache at the same
            paths; the numbers are those of local jobs.
        address: Of the cluster; without it Ray starts one in this machine.
        overwrite: Forget what is in the folder.
        report: Told about progress.
        stop: Asked between two steps.

    Raises:
        UserError: Anything that the user can mend; before anything long begins where it can be known.
    """
    base = None if config is None else Path(config)
    chosen = variants_of(
        config=base, settings=settings, options=options, vary=vary, ladder=ladder,
        file=None if variants is None else Path(variants),
    )  # fmt: skip
    reference = find_variant(chosen, baseline)
    if seeds < 1:
        raise UserError(f"--seeds is at least 1. Found {seeds}. Fix: write --seeds 5")
    places = Places(jobs=jobs, engine=engine, address=address)
    first = load_config(base, settings, **options)
    given = read_schema(Path(schema)) if isinstance(schema, str | Path) else schema
    table, images, ready = fetched_rows(table, images, features, report=report)
    read = read_structure(table, images=None if images is None else Path(images), schema=given, config=first)
    _check(read, chosen)
    data = _Data(read=read, features=ready)
    facts = facts_of(read, schema=given, features=data.features)
    folder, repeated = Path(out), [first.seed + number for number in range(seeds)]
    with hold(folder):
        claim_study(folder, "comparison", FILES, overwrite=overwrite)
        cells = _train_all(
            data, chosen, repeated, folder, facts, metric=metric, places=places, report=report, stop=stop
        )
        found = judge_cells(chosen, cells, repeated, reference=reference, metric=metric)
        write_comparison(folder, found)
    return found


def _check(read: Structure, variants: Sequence[Variant]) -> None:
    complaints = {}
    for variant in variants:
        try:
            check_losses_of(read.structure, variant.config)
        except ConfigError as error:
            complaints |= {str(complaint): complaint for complaint in error.complaints}
    if complaints:
        raise ConfigError(list(complaints.values()))


def _train_all(
    data: _Data,
    variants: Sequence[Variant],
    seeds: Sequence[int],
    folder: Path,
    facts: Mapping[str, Any],
    *,
    metric: str,
    places: Places,
    report: Report,
    stop: Stopping | None,
) -> dict[tuple[str, int], Cell]:
    """Every cell, those that are there already read back; one seed's rows in memory at a time."""
    names = {variant.name: variant for variant in variants}
    files = {
        (variant.name, seed): folder / CELLS / f"{cell_digest(_with_seed(variant.config, seed), facts)}.json"
        for seed in seeds
        for variant in variants
    }
    missing = [key for key, path in files.items() if (cell := read_cell(path)) is None or cell.error is not None]
    total, done = len(files), len(files) - len(missing)
    if done:
        told = {"code": "resumed", "cells": done}
        report(Event("stage", f"{done} of {total} trainings are there already", data=told))
    bench = _CompareBench(data=data, variants=names, files=files, folder=folder, metric=metric)
    taken: list[float] = []
    try:
        for key, said in _worked(bench, missing, places=places, report=report, stop=stop):
            if said is not None:
                report(Event("notice", f"{key[0]}, seed {key[1]}: {said}", data={"code": "not_trained"}))
            done += 1
            cell = read_cell(files[key])
            taken += [] if cell is None or not cell.facts else [cell.facts["seconds"]]
            told = {"left": fmean(taken) * (total - done) / min(places.jobs, len(missing))} if taken else None
            report(Event("progress", "trainings", done, total, told))
    except Interrupted as error:
        words = f"stopped; {done} of {total} trainings are kept in {folder}. The same command continues."
        raise Interrupted(words, code=error.code) from error
    found = {key: read_cell(path) for key, path in files.items()}
    return {key: cell for key, cell in found.items() if cell is not None}


def _worked(
    bench: "_CompareBench",
    missing: Sequence[tuple[str, int]],
    *,
    places: Places,
    report: Report,
    stop: Stopping | None,
) -> Iterator[tuple[tuple[str, int], str | None]]:
    """Train what is missing, here or in several workers; yields what was done, and why it could not be."""
    if places.several(len(missing)):
        devices = {one.config.device for one in bench.variants.values()}
        with places.crowd(
            bench, tasks=len(missing), folder=bench.folder, features=bench.data.features, images=bench.data.read.root,
            device="cpu" if devices == {"cpu"} else "auto", called=lambda key: f"{key[0]}, seed {key[1]}",
            report=report, stop=stop,
        ) as crowd:  # fmt: skip
            yield from crowd.run(missing)
        return
    run = bench.begin(stop, report)
    for key in missing:
        yield key, run(key)


@dataclass(frozen=True, kw_only=True)
class _CompareBench:
    """What a process needs to train any cell."""

    data: _Data
    variants: Mapping[str, Variant]
    files: Mapping[tuple[str, int], Path]
    folder: Path
    metric: str

    def begin(self, stop: Stopping | None = None, report: Report = silent) -> Callable[[tuple[str, int]], str | None]:
        """Cells one after the other; the rows of one seed stay in memory."""
        rows: list[_Rows] = []

        def run(key: tuple[str, int]) -> str | None:
            name, seed = key
            # A worker may have died after it had written this.
            if (cell := read_cell(self.files[key])) is not None and cell.error is None:
                return None
            config = _with_seed(self.variants[name].config, seed)
            if not rows or rows[0].seed != seed:
                told = report if not rows else silent
                rows[:] = [_Rows(self.data, seed, told, self.metric)]
            return _train(self.files[key], rows[0].of(config), config, self.folder, stop=stop)

        return run


def _train(path: Path, prepared: Prepared, config: Config, folder: Path, *, stop: Stopping | None) -> str | None:
    """One cell, or why there is none. What cannot be trained is a result too: the others go on."""
    (folder / SCRATCH).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder / SCRATCH, ignore_cleanup_errors=True) as scratch:
        try:
            trial = run_trial(prepared, config, scratch=Path(scratch), stop=stop)
        except (ConfigError, RunError) as error:
            write_cell(path, prepared, str(error), config)
            return str(error)
    write_cell(path, prepared, trial, config)
    return None


class _Rows:
    """The rows of one seed, prepared once for all variants that read the same features."""

    def __init__(self, data: _Data, seed: int, report: Report, metric: str) -> None:
        self.seed = seed
        self._data, self._report, self._metric = data, report, metric
        self._known: dict[str, Prepared] = {}
        self._sides: tuple[np.ndarray, np.ndarray] | None = None

    def of(self, config: Config) -> Prepared:
        """Rows, split and features as this configuration reads them.

        Raises:
            RunError: Another variant has other readable rows, or there is nothing to test on.
        """
        key = config.model_dump_json(include=set(READ_FIELDS))
        if key not in self._known:
            made = self._data.prepared(config, self._report)
            check_score(made.schema, self._metric)
            if not len(made.split.rows("test")):
                raise RunError("a comparison needs test rows. Found none. Fix: raise test_ratio")
            sides = (made.rows, made.split.side)
            if self._sides is not None and not all(map(np.array_equal, sides, self._sides)):
                raise RunError(
                    "all variants are measured on the same rows. Found other readable pictures for "
                    f"{config.backbone.name}. Fix: compare backbones that read the same pictures"
                )
            self._sides = sides
            self._known[key] = made
            self._report = silent
        made = self._known[key]
        check_score(made.schema, config.select_by)
        return made


def _with_seed(config: Config, seed: int) -> Config:
    return config.model_copy(update={"seed": seed})
