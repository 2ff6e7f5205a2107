"""Comparisons and sweeps on a Ray cluster: the numbers of local jobs, a death, a stop, and who is asked."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facetwise import studies
from facetwise.errors import Interrupted, UserError
from facetwise.events import Event
from facetwise.features import Crew, joined_cluster
from facetwise.training import Stopping
from made_studies import compared
from made_table import TINY

FOREIGN = "10.0.0.1:6379"


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A cluster of two cores in this machine, which everything here joins."""
    package = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    handler = signal.getsignal(signal.SIGTERM)
    package.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1"
    )
    signal.signal(signal.SIGTERM, handler)
    yield package
    package.shutdown()


def _cells(out: Path) -> dict[str, dict[str, Any]]:
    """What every cell says, without what a clock and a meter say."""
    found = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (out / "cells").glob("*.json")}
    for cell in found.values():
        cell["facts"] = {key: value for key, value in cell["facts"].items() if key not in ("seconds", "peak_megabytes")}
    return found


def _actors(title: str) -> list[int]:
    """Processes below this one that do what is in their title."""
    parents, found = {}, []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parents[int(folder.name)] = int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                if title.encode() in folder.joinpath("cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue

    def is_ours(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()

    return [pid for pid in found if is_ours(pid)]


def _wait_for_their_end() -> None:
    """Ray kills in its own time: an actor that was begun a moment before is found later than those at work."""
    until = time.monotonic() + 30
    while _actors("ray::Trainer") and time.monotonic() < until:
        time.sleep(0.05)
    assert not _actors("ray::Trainer")


def _is_training(event: Event) -> bool:
    return event.kind == "progress" and event.message == "trainings"


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"engine": "ray", "address": FOREIGN}, "asks for a token"),
        ({"engine": "ray", "address": "auto"}, "named by its address"),
        ({"address": "127.0.0.1:6379"}, "add --engine ray"),
        ({"engine": "rey"}, "local or ray"),
        ({"engine": "ray", "jobs": 0}, "--jobs 2"),
    ],
)
def test_who_may_be_asked(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], part: str
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(UserError, match=part):
        compared(made, tmp_path / "out", **options)
    with pytest.raises(UserError, match=part):
        studies.sweep(made[0], features=made[1], out=tmp_path / "out", search=["batch_size=16,32"], **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray's own start
def test_a_worker_dies_in_the_middle_and_the_numbers_are_those_of_one_process(
    ray: Any, made: tuple[Path, Path], tmp_path: Path
) -> None:
    longer = {"seeds": 3, "settings": ("epochs=40",)}
    whole = compared(made, tmp_path / "whole", **longer)
    events: list[Event] = []
    killed: list[int] = []
    at: dict[str, int] = {}

    def kill_one() -> None:
        """As soon as one training is done, whoever is at work on another."""
        cells = tmp_path / "ray" / "cells"
        while len(list(cells.glob("*.json"))) < 1 or not (working := _actors("ray::Trainer.run")):
            time.sleep(0.01)
        at.update({path.name: path.stat().st_mtime_ns for path in cells.glob("*.json")})
        os.kill(working[0], signal.SIGKILL)
        killed.append(working[0])

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    found = compared(made, tmp_path / "ray", jobs=2, engine="ray", report=events.append, **longer)
    killer.join(timeout=10)
    assert killed
    assert [event.message for event in events if "is done again" in event.message]
    assert [event.done for event in events if _is_training(event)] == list(range(1, 7)), "each once"
    assert _cells(tmp_path / "ray") == _cells(tmp_path / "whole")
    assert [one.mean for one in found.variants] == [one.mean for one in whole.variants]
    # What was done is not touched by a death.
    assert at.items() <= {p.name: p.stat().st_mtime_ns for p in (tmp_path / "ray" / "cells").glob("*.json")}.items()
    _wait_for_their_end()
    assert not list((tmp_path / "ray").glob("*.part"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_stop_ends_the_actors_and_local_jobs_go_on(ray: Any, made: tuple[Path, Path], tmp_path: Path) -> None:
    stop, out = Stopping(), tmp_path / "out"

    def after_one(event: Event) -> None:
        if _is_training(event):
            stop.asked = 15

    with pytest.raises(Interrupted, match="are kept") as caught, stop.deferred():
        compared(made, out, jobs=2, engine="ray", seeds=5, report=after_one, stop=stop)
    assert caught.value.code == 143
    there = _cells(out)
    assert 1 <= len(there) < 10
    _wait_for_their_end()
    found = compared(made, out, seeds=5)
    assert {name: cell for name, cell in _cells(out).items() if name in there} == there
    assert len(found.seeds) == 5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_sweep_finds_what_local_jobs_find(ray: Any, made: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

    def sweep(out: str, trials: int, **options: Any) -> studies.Sweep:
        search = ("learning_rate=log:1e-4..1e-1", "batch_size=16,32")
        return studies.sweep(
            made[0], features=made[1], out=tmp_path / out, settings=TINY, search=search, trials=trials, jobs=2,
            **options,
        )  # fmt: skip

    local = sweep("local", 4)
    first = sweep("ray", 2, engine="ray")
    assert first.trials == local.trials[:2]
    # Begun here, gone on with there, in one journal.
    assert sweep("ray", 4, engine="ray").trials == local.trials
    names = {path.name for path in (tmp_path / "ray").iterdir()}
    assert names == {path.name for path in (tmp_path / "local").iterdir()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_a_crew_says(ray: Any, tmp_path: Path) -> None:
    """A task that kills every worker is named, after the others; what a worker raises is raised; folders are seen."""

    class Worker:  # in here, so that it travels as it is: an actor cannot import a test
        def __init__(self, sees: bool) -> None:
            self._sees = sees

        def sees(self, paths: list[str]) -> list[str]:
            return [] if self._sees else paths

        def run(self, task: str) -> str:
            if task == "deadly":
                os.kill(os.getpid(), signal.SIGKILL)
            if task == "wrong":
                raise UserError("mend it")
            return task.upper()

    said: list[str] = []
    with joined_cluster(None) as cluster:
        own = {"places": 2, "called": lambda task: f"task {task}", "fix": "share it", "warn": said.append}
        with Crew(cluster, Worker, True, written=[tmp_path], **own) as crew:
            assert sorted(crew.run(["a", "b", "c"])) == [("a", "A"), ("b", "B"), ("c", "C")]
            assert list(crew.run([])) == []
            assert list(crew.run(["d"])) == [("d", "D")], "actors stay from one list to the next"
            with pytest.raises(UserError, match=r"task deadly is done by a worker that lives\. Found 3 that died"):
                list(crew.run(["deadly"]))
            assert said == ["an actor died; task deadly is done again"] * 2
        with Crew(cluster, Worker, True, **own) as crew, pytest.raises(UserError, match=r"^mend it$"):
            list(crew.run(["wrong"]))
        blind = Crew(cluster, Worker, False, written=[tmp_path], **own)
        with blind as crew, pytest.raises(UserError, match="sees another disk at") as caught:
            list(crew.run(["a"]))
        assert str(tmp_path) in str(caught.value)
        assert "share it" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert ray.is_initialized(), "a cluster that was there before stays"


def test_signals_stay_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray takes SIGTERM when it starts; a handler may raise, which Ray would lose in the middle of a wait."""
    heard: list[int] = []

    class Package:
        exceptions = None
        took: Any = None

        def is_initialized(self) -> bool:
            return False

        def init(self, **_: object) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

        def shutdown(self) -> None:
            pass

        def wait(self, *_: object, **__: object) -> tuple[list[int], list[int]]:
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard == [], "not in the middle of a wait"
            return [1], []

    def hear(number: int, frame: object) -> None:
        heard.append(number)
        raise Interrupted("stopped", code=143)

    before = signal.signal(signal.SIGTERM, hear)
    try:
        monkeypatch.setitem(__import__("sys").modules, "ray", Package())
        with pytest.raises(Interrupted), joined_cluster(None) as cluster:
            cluster.wait([1], seconds=1)
        assert heard == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is hear
    finally:
        signal.signal(signal.SIGTERM, before)
