"""Comparisons: which variants, the same rows for all, cells kept, verdicts that admit what they do not know."""

import csv
import json
import multiprocessing
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facetwise import studies
from facetwise.errors import ConfigError, Interrupted, RunError, UserError
from facetwise.events import Event
from facetwise.studies import Comparison, _compare, comparison_csv, comparison_page, variants_of
from facetwise.studies._variants import split_values
from facetwise.training import Stopping, run_trial
from made_studies import compared

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def whole(made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    out = tmp_path_factory.mktemp("studies") / "first"
    return out, compared(made, out)


def _names(**options: Any) -> list[str]:
    return [one.name for one in variants_of(config=None, settings=(), options={}, **options)]


def test_values_are_split_at_the_top() -> None:
    assert split_values("a,[b, c],{d: [e, f], g: 1},'h,i'") == ["a", "[b, c]", "{d: [e, f], g: 1}", "'h,i'"]


def test_several_axes_are_a_grid() -> None:
    axes = ["trunk=shared,{name: mmoe, experts: 3}", "depth=true,false"]
    found = variants_of(config=None, settings=["epochs=3"], options={}, vary=axes)
    assert [one.name for one in found] == [
        "trunk=shared, depth=true", "trunk=shared, depth=false",
        "trunk={name: mmoe, experts: 3}, depth=true", "trunk={name: mmoe, experts: 3}, depth=false",
    ]  # fmt: skip
    assert found[3].config.trunk.options == {"experts": 3}
    assert {one.config.epochs for one in found} == {3}
    assert not found[1].config.depth


def test_named_variants_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "v.yaml"
    path.write_text(
        "plain: {}\nfocal: {losses: {categorical: focal}}\none: {losses_of: {a.b: focal}, trunk: {width: 8}}\n",
        encoding="utf-8",
    )
    found = variants_of(config=None, settings=["losses.ordinal=corn"], options={}, file=path)
    assert [one.name for one in found] == ["plain", "focal", "one"]
    assert found[1].config.losses.categorical.name == "focal"
    assert found[2].config.losses_of["a.b"].name == "focal"
    assert found[2].config.trunk.options == {"width": 8}


def test_every_ladder_reads_and_every_rung_differs() -> None:
    for name, rungs in studies.LADDERS.items():
        found = variants_of(config=None, settings=(), options={}, ladder=name)
        assert [one.name for one in found] == list(rungs)
        dumped = [one.config.model_dump_json() for one in found]
        assert len(set(dumped)) == len(dumped)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, ["a comparison varies something"]),
        ({"vary": ["trunk"]}, ["what varies is KEY=VALUE,VALUE", "'trunk'"]),
        ({"vary": ["trunk=shared,"]}, ["what varies is KEY=VALUE,VALUE"]),
        ({"vary": ["trunk=shard,mmoee"]}, ["'shard'", "'mmoee'", "shared"]),
        ({"vary": ["seed=1,2"]}, ["seed cannot vary", "--seeds 5"]),
        ({"vary": ["min_count=1,2"]}, ["min_count cannot vary"]),
        ({"vary": ["depth=true,true"]}, ["each value stands once"]),
    ],
)
def test_what_cannot_be_compared(options: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        _names(**options)
    for part in parts:
        assert part in str(caught.value)


def test_the_result_is_complete(whole: tuple[Path, Comparison]) -> None:
    out, found = whole
    assert found.seeds == (0, 1)
    assert [one.name for one in found.variants] == ["balancing=equal", "balancing=uncertainty"]
    assert found.variants[0].verdict == "baseline"
    other = found.variants[1]
    first, second = (
        [b - a for a, b in zip(found.variants[0].scores, other.scores, strict=True)],
        other.difference,
    )
    assert second == pytest.approx(sum(first) / 2)
    assert other.p_adjusted == other.p
    assert other.interval[0] <= other.difference <= other.interval[1]
    assert other.seconds > 0
    assert len(list((out / "cells").iterdir())) == 4
    assert json.loads((out / "result.json").read_text(encoding="utf-8"))["baseline"] == "balancing=equal"
    assert not found.fixed_test


def test_it_is_the_same_again_and_continues(
    whole: tuple[Path, Comparison], made: tuple[Path, Path], tmp_path: Path
) -> None:
    def timeless(found: Comparison) -> Comparison:
        return replace(found, variants=tuple(replace(one, seconds=None, peak_megabytes=None) for one in found.variants))

    # Stopped in its third training, and typed again: the first two are not trained again.
    asked: list[int] = []
    stop = Stopping(lambda: stop.ask(15) if len(list((tmp_path / "x" / "cells").glob("*.json"))) == 2 else None)
    with pytest.raises(Interrupted, match="2 of 4 trainings are kept"):
        compared(made, tmp_path / "x", stop=stop)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "x" / "cells").iterdir()}
    events: list[Event] = []
    again = compared(made, tmp_path / "x", report=events.append)
    assert not asked
    assert "2 of 4 trainings are there already" in [event.message for event in events]
    assert {name: (tmp_path / "x" / "cells" / name).stat().st_mtime_ns for name in kept} == kept
    assert timeless(again) == timeless(whole[1])


def test_more_seeds_and_variants_go_on_from_what_is_there(
    whole: tuple[Path, Comparison], made: tuple[Path, Path]
) -> None:
    out, before = whole
    events: list[Event] = []
    found = compared(made, out, vary=["balancing=equal,uncertainty,dwa"], report=events.append)
    assert "4 of 6 trainings are there already" in [event.message for event in events]
    assert found.variants[1].scores == before.variants[1].scores
    assert found.comparisons == 2
    assert found.variants[1].p_adjusted >= before.variants[1].p_adjusted


def test_a_damaged_cell_is_trained_again(made: tuple[Path, Path], tmp_path: Path) -> None:
    first = compared(made, tmp_path / "x", seeds=1)
    path = min((tmp_path / "x" / "cells").iterdir())
    path.write_text(path.read_text(encoding="utf-8")[:100], encoding="utf-8")
    assert [one.scores for one in compared(made, tmp_path / "x", seeds=1).variants] == [
        one.scores for one in first.variants
    ]


def test_identical_variants_do_not_differ(made: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "v.yaml"
    path.write_text("one: {}\nother: {}\nthird: {weight_decay: 0.050000000001}\n", encoding="utf-8")
    found = compared(made, tmp_path / "x", vary=(), variants=path, seeds=3)
    one = found.variants[1]
    assert (one.difference, one.interval, one.p, one.verdict) == (0.0, (0.0, 0.0), 1.0, "no significant difference")
    assert one.right_interval == (0.0, 0.0)
    # Another configuration, and so trained by itself, that comes to the same.
    assert found.variants[2].verdict == "no significant difference"
    assert len(list((tmp_path / "x" / "cells").iterdir())) == 6


def test_one_seed_says_nothing(made: tuple[Path, Path], tmp_path: Path) -> None:
    found = compared(made, tmp_path / "x", seeds=1)
    assert found.variants[1].verdict == "one seed"
    assert found.variants[1].interval is None


def test_a_difference_that_is_there_is_found(made: tuple[Path, Path], tmp_path: Path) -> None:
    asked: dict[str, Any] = {
        "vary": ["learning_rate=0.03,1e-9"], "seeds": 5, "metric": "colour.accuracy + size.accuracy",
        "settings": ["epochs=8", "neighbours=false"],  # they alone would know the answer
    }  # fmt: skip
    found = compared(made, tmp_path / "x", **asked)
    assert found.variants[1].verdict == "worse"
    assert found.variants[1].right_interval[1] < 0
    turned = compared(made, tmp_path / "x", **asked, baseline="learning_rate=1e-9")
    assert turned.variants[0].verdict == "better"
    assert turned.variants[1].verdict == "baseline"
    assert turned.variants[0].difference == pytest.approx(-found.variants[1].difference)


def test_what_cannot_be_trained_does_not_stop_the_others(made: tuple[Path, Path], tmp_path: Path) -> None:
    # A Gramian balancer needs shared parameters, and a linear trunk has none.
    found = compared(made, tmp_path / "x", vary=["balancing=equal,mgda"], settings=["trunk={name: linear}"], seeds=1)
    assert [one.verdict for one in found.variants] == ["baseline", "not trained"]
    assert found.variants[1].errors
    assert found.variants[1].errors[0] in comparison_page(found).replace("&#x27;", "'").replace("&quot;", '"')


def test_mistakes_come_before_any_training(made: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a variant"):
        compared(made, tmp_path / "x", baseline="equal")
    with pytest.raises(ConfigError, match="'color'"):
        compared(made, tmp_path / "x", vary=["losses_of.color=focal,ldam"])
    with pytest.raises(ConfigError, match="score 'accuracyy'"):
        compared(made, tmp_path / "x", metric="accuracyy")
    assert not list(tmp_path.glob("x/cells/*"))


def test_a_folder_of_something_else_is_left_alone(made: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="no comparison"):
        compared(made, tmp_path / "x", overwrite=True)
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["thesis.tex"]


NASTY = "<script>alert(1)</script>\"'&"


def test_the_page_is_inert(whole: tuple[Path, Comparison]) -> None:
    found = whole[1]
    first = replace(found.variants[0], name=NASTY, errors=(NASTY,), verdict=NASTY, settings=(NASTY,))
    page = comparison_page(replace(found, baseline=NASTY, metric=NASTY, variants=(first, *found.variants[1:])))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    body = page[page.index("<body>") : page.index("</html>")]
    tree = ElementTree.fromstring(body)  # noqa: S314
    assert {element.tag for element in tree.iter()} <= {
        "body", "h1", "p", "div", "table", "thead", "tbody", "tr", "th", "td", "svg", "line", "circle",
    }  # fmt: skip
    assert not [name for element in tree.iter() for name in element.attrib if name.startswith("on")]


def test_the_csv_has_a_line_each_and_no_formula(whole: tuple[Path, Comparison]) -> None:
    found = whole[1]
    odd = replace(found.variants[0], name="=HYPERLINK(1)")
    rows = list(csv.DictReader(comparison_csv(replace(found, variants=(odd, *found.variants[1:]))).splitlines()))
    assert [row["variant"] for row in rows] == ["'=HYPERLINK(1)", "balancing=uncertainty"]
    assert float(rows[1]["difference"]) == found.variants[1].difference


def _told(out: Path) -> dict[str, Any]:
    """What every cell holds, but for the time and the memory that it took."""
    found = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (out / "cells").glob("*.json")}
    for cell in found.values():
        cell["facts"] = {key: value for key, value in cell["facts"].items() if key not in ("seconds", "peak_megabytes")}
    return found


@pytest.mark.slow
def test_two_processes_train_what_one_does(
    made: tuple[Path, Path], whole: tuple[Path, Comparison], tmp_path: Path
) -> None:
    events: list[Event] = []
    found = compared(made, tmp_path / "out", jobs=2, report=events.append)
    mine, known = _told(tmp_path / "out"), _told(whole[0])
    assert len(mine) == 4
    assert mine == {name: known[name] for name in mine}, "the same threads for each training give the same bits"
    assert [one.mean for one in found.variants] == [one.mean for one in whole[1].variants]
    assert [event.done for event in events if event.kind == "progress" and event.message == "trainings"] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_stop_ends_the_processes_and_keeps_what_is_done(made: tuple[Path, Path], tmp_path: Path) -> None:
    stop, out = Stopping(), tmp_path / "out"

    def after_one(event: Event) -> None:
        if event.kind == "progress" and event.message == "trainings":
            stop.asked = 15

    with pytest.raises(Interrupted, match="are kept") as caught, stop.deferred():
        compared(made, out, jobs=2, seeds=6, report=after_one, stop=stop)
    assert caught.value.code == 143
    there = len(_told(out))
    assert 1 <= there < 12
    assert multiprocessing.active_children() == []
    events: list[Event] = []
    compared(made, out, seeds=1, report=events.append)
    assert any("are there already" in event.message for event in events)


def test_a_process_needs_a_whole_number(made: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--jobs 2"):
        compared(made, tmp_path / "out", jobs=0)


def test_a_class_alone_can_be_compared(made: tuple[Path, Path], tmp_path: Path) -> None:
    told = compared(made, tmp_path / "x", metric="colour.per_class.red.f1", seeds=1)
    assert all(0 <= one.scores[0] <= 1 for one in told.variants)
    assert told.variants[0].scores[0] > 0
    # Asked of trainings that are there already, another class is told apart from it.
    other = compared(made, tmp_path / "x", metric="colour.per_class.green.f1", seeds=1)
    assert [one.scores for one in other.variants] != [one.scores for one in told.variants]


def test_cells_without_what_is_compared_now_are_trained_again(made: tuple[Path, Path], tmp_path: Path) -> None:
    compared(made, tmp_path / "x", seeds=1)
    for path in (tmp_path / "x" / "cells").iterdir():  # as an earlier version wrote them
        data = json.loads(path.read_text(encoding="utf-8"))
        for metrics in data["evaluation"]["attributes"].values():
            metrics.pop("per_class", None)
        path.write_text(json.dumps({**data, "format": 1}), encoding="utf-8")
    found = compared(made, tmp_path / "x", metric="colour.per_class.red.f1", seeds=1)
    assert None not in (one.scores[0] for one in found.variants)


def test_after_the_first_training_it_is_known_how_long_the_others_take(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([10.0, 30.0, 20.0, 20.0])
    monkeypatch.setattr(
        _compare, "run_trial", lambda *rows, **more: replace(run_trial(*rows, **more), seconds=next(seconds))
    )
    events: list[Event] = []
    compared(made, tmp_path / "x", report=events.append)
    told = [event for event in events if event.kind == "progress" and event.message == "trainings"]
    assert [(event.done, event.data) for event in told] == [
        (1, {"left": 30.0}), (2, {"left": 40.0}), (3, {"left": 20.0}), (4, {"left": 0.0}),
    ]  # fmt: skip
