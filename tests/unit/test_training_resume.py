"""A run that is stopped, killed or spoiled anywhere ends in the same bits as one that is not."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facetwise.errors import Interrupted, RunError, UserError, WriteError
from facetwise.objectives import REWEIGHTING, class_weights, count_classes
from facetwise.training import Stopping, _resume, read_checkpoint
from facetwise.training._micro_batches import reduced_in_parts
from made_facets import made_objective, made_schema
from made_training import (
    EPOCHS,
    ITEMS,
    NAMES,
    PER_EPOCH,
    Cramped,
    codes_of,
    outcome_of,
    small_config,
    small_model,
    small_part,
    stop_after,
    train_small,
)


@pytest.fixture(autouse=True)
def _every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of these tests take no time, and every one of them is to be saved."""
    monkeypatch.setattr(_resume, "SECONDS_WITHOUT_SAVING", 0.0)


class Killed(BaseException):
    """Nobody catches it."""


def _killed(stop: Stopping) -> None:
    raise Killed


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk, thousands of times, is most of the time of these tests."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("straight")
    train_small(folder)
    found = outcome_of(folder)
    assert [line["epoch"] for line in found["log"]] == [1, 2, 3]
    return found


def test_dropout_is_at_work(straight: dict[str, Any], tmp_path: Path) -> None:
    """Otherwise the tests below would not see random numbers that were not restored."""
    train_small(tmp_path, config=small_config(dropout=0.0))
    assert outcome_of(tmp_path)["last"] != straight["last"]


@pytest.mark.parametrize("steps", [1, PER_EPOCH, PER_EPOCH + 2, 3 * PER_EPOCH])
def test_a_stop_after_any_step(straight: dict[str, Any], tmp_path: Path, steps: int) -> None:
    with pytest.raises(Interrupted, match=r"The same command continues") as caught:
        train_small(tmp_path, stop=stop_after(steps, lambda stop: stop.ask(15)))
    assert caught.value.code == 143
    at = read_checkpoint(tmp_path / "checkpoints" / "last").facts["progress"]
    assert (at["epoch"], at["step"]) == ((steps - 1) // PER_EPOCH, (steps - 1) % PER_EPOCH + 1)
    assert "resumed" in codes_of(train_small(tmp_path, insist=True))
    assert outcome_of(tmp_path) == straight


def test_a_stop_at_every_step(straight: dict[str, Any], tmp_path: Path) -> None:
    for step in range(EPOCHS * PER_EPOCH):
        with pytest.raises(Interrupted):
            train_small(tmp_path, stop=stop_after(1, lambda stop: stop.ask(2)), insist=step > 0)
    train_small(tmp_path)
    assert outcome_of(tmp_path) == straight


@pytest.mark.parametrize("steps", [1, PER_EPOCH + 1, 3 * PER_EPOCH])
def test_a_death_between_checkpoints(straight: dict[str, Any], tmp_path: Path, steps: int) -> None:
    with pytest.raises(Killed):
        train_small(tmp_path, stop=stop_after(steps, _killed))
    train_small(tmp_path)
    assert outcome_of(tmp_path) == straight


def test_long_epochs_are_saved_in_their_middle(straight: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train_small(tmp_path, stop=stop_after(PER_EPOCH + 3, _killed), save_every=0.0)
    at = read_checkpoint(tmp_path / "checkpoints" / "last").facts["progress"]
    assert (at["epoch"], at["step"]) == (1, 2)
    train_small(tmp_path)
    assert outcome_of(tmp_path) == straight


def _renames(monkeypatch: pytest.MonkeyPatch, die_at: int) -> list[int]:
    """Count renames, and die instead of the one with that number; what is half-written stays, as after a kill."""
    made, real = [0], Path.replace

    def replace(self: Path, target: Path) -> Path:
        made[0] += 1
        if made[0] == die_at:
            monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
            raise Killed
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    return made


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 6])
def test_a_death_in_the_middle_of_saving(
    straight: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """A checkpoint appears by renaming; the process dies before each of the renames in turn."""
    with monkeypatch.context() as patch:
        made = _renames(patch, 0)
        train_small(tmp_path / "count")
    assert made[0] > 20
    for die_at in range(1, made[0] + 1, every):
        folder = tmp_path / str(die_at)
        with monkeypatch.context() as patch:
            _renames(patch, die_at)
            with pytest.raises(Killed):
                train_small(folder)
        train_small(folder)
        assert outcome_of(folder) == straight, die_at
        assert not list(folder.rglob("*.part")), die_at
        assert all(len(list((folder / "checkpoints" / name).iterdir())) <= 3 for name in NAMES), die_at


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "one bit": _flip,
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize(
    ("spoil", "file"),
    [("one bit", "model-*"), ("one bit", "state-*"), ("one bit", "metrics.json"), ("truncated", "state-*"),
     ("empty", "model-*"), ("empty", "metrics.json"), ("gone", "state-*"), ("gone", "metrics.json")],
)  # fmt: skip
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    straight: dict[str, Any], tmp_path: Path, spoil: str, file: str
) -> None:
    with pytest.raises(Killed):
        train_small(tmp_path, stop=stop_after(2 * PER_EPOCH + 1, _killed))
    [path] = (tmp_path / "checkpoints" / "last").glob(file)
    DAMAGE[spoil](path)
    told = train_small(tmp_path, insist=True)
    if not (file == "metrics.json" and spoil == "gone"):
        assert "fallback" in codes_of(told)
        [warning] = [event.message for event in told if event.kind == "notice" and "Going back" in event.message]
        assert "'last' is damaged" in warning
        assert "after epoch 1" in warning
    assert outcome_of(tmp_path) == straight


def test_both_checkpoints_damaged(straight: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train_small(tmp_path, stop=stop_after(2 * PER_EPOCH + 1, _killed))
    for name in ("last", "previous"):
        _flip(next((tmp_path / "checkpoints" / name).glob("state-*")))
    with pytest.raises(RunError, match=r"'last' is damaged.*'previous' is damaged.*--resume"):
        train_small(tmp_path, insist=True)
    assert "restart" in codes_of(train_small(tmp_path))
    assert outcome_of(tmp_path) == straight


def test_a_damaged_best_checkpoint_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train_small(tmp_path, stop=stop_after(2 * PER_EPOCH + 1, _killed))
    _flip(next((tmp_path / "checkpoints" / "best_loss").glob("model-*")))
    told = train_small(tmp_path, stop=stop_after(1, lambda _: None))
    assert any("best_loss" in event.message for event in told if event.kind == "notice")


def test_short_epochs_wait_for_the_next_save(
    straight: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_resume, "SECONDS_WITHOUT_SAVING", 1e9)
    with pytest.raises(Killed):
        train_small(tmp_path, stop=stop_after(2 * PER_EPOCH, _killed))
    assert not list((tmp_path / "checkpoints").glob("*/*"))
    train_small(tmp_path)
    assert outcome_of(tmp_path) == straight
    assert not (tmp_path / "checkpoints" / "previous").exists(), "saved once, at the end"


def test_nothing_to_continue(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no checkpoint"):
        train_small(tmp_path, insist=True)


def test_a_finished_training_does_nothing(straight: dict[str, Any], tmp_path: Path) -> None:
    train_small(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    train_small(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["dwa", "gradvac", "random"])
def test_what_a_balancer_remembers_is_restored(tmp_path: Path, name: str) -> None:
    """Averages over epochs, similarities per pair, random numbers, and none."""
    config = small_config(balancing=name)
    train_small(tmp_path / "straight", config=config)
    for steps in (2, PER_EPOCH):
        with pytest.raises(Interrupted):
            train_small(tmp_path / "stopped", config=config, stop=stop_after(steps, lambda stop: stop.ask(15)))
    train_small(tmp_path / "stopped", config=config)
    assert outcome_of(tmp_path / "stopped") == outcome_of(tmp_path / "straight")


@pytest.mark.parametrize("name", ["equal", "upgrad", "gradvac"])
def test_a_balancer_sees_the_whole_batch(tmp_path: Path, name: str) -> None:
    ends = []
    for size in (0, 5):
        config = small_config(dropout=0.0, input_dropout=0.0, micro_batch=size, balancing=name, epochs=1)
        train_small(tmp_path / str(size), config=config)
        ends.append(read_checkpoint(tmp_path / str(size) / "checkpoints" / "last").tensors)
    for key in ends[0]:
        np.testing.assert_allclose(ends[1][key], ends[0][key], rtol=1e-3, atol=2e-5, err_msg=key)


def test_infinite_features_are_traced_to_their_row(tmp_path: Path) -> None:
    """The second epoch is reached only because the row is spoiled in its first one; the checkpoint stays."""
    train = small_part(1, rows=np.arange(ITEMS) + 100)
    stop = stop_after(PER_EPOCH, lambda _: train.features[17].fill_(torch.inf))
    with pytest.raises(RunError, match=r"epoch 2, step \d of|epoch 2, step \d, rows 118 of the table") as caught:
        train_small(tmp_path, train=train, stop=stop)
    assert "'colour'" in str(caught.value)
    assert "learning_rate" in str(caught.value)
    saved = read_checkpoint(tmp_path / "checkpoints" / "last")
    assert saved.facts["progress"]["epoch"] == 1
    assert all(np.isfinite(array).all() for array in saved.tensors.values())


def test_an_infinite_gradient_stops_before_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.utils, "get_total_norm", lambda *_: torch.tensor(torch.nan))
    with pytest.raises(RunError, match=r"the gradient of finite losses, epoch 1, step 1, rows (\d+, ){5}\.\.\."):
        train_small(tmp_path)
    assert not (tmp_path / "checkpoints" / "last" / "metrics.json").exists()


def test_parts_add_up_to_the_batch() -> None:
    schema, part, config = made_schema(), small_part(1), small_config(dropout=0.0, input_dropout=0.0)
    model = small_model(schema, config).double()
    objective = made_objective(schema).double()
    weights = class_weights(schema, count_classes(schema, part.labels), REWEIGHTING["sqrt"](), progress=0.0)
    targets = part.targets.to(torch.device("cpu"), torch.float64)
    found = {}
    for size in (ITEMS, 17, 1):
        model.zero_grad()
        reduced = reduced_in_parts(model, objective, part.features.double(), targets, weights, size=size)
        losses, active = reduced.mean()
        losses[active].sum().backward()
        found[size] = losses.detach(), [p.grad.clone() for p in model.parameters()], reduced.cells
    for size in (17, 1):
        torch.testing.assert_close(found[size][0], found[ITEMS][0], rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(found[size][1], found[ITEMS][1], rtol=1e-5, atol=1e-8)
        assert torch.equal(found[size][2], found[ITEMS][2])


def test_out_of_memory_halves_the_micro_batch(tmp_path: Path) -> None:
    config = small_config()
    small = small_model(made_schema(), config)
    small.__class__ = Cramped
    told = train_small(tmp_path / "small", config=config, model=small)
    notices = [event.message for event in told if event.kind == "notice"]
    assert [event.data["micro_batch"] for event in told if event.data and "micro_batch" in event.data] == [6]
    assert any("continuing with 6, the batch stays 12" in notice for notice in notices)
    train_small(tmp_path / "asked", config=small_config(micro_batch=6))
    small_end, asked = outcome_of(tmp_path / "small"), outcome_of(tmp_path / "asked")
    assert small_end == asked


def test_no_room_for_a_single_item(tmp_path: Path) -> None:
    config = small_config()
    small = small_model(made_schema(), config)
    small.__class__ = type("_None", (Cramped,), {"room": 0})
    with pytest.raises(UserError, match="memory for one item"):
        train_small(tmp_path, config=config, model=small)


def test_a_full_disk(straight: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever write it is: one line, the checkpoint before it is whole, and the same command continues."""
    import errno

    count = [0]

    def fsync(file: int) -> None:
        count[0] += 1
        if count[0] == fail_at:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    fail_at = 0
    train_small(tmp_path / "count")
    whole = count[0]
    for fail_at in (1, 2, whole // 2, whole - 1, whole):
        count[0] = 0
        folder = tmp_path / str(fail_at)
        with pytest.raises(WriteError, match=r"cannot be written.*No space left on device.*Fix: make room") as caught:
            train_small(folder)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not list(folder.rglob("*.part"))
        train_small(folder)
        assert outcome_of(folder) == straight
