"""Many trials to one configuration: judged on validation, stopped early where hopeless, tested once in the end."""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from facetwise.config import Config, config_to_yaml, load_config
from facetwise.errors import ConfigError, Interrupted, RunError, UnavailableError, UserError
from facetwise.events import Event, Report, silent
from facetwise.inference import fetched_rows, write_json, write_text
from facetwise.metrics import score
from facetwise.schema import Schema, read_schema
from facetwise.studies._cells import SCRATCH, claim_study, facts_of
from facetwise.studies._places import Crowd, Places
from facetwise.studies._search import Dimension, check_space, space_of
from facetwise.studies._sweep_result import Sweep, SweepTrial, told_of, trials_csv
from facetwise.studies._sweep_together import SweepBench, SweepTask, hopeless_below, tell
from facetwise.studies._variants import READ_FIELDS
from facetwise.training import Prepared, Stopping, check_losses_of, hold, prepare, read_structure, run_trial

__all__ = ["sweep"]

JOURNAL, SEARCH, BEST = "journal.log", "search.json", "best.json"
FILES = (JOURNAL, f"{JOURNAL}.lock", SEARCH, BEST, SCRATCH, "best.yaml", "trials.csv", "result.json")
# Trials before any is pruned: the median of fewer says little.
FIRST_WHOLE = 4
# Epochs of a trial before it can be pruned.
FIRST_EPOCHS = 2
_NAME = "sweep"


class _PrunedError(Exception):
    """Raised between two epochs of a trial that is worse than the median of those before it."""


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UnavailableError("a sweep needs Optuna. Fix: pip install 'facetwise[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def sweep(
    table: Any,
    *,
    out: str | Path,
    search: Sequence[str] = (),
    space: str | None = None,
    trials: int = 50,
    jobs: int = 1,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    images: str | Path | None = None,
    schema: str | Path | Schema | None = None,
    features: str | Path | None = None,
    config: str | Path | None = None,
    settings: Sequence[str] = (),
    overwrite: bool = False,
    report: Report = silent,
    stop: Stopping | None = None,
    **options: Any,
) -> Sweep:
    """Search for the configuration with the best validation score.

    The trials are proposed by a tree-structured Parzen estimator and kept in a journal; the same call goes on after a
    stop, and with more `trials` adds to them. A trial in work when the process dies is begun again with the same
    values. The test rows are looked at for the winner alone.

    Source: Bergstra, Bardenet, Bengio and Kégl, Algorithms for Hyper-Parameter Optimization (2011), and the median rule
    of Golovin et al., Google Vizier (2017), both as Optuna has them.

    Args:
        table, images, schema, features, config, settings, options: As of `compare`.
        out: Folder of the sweep.
        search: `KEY=VALUE,VALUE`, `KEY=LOW..HIGH` or `KEY=log:LOW..HIGH`.
        space: A line of `SPACES`.
        trials: How many, in all.
        jobs: Processes; so many trials are proposed together, trained side by side and then told, so that the same
            number of jobs finds the same. As of `compare` otherwise.
        engine, address: As of `compare`; the journal is written here, whoever trains.
        overwrite: Forget what is in the folder.
        report: Told about progress.
        stop: Asked between two steps.

    Raises:
        UserError: Anything that the user can mend.
        UnavailableError: Optuna is not installed.
    """
    optuna = _optuna()
    base = None if config is None else Path(config)
    dimensions = space_of(search, space)
    first = load_config(base, settings, **options)
    check_space(dimensions, config=base, settings=settings, options=options)
    if trials < 1:
        raise UserError(f"--trials is at least 1. Found {trials}. Fix: write --trials 50")
    places = Places(jobs=jobs, engine=engine, address=address)
    given = read_schema(Path(schema)) if isinstance(schema, str | Path) else schema
    table, images, ready = fetched_rows(table, images, features, report=report)
    read = read_structure(table, images=None if images is None else Path(images), schema=given, config=first)
    check_losses_of(read.structure, first)
    facts = facts_of(read, schema=given, features=ready)
    folder = Path(out)
    with hold(folder):
        claim_study(folder, _NAME, FILES, overwrite=overwrite)
        _claim_search(folder, first, dimensions, facts)
        work = _Work(
            optuna=optuna, folder=folder, space=dimensions, report=report, stop=stop,
            prepared=lambda tree: prepare(read, tree, features=ready, split_from=None, report=report),
            tree=lambda own: load_config(base, [*settings, *own], **options),
        )  # fmt: skip
        bench = SweepBench(read=read, features=ready, folder=folder)
        found = work.finish(work.search(trials, places=places, bench=bench, device=first.device), first.select_by)
        write_json(folder / "result.json", found.to_dict())
        write_text(folder / "trials.csv", trials_csv(found))
    return found


def _claim_search(folder: Path, config: Config, space: Sequence[Dimension], facts: Mapping[str, Any]) -> None:
    """Trials of one sweep answer one question; another question gets another folder."""
    asked = {
        "config": config_to_yaml(config.model_copy(update={"workers": 0})),
        "search": [asdict(dimension) for dimension in space],
        **facts,
    }
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    path = folder / SEARCH
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["digest"] != digest:
            differ = [key for key in asked if known["asked"].get(key) != json.loads(json.dumps(asked[key]))]
            raise RunError(
                f"{folder} holds another sweep: of another {', '.join(differ)}. "
                "Fix: --out with another folder, or --overwrite to replace it"
            )
    else:
        write_json(path, {"digest": digest, "asked": asked})


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The trials of one folder."""

    optuna: Any
    folder: Path
    space: Sequence[Dimension]
    report: Report
    stop: Stopping | None
    prepared: Callable[[Config], Prepared]
    tree: Callable[[Sequence[str]], Config]
    _rows: dict[str, Prepared] = field(default_factory=dict)
    # Of every trial that was trained here, or its part of a round.
    _seconds: list[float] = field(default_factory=list)

    def search(self, trials: int, *, places: Places, bench: SweepBench, device: str) -> Any:
        """The study with so many finished trials."""
        study, state = self._study(), self.optuna.trial.TrialState
        for one in study.get_trials(deepcopy=False, states=[state.RUNNING]):  # of a process that died
            study.tell(one.number, state=state.FAIL)
        done = len(_finished(study))
        if done:
            told = {"code": "resumed", "trials": done}
            self.report(Event("stage", f"{min(done, trials)} of {trials} trials are there already", data=told))
        with ExitStack() as stack:
            workers = None
            if places.several(trials - done):
                crowd = places.crowd(
                    bench, tasks=trials - done, folder=self.folder, features=bench.features, images=bench.read.root,
                    device=device, called=lambda task: f"trial {task.number}", report=self.report, stop=self.stop,
                )  # fmt: skip
                workers = stack.enter_context(crowd)
            while done < trials:
                # Proposals depend on the seed and on what was finished, not on how often the search was stopped.
                study.sampler = self.optuna.samplers.TPESampler(
                    seed=self.tree(()).seed + done, constant_liar=places.jobs > 1
                )
                try:
                    if workers is None:
                        self._one(study, study.ask())
                        done += 1
                    else:
                        asked = [study.ask() for _ in range(min(places.jobs, trials - done))]
                        self._round(study, asked, workers)
                        done += len(asked)
                except Interrupted as error:
                    words = f"stopped; {done} of {trials} trials are kept in {self.folder}. The same command continues."
                    raise Interrupted(words, code=error.code) from error
                left = {"left": fmean(self._seconds) * (trials - done)} if self._seconds else None
                self.report(Event("progress", "trials", done, trials, left))
        return study

    def _round(self, study: Any, asked: Sequence[Any], workers: Crowd) -> None:
        """Trials that were proposed together: trained side by side, told in their order."""
        done = [one for one in study.get_trials(deepcopy=False) if one.state.name == "COMPLETE"]
        limits = hopeless_below(
            [one.intermediate_values for one in done], first_whole=FIRST_WHOLE, first_epochs=FIRST_EPOCHS
        )
        tasks: dict[int, SweepTask] = {}
        for trial in asked:
            settings = self._suggest(trial)
            trial.set_user_attr("settings", settings)
            if (known := _same(study, settings)) is not None:
                _again(study, trial, known)
            else:
                tasks[trial.number] = SweepTask(number=trial.number, config=self.tree(settings), hopeless=limits)
        began = time.perf_counter()
        outcomes = {task.number: outcome for task, outcome in workers.run(list(tasks.values()))}
        self._seconds.extend([(time.perf_counter() - began) / len(asked)] * len(tasks))
        for trial in asked:
            if (outcome := outcomes.get(trial.number)) is None:
                continue
            if outcome.error is not None:
                self.report(Event("notice", f"trial {trial.number}: {outcome.error}", data={"code": "not_trained"}))
            tell(study, trial, outcome, self.optuna.trial.TrialState)

    def _study(self) -> Any:
        path, optuna = self.folder / JOURNAL, self.optuna
        # Nobody else is in the folder, so a lock is that of a process that died, perhaps in the middle of a line.
        (self.folder / f"{JOURNAL}.lock").unlink(missing_ok=True)
        if path.is_file():
            whole = path.read_bytes()
            if not whole.endswith(b"\n"):
                path.write_bytes(whole[: whole.rfind(b"\n") + 1])
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        pruner = optuna.pruners.MedianPruner(n_startup_trials=FIRST_WHOLE, n_warmup_steps=FIRST_EPOCHS)
        return optuna.create_study(
            storage=storage, study_name=_NAME, direction="maximize", load_if_exists=True, pruner=pruner
        )

    def _suggest(self, trial: Any) -> list[str]:
        settings = []
        for one in self.space:
            if one.choices:
                value = trial.suggest_categorical(one.key, list(one.choices))
            elif one.whole:
                value = trial.suggest_int(one.key, int(one.low), int(one.high), log=one.log)
            else:
                value = trial.suggest_float(one.key, one.low, one.high, log=one.log)
            settings.append(one.setting(value))
        return settings

    def _one(self, study: Any, trial: Any) -> None:
        """Ask, train, tell."""
        state = self.optuna.trial.TrialState
        settings = self._suggest(trial)
        trial.set_user_attr("settings", settings)
        if (known := _same(study, settings)) is not None:  # the same seed would give the same model
            _again(study, trial, known)
            return

        def watch(event: Event) -> None:
            if event.kind != "epoch" or event.data is None:
                return
            trial.set_user_attr("epochs", event.done)
            if event.data["score"] is not None:
                trial.report(event.data["score"], event.done)
                if event.done < event.total and trial.should_prune():
                    raise _PrunedError

        try:
            tree = self.tree(settings)
            rows = self._of(tree)
            with self._scratch() as scratch, self._timed():
                found = run_trial(rows, tree, side="val", scratch=Path(scratch), report=watch, stop=self.stop)
            if found.selected is None:
                raise RunError(f"validation rows measure {tree.select_by}. Found no label for it")
        except _PrunedError:
            trial.set_user_attr("finished", True)
            study.tell(trial, state=state.PRUNED)
        except (ConfigError, RunError) as error:
            self.report(Event("notice", f"trial {trial.number}: {error}", data={"code": "not_trained"}))
            trial.set_user_attr("error", str(error))
            trial.set_user_attr("finished", True)
            study.tell(trial, state=state.FAIL)
        else:
            trial.set_user_attr("finished", True)
            study.tell(trial, found.selected)

    @contextmanager
    def _timed(self) -> Generator[None]:
        """Of a training, however it ends."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds.append(time.perf_counter() - began)

    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        (self.folder / SCRATCH).mkdir(exist_ok=True)
        return tempfile.TemporaryDirectory(dir=self.folder / SCRATCH, ignore_cleanup_errors=True)

    def _of(self, tree: Config) -> Prepared:
        key = tree.model_dump_json(include=set(READ_FIELDS))
        if key not in self._rows:
            self._rows[key] = self.prepared(tree)
        return self._rows[key]

    def finish(self, study: Any, select_by: str) -> Sweep:
        """The winner by validation, and one look at its test rows."""
        told = [told_of(one) for one in _finished(study)]
        measured = [one for one in told if one.score is not None]
        if not measured:
            why = next((one.error for one in told if one.error), "all were pruned")
            raise RunError(f"a sweep needs one trial that can be trained. Found none of {len(told)}: {why}")
        best = max(measured, key=lambda one: (one.score, -one.number))
        assert best.score is not None
        tree = self.tree(best.settings)
        write_text(self.folder / "best.yaml", config_to_yaml(tree))
        look = self._look(best, tree)
        return Sweep(
            select_by=select_by, trials=tuple(told), best=best, validation=best.score, test=look["test"],
            overall=look["overall"], looks=look["looks"],
        )  # fmt: skip

    def _look(self, best: SweepTrial, tree: Config) -> dict[str, Any]:
        """The test rows of the winner; of one that was looked at already, what was seen then."""
        path = self.folder / BEST
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"number": None, "looks": 0}
        if known["number"] == best.number:
            return known
        self.report(Event("stage", "the winner again, for the test"))
        rows = self._of(tree)
        look: dict[str, Any] = {"number": best.number, "test": None, "overall": {}, "looks": known["looks"]}
        if len(rows.split.rows("test")):
            with self._scratch() as scratch:
                found = run_trial(rows, tree, scratch=Path(scratch), stop=self.stop)
            overall = found.evaluation.to_dict()["overall"]
            value = score(found.evaluation, tree.select_by)
            look |= {"test": value, "overall": overall, "looks": int(known["looks"] or 0) + 1}
        write_json(path, look)
        return look


def _finished(study: Any) -> list[Any]:
    """Trials that ended by themselves: done, pruned, or not trainable."""
    ended = [one for one in study.get_trials(deepcopy=False) if one.state.is_finished()]
    return [one for one in ended if one.state.name != "FAIL" or one.user_attrs.get("finished")]


def _same(study: Any, settings: Sequence[str]) -> Any | None:
    """A trial with the same settings that was trained to its end."""
    done = (one for one in study.get_trials(deepcopy=False) if one.state.name == "COMPLETE")
    return next((one for one in done if one.user_attrs["settings"] == list(settings)), None)


def _again(study: Any, trial: Any, known: Any) -> None:
    """The same settings came up before: the same score, without training."""
    for name, value in {"epochs": known.user_attrs["epochs"], "finished": True, "again": True}.items():
        trial.set_user_attr(name, value)
    study.tell(trial, known.value)
