"""Sweeps: what is searched, the journal, pruning, and one look at the test rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from facetwise import studies
from facetwise.config import load_config
from facetwise.errors import ConfigError, Interrupted, RunError, UnavailableError, UserError
from facetwise.events import Event, silent
from facetwise.studies import Dimension, Sweep, dimension_of, space_of
from facetwise.studies._sweep_together import hopeless_below
from facetwise.training import Stopping, prepare, read_structure, run_trial
from made_table import TINY

pytestmark = pytest.mark.usefixtures("one_thread")


SEARCH = ("learning_rate=log:1e-4..1e-1", "batch_size=16,32", "trunk.width=4..12")


def _sweep(made: tuple[Path, Path], out: Path, **options: Any) -> Sweep:
    pytest.importorskip("optuna", reason="the extra `sweep` is not installed")
    settings = [*TINY, *options.pop("settings", ())]
    return studies.sweep(
        made[0], features=made[1], out=out, settings=settings, **{"search": SEARCH, "trials": 3, **options}
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("batch_size=64,128", Dimension(key="batch_size", choices=("64", "128"))),
        ("epochs=5..20", Dimension(key="epochs", low=5, high=20, whole=True)),
        ("input_dropout=0..0.3", Dimension(key="input_dropout", low=0, high=0.3)),
        ("learning_rate = log:1e-4..1e-2", Dimension(key="learning_rate", low=1e-4, high=1e-2, log=True)),
        ("trunk={name: mmoe, width: 3},linear", Dimension(key="trunk", choices=("{name: mmoe, width: 3}", "linear"))),
    ],
)
def test_dimensions(text: str, wanted: Dimension) -> None:
    assert dimension_of(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "epochs", "epochs=", "=3", "epochs=3..x", "epochs=5..3", "x=log:0..1", "x=log:3", "x=1,,2", "x=1..inf"]
)
def test_what_is_no_dimension(text: str) -> None:
    with pytest.raises(ConfigError, match="--search"):
        dimension_of(text)


def test_a_dimension_of_the_user_takes_the_place_of_the_preset() -> None:
    found = {one.key: one for one in space_of(["batch_size=7"], "fishnet")}
    assert found["batch_size"].choices == ("7",)
    assert set(found) > {"learning_rate", "trunk.width"}
    with pytest.raises(ConfigError, match="searches something"):
        space_of([], None)


def test_every_value_of_every_preset_is_one_that_the_configuration_takes() -> None:
    for name in studies.SPACES:
        for one in space_of([], name):
            for value in one.ends():
                load_config(settings=[one.setting(value)])


@pytest.mark.parametrize(
    ("search", "part"),
    [
        (["learning_rat=0.1..1"], "learning_rate"),
        (["epochs=0..3"], "epochs is at least 1"),
        (["trunk=shared,shard"], "'shard'"),
        (["seed=1,2"], "seed is not searched"),
        (["select_by=mean_accuracy"], "select_by is not searched"),
    ],
)
def test_a_search_is_checked_before_it_begins(
    made: tuple[Path, Path], tmp_path: Path, search: list[str], part: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _sweep(made, tmp_path / "x", search=search)
    assert part in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_the_best_on_validation_wins_and_trains_again(made: tuple[Path, Path], tmp_path: Path) -> None:
    found = _sweep(made, tmp_path / "x")
    assert len(found.trials) == 3
    assert found.validation == max(one.score for one in found.trials if one.score is not None)
    assert found.looks == 1
    best = load_config(tmp_path / "x" / "best.yaml")
    assert best == load_config(settings=[*TINY, *found.best.settings])
    assert json.loads((tmp_path / "x" / "result.json").read_text(encoding="utf-8"))["test"] == found.test
    import facetwise as fw

    run = fw.train(made[0], features=made[1], out=tmp_path / "run", config=tmp_path / "x" / "best.yaml")
    assert run.metrics["overall"] == found.overall


def test_stopped_and_continued_it_finds_the_same(made: tuple[Path, Path], tmp_path: Path) -> None:
    wanted = _sweep(made, tmp_path / "whole", trials=4)
    path = tmp_path / "x" / "journal.log"
    steps: list[int] = []

    def between() -> None:
        steps.append(1)
        if path.is_file() and path.read_text(encoding="utf-8").count('"finished"') == 2 and len(steps) % 3 == 0:
            stop.ask(15)

    stop = Stopping(between)
    with pytest.raises(Interrupted, match="2 of 4 trials are kept"):
        _sweep(made, tmp_path / "x", trials=4, stop=stop)
    with path.open("a", encoding="utf-8") as file:  # as if the process had died while it wrote
        file.write('{"op_code": 4, "wor')
    (tmp_path / "x" / "journal.log.lock").symlink_to(path)
    events: list[Event] = []
    found = _sweep(made, tmp_path / "x", trials=4, report=events.append)
    assert "2 of 4 trials are there already" in [event.message for event in events]
    assert [(one.settings, one.score) for one in found.trials] == [(one.settings, one.score) for one in wanted.trials]
    assert found.test == wanted.test


def test_more_trials_add_to_those_there_are(made: tuple[Path, Path], tmp_path: Path) -> None:
    first = _sweep(made, tmp_path / "x", trials=2)
    second = _sweep(made, tmp_path / "x", trials=3)
    assert second.trials[:2] == first.trials
    assert second.looks == (1 if second.best == first.best else 2)


def test_hopeless_trials_are_pruned(made: tuple[Path, Path], tmp_path: Path) -> None:
    search = ["learning_rate=0.03,0.025,0.02,0.028,1e-9,2e-9"]
    found = _sweep(made, tmp_path / "x", search=search, trials=10, settings=["epochs=8", "patience=8"])
    pruned = [one for one in found.trials if one.state == "pruned"]
    assert pruned
    assert all(one.epochs < 8 and one.settings[0].endswith("e-9") for one in pruned)
    assert not found.best.settings[0].endswith("e-9")


def test_the_same_settings_are_trained_once(made: tuple[Path, Path], tmp_path: Path) -> None:
    found = _sweep(made, tmp_path / "x", search=["batch_size=16,32"], trials=6)
    scores = {
        one.settings: {other.score for other in found.trials if other.settings == one.settings} for one in found.trials
    }
    assert len(found.trials) == 6
    assert all(len(each) == 1 for each in scores.values())
    assert sum(one.state == "done" for one in found.trials) == len(scores) == 2
    assert {one.state for one in found.trials} == {"done", "as before"}


def test_trials_that_cannot_be_trained_are_told(made: tuple[Path, Path], tmp_path: Path) -> None:
    found = _sweep(made, tmp_path / "x", search=["balancing=equal,mgda"], settings=["trunk={name: linear}"], trials=6)
    assert {one.state for one in found.trials if "balancing=mgda" in one.settings} == {"not trained"}
    assert found.best.settings == ("balancing=equal",)


def test_another_search_needs_another_folder(made: tuple[Path, Path], tmp_path: Path) -> None:
    _sweep(made, tmp_path / "x", trials=1)
    with pytest.raises(RunError, match="another sweep: of another search"):
        _sweep(made, tmp_path / "x", search=["batch_size=16,32"])
    with pytest.raises(RunError, match="of another config"):
        _sweep(made, tmp_path / "x", settings=["epochs=2"])
    assert len(_sweep(made, tmp_path / "x", search=["batch_size=16,32"], trials=1, overwrite=True).trials) == 1


def test_without_optuna_it_says_what_to_install(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(UnavailableError, match=r"facetwise\[sweep\]"):
        studies.sweep(made[0], features=made[1], out=tmp_path / "x", search=SEARCH)


@pytest.mark.slow
def test_trials_side_by_side(made: tuple[Path, Path], tmp_path: Path) -> None:
    found = _sweep(made, tmp_path / "x", trials=4, jobs=2)
    assert [one.state for one in found.trials] == ["done"] * 4
    assert found.validation == max(one.score for one in found.trials if one.score is not None)
    assert len({one.settings for one in found.trials}) > 2
    best = load_config(tmp_path / "x" / "best.yaml")
    assert best == load_config(settings=[*TINY, *found.best.settings])
    # What a process has found is what this one finds.
    read = read_structure(made[0], images=None, schema=None, config=best)
    rows = prepare(read, best, features=made[1], split_from=None, report=silent)
    assert run_trial(rows, best, side="val").selected == found.validation
    events: list[Event] = []
    more = _sweep(made, tmp_path / "x", trials=5, jobs=2, report=events.append)
    assert [one.score for one in more.trials[:4]] == [one.score for one in found.trials]
    assert any("4 of 5 trials are there already" in event.message for event in events)
    with pytest.raises(UserError, match="--jobs 2"):
        _sweep(made, tmp_path / "z", jobs=0)


def test_a_trial_is_given_up_below_the_median_of_the_others() -> None:
    courses = [{1: 0.1, 3: 0.2}, {1: 0.2, 3: 0.4}, {3: 0.6}, {3: 0.8}]
    assert hopeless_below(courses, first_whole=4, first_epochs=2) == {3: pytest.approx(0.5)}
    assert hopeless_below(courses[:3], first_whole=4, first_epochs=2) == {}


def test_a_class_alone_can_be_selected_by(made: tuple[Path, Path], tmp_path: Path) -> None:
    found = _sweep(made, tmp_path / "x", trials=1, settings=["select_by=colour.per_class.red.f1"])
    assert found.validation > 0
    assert 0 <= found.test <= 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_the_first_trials_it_is_known_how_long_the_others_take(
    made: tuple[Path, Path], tmp_path: Path, jobs: int
) -> None:
    events: list[Event] = []
    _sweep(made, tmp_path / "x", report=events.append, jobs=jobs)
    told = [event for event in events if event.kind == "progress" and event.message == "trials"]
    left = [event.data["left"] for event in told]
    assert [event.done for event in told] == ([1, 2, 3] if jobs == 1 else [2, 3])
    assert all(seconds > 0 for seconds in left[:-1])
    assert left[-1] == 0.0
