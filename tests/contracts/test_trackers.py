"""Every tracker hears every row of a training, survives a stop, keeps the result, and never ends a run."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from facetwise.config import Config, load_config
from facetwise.errors import UnavailableError, UserError
from facetwise.events import Event
from facetwise.training.tracking import TRACKERS, NoTracker, Tracker, flat, tracked

NAMES = ["none", "tensorboard", "wandb", "mlflow"]
ODD = "<script>\"'|é/::"


def _options(name: str, folder: Path) -> dict[str, Any]:
    # A folder as a store: the smallest that MLflow has.
    return {"uri": (folder / "mlruns").as_uri()} if name == "mlflow" else {}


def _epoch(number: int) -> Event:
    data = {"epoch": number, "step": 10 * number, "best": ["best_score"], "losses": {ODD: 1 / number, "never": None}}
    return Event("epoch", f"epoch {number}", number, 3, data)


def _run(name: str, folder: Path, numbers: Sequence[int], *, ends: bool = True) -> list[Event]:
    folder.mkdir(exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps({"split": "test", "overall": {"mean_accuracy": 0.75, "x": None}}))
    (folder / "config.yaml").write_text("seed: 0\n")
    heard: list[Event] = []
    tracker = TRACKERS[name](folder=folder, **_options(name, folder))
    config = load_config(settings=[f"tracker={name}"])
    try:
        with tracked(tracker, folder, config, heard.append) as report:
            for number in numbers:
                report(_epoch(number))
            if not ends:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert not ends
    return heard


def test_the_table() -> None:
    assert list(TRACKERS) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")  # of the libraries' own imports
def test_it_hears_and_goes_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = tmp_path / "run"
    assert len(_run(name, folder, [1, 2], ends=False)) == 2
    if name == "none":
        assert not (folder / "tracker.json").exists()
        return
    before = json.loads((folder / "tracker.json").read_text())
    assert len(_run(name, folder, [2, 3])) == 2, "no notice of a failure"
    assert json.loads((folder / "tracker.json").read_text()) == before, "it goes on in the run that it began"
    assert _curve(name, folder, before["id"])[10] == 1.0
    assert _curve(name, folder, before["id"])[30] == pytest.approx(1 / 3)


def _curve(name: str, folder: Path, own: str) -> Mapping[int, float]:
    """The loss of the odd attribute by step, read back by the library's own means."""
    if name == "tensorboard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found = EventAccumulator(str(folder / "tensorboard")).Reload()
        return {one.step: one.value for one in found.Scalars(f"losses/{ODD}")}
    if name == "mlflow":
        from mlflow import MlflowClient

        from facetwise.training.tracking._mlflow import _allowed

        client = MlflowClient(tracking_uri=(folder / "mlruns").as_uri())
        run = client.get_run(own)
        assert run.info.status == "FINISHED"
        assert run.data.metrics["test/mean_accuracy"] == 0.75
        assert {one.path for one in client.list_artifacts(own)} == {"metrics.json", "config.yaml"}
        return {one.step: one.value for one in client.get_metric_history(own, _allowed(f"losses/{ODD}"))}
    # Its files have no reader in Python; the text of a number follows its name, a few bytes later. A process of its own
    # writes them, a moment later; each number is there in the history and in the summary.
    number = re.compile(rb"losses/" + re.escape(ODD.encode()) + rb".{1,8}?([01](?:\.[0-9]+)?)", re.DOTALL)
    until, values = time.monotonic() + 60, set[float]()
    while len(values) < 3 and time.monotonic() < until:
        files = sorted((folder / "wandb").glob("offline-run-*/*.wandb"))
        values = {float(text) for file in files for text in number.findall(file.read_bytes())}
        time.sleep(0.1)
    assert {file.stem for file in files} == {f"run-{own}"}
    return dict(zip([10, 20, 30], sorted(values, reverse=True), strict=True))


class Broken(NoTracker):
    """Fails at the second row."""

    rows = 0

    def row(self, numbers: Mapping[str, float], *, step: int) -> None:
        del numbers, step
        self.rows += 1
        if self.rows == 2:
            raise OSError("disk full")
        assert self.rows < 2, "it was left alone"


def test_a_tracker_that_fails_does_not_end_the_run(tmp_path: Path) -> None:
    class Odd(Tracker):
        inner = Broken(folder=tmp_path)
        begin, end, close = inner.begin, inner.end, inner.close

        def row(self, numbers: Mapping[str, float], *, step: int) -> None:
            self.inner.row(numbers, step=step)

    (tmp_path / "metrics.json").write_text(json.dumps({"split": "test", "overall": {}}))
    heard: list[Event] = []
    with tracked(Odd(folder=tmp_path), tmp_path, Config(), heard.append) as report:
        for number in (1, 2, 3):
            report(_epoch(number))
    notices = [event.message for event in heard if event.kind == "notice"]
    assert len(notices) == 1
    assert "disk full" in notices[0]
    assert len([event for event in heard if event.kind == "epoch"]) == 3


@pytest.mark.parametrize(
    ("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb"), ("mlflow", "mlflow")]
)
def test_what_is_not_installed_is_said(name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(UnavailableError, match="pip install"):
        TRACKERS[name](folder=tmp_path).begin({}, earlier=None)


def test_options() -> None:
    with pytest.raises(UserError, match="online"):
        load_config(settings=["tracker=wandb", "tracker.mode=maybe"])
    assert load_config(settings=["tracker=wandb", "tracker.project=shoes"]).tracker.options == {"project": "shoes"}


def test_numbers_by_their_path() -> None:
    assert flat({"a": {"b": 1, "c": {"d": float("nan")}}, "e": True, "f": "text", "g": 0.5}) == {"a/b": 1.0, "g": 0.5}
