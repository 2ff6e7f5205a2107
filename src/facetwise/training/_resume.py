"""What training goes on with after a stop: saved whole, the last two of it, and brought back."""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load
from torch import Tensor

from facetwise.errors import RunError
from facetwise.events import Event, Report
from facetwise.inference import sweep_parts, tensors_as_bytes
from facetwise.training._average import Average
from facetwise.training._checkpoints import (
    Checkpoint,
    Files,
    Pieces,
    check_files,
    commit_checkpoint,
    copy_checkpoint,
    has_checkpoint,
    keep_as,
    model_tensors,
    put_back,
    read_checkpoint,
    read_facts,
    write_files,
)
from facetwise.training._log import RunLog
from facetwise.training._micro_batches import Room
from facetwise.training._progress import Progress
from facetwise.training._shard_files import divided, pieces_of, read_own
from facetwise.training._step import Step
from facetwise.training.schedules import Schedule
from facetwise.training.together import own_part

__all__ = ["Keeper"]

BEST = ("best_score", "best_loss", "best_both")
# Epochs that end sooner than this after the last save wait for the next one: a kill that cannot be caught costs these
# seconds, and a training of epochs of 2 seconds is not a twelfth longer for its checkpoints (fashion, two cores).
SECONDS_WITHOUT_SAVING = 10.0


@dataclass(kw_only=True)
class Keeper:
    """Keeps `checkpoints/last` and the one before it, `checkpoints/previous`, and the checkpoints of the best epochs.

    Of two checkpoints one is whole at every moment, so a process may die in the middle of saving, and a disk may spoil
    one of them.

    Args:
        folder: `checkpoints/` of the run.
        step: Model, optimiser and balancer.
        sums: Sums over the epoch so far, by name; changed in place.
        log: The run log.
        room: How many items there is memory for.
        report: Told about damage, and where training goes on.
        schedule: Of the learning rates.
        average: Of the parameters; where there is one, it is what is kept of the best epochs.
    """

    folder: Path
    step: Step
    sums: Mapping[str, Tensor]
    log: RunLog
    room: Room
    report: Report
    schedule: Schedule
    average: Average
    _began: float = field(default_factory=time.perf_counter)
    _saved: float = field(default_factory=time.perf_counter)
    _waiting: dict[str, tuple[dict[str, np.ndarray], Mapping[str, Any]]] = field(default_factory=dict)

    def seconds(self) -> float:
        """Time spent on this training, stops not counted."""
        return time.perf_counter() - self._began

    def idle(self) -> float:
        """Seconds since it was saved."""
        return time.perf_counter() - self._saved

    def due(self, seconds: float) -> bool:
        """Whether it was saved at least so long ago: by the clock of rank 0, where all ranks have to save."""
        idle = self.idle()
        return (self.step.world.of_first([idle])[0] if self._in_pieces else idle) >= seconds

    def save(self, progress: Progress, facts: Mapping[str, Any] | None = None, *, best: Sequence[str] = ()) -> str:
        """Save everything as `last`, and the parameters alone under the names of the best.

        The end of an epoch soon after the last save is only remembered, unless it is the end of the training, after
        which there is no `previous`.

        Args:
            progress: Where training stands.
            facts: What was measured; nothing, in the middle of an epoch.
            best: Names of checkpoints that this epoch is the best for.

        Returns:
            Where it stands and where that is saved, for people.

        Raises:
            RunError: A parameter is not finite; nothing is written.
            WriteError: No room; the checkpoints are as they were.
        """
        world = self.step.world
        tensors = model_tensors(self.step.model)
        spoiled = ", ".join(name for name, array in tensors.items() if not np.isfinite(array).all())
        if self._in_pieces:  # a shard is spoiled on one rank, and none of them may write
            spoiled = ", ".join(dict.fromkeys(each.decode() for each in world.of_each(spoiled.encode()) if each))
        if spoiled:
            raise RunError(f"a checkpoint holds finite numbers. Found infinity or NaN in {spoiled}")
        if not (world.leads or self._in_pieces):
            return f"{progress}; saved by rank 0"
        told = facts or {"epoch": progress.epoch, "step": progress.step, "score": None, "loss": None, "metrics": None}
        self._waiting |= dict.fromkeys(best, (self.average.tensors() or tensors, told))
        if facts is not None and not progress.finished and not self.due(SECONDS_WITHOUT_SAVING):
            return f"{progress}; not saved yet"
        progress.seconds, progress.micro_batch, progress.log_bytes = self.seconds(), self.room.size, len(self.log)
        last, previous = self.folder / "last", self.folder / "previous"
        pieces = self._pieces()
        files = self._write({"model": tensors, "state": _arrays(self._state())}, pieces)
        # The best first: a checkpoint that knows of a best epoch must find it. Whatever dies before the last line is
        # trained again, to the same bits, and written again.
        for name, (parameters, measured) in self._waiting.items():
            own = files if parameters is tensors else self._write({"model": parameters}, pieces)
            if world.leads:
                about = {"pieces": {"model": pieces["model"]}} if pieces else {}
                own = {part: entry for part, entry in own.items() if part.partition(".")[0] == "model"}
                keep_as([name], last, {**measured, **about}, own)
        self._waiting.clear()
        self._saved = time.perf_counter()
        if not world.leads:
            return f"{progress}; its part saved in {self.folder.parent}"
        if has_checkpoint(last):
            with suppress(RunError):  # what a disk has spoiled meanwhile does not take the place of a whole one
                copy_checkpoint(last, previous)
        about = {"pieces": pieces} if pieces else {}
        commit_checkpoint(last, {**told, "progress": progress.to_dict(), **about}, files)
        if progress.finished:  # nothing is continued from here, and which epoch it held was up to the clock
            shutil.rmtree(previous, ignore_errors=True)
        self._saved = time.perf_counter()
        return f"{progress}; saved in {self.folder.parent}"

    @property
    def _in_pieces(self) -> bool:
        """Whether every rank writes: of a backbone in shards none has all."""
        return self.step.sharded is not None

    def _pieces(self) -> Pieces:
        if not self._in_pieces:
            return {}
        return pieces_of({"model": self.step.model.state_dict(), "state": self._state()}, size=self.step.world.size)

    def _write(self, parts: Mapping[str, Mapping[str, np.ndarray]], pieces: Pieces) -> Files:
        """Files of the next `last`; of a backbone in shards rank 0 writes what all have, and each rank its rows.

        Whoever has the answer knows that the files of all ranks are on the disk.
        """
        last, world = self.folder / "last", self.step.world
        if not pieces:
            return write_files(last, parts)
        whole, own = divided(parts, pieces, rank=world.rank)
        mine = write_files(last, {**(whole if world.leads else {}), **own})
        return {part: entry for each in world.of_each(json.dumps(mine).encode()) for part, entry in
                json.loads(each).items()}  # fmt: skip

    def restore(self, *, insist: bool) -> Progress:
        """Go back to the last checkpoint that is whole; the beginning, where there is none.

        Of several processes rank 0 does, and the others take over from it what it has; of a backbone in shards each
        reads its rows. Either way a checkpoint may come from any number of processes.

        Raises:
            RunError: There is none, and the user insists on going on.
        """
        world = self.step.world
        if world.size == 1 or self._in_pieces:
            return self._restored(insist=insist)
        progress = self._restored(insist=insist) if world.leads else Progress()
        model = {f"model.{name}": array for name, array in model_tensors(self.step.model).items()}
        mine = {**model, **_arrays(self._state())}
        about = json.dumps(progress.to_dict())
        whole = load(world.bytes_of_first(tensors_as_bytes(mine) if world.leads else b""))
        about = world.bytes_of_first(about.encode()).decode()
        if world.leads:
            return progress
        tensors = {name.removeprefix("model."): array for name, array in whole.items() if name.startswith("model.")}
        return self._take_back(Checkpoint(tensors=tensors, facts={"progress": json.loads(about)}, state=whole))

    def _restored(self, *, insist: bool) -> Progress:
        leads = self.step.world.leads
        if leads:
            sweep_parts(self.folder, *(path for path in self.folder.glob("*") if path.is_dir()))
        damage: list[str] = []
        for name in ("last", "previous"):
            there = has_checkpoint(self.folder / name)
            if not (self.step.world.of_first([there])[0] if self._in_pieces else there):
                continue
            try:
                found = self._read(self.folder / name)
            except RunError as error:
                damage.append(str(error))
                continue
            progress = self._take_back(found)
            if damage:
                self._say("fallback", f"{damage[0]}. Going back to the one before it, {progress}")
            if leads and name == "previous":
                copy_checkpoint(self.folder / name, self.folder / "last")
            if leads:
                self._look_at_the_best(progress)
            told = {"code": "resumed", "epoch": progress.epoch, "step": progress.step}
            self.report(Event("stage", f"continuing {progress}", data=told))
            return progress
        if insist:
            raise RunError(
                "; ".join(damage or [f"{self.folder.parent} has no checkpoint to continue from"])
                + ". Fix: leave --resume away to train from the beginning"
            )
        if damage:
            self._say("restart", f"{'; '.join(damage)}. Training from the beginning")
        self.log.cut(0)
        return Progress()

    def _read(self, folder: Path) -> Checkpoint:
        if not self._in_pieces:
            return read_checkpoint(folder)
        return read_own(folder, {"model": self.step.model.state_dict(), "state": self._state()}, self.step.world)

    def _take_back(self, found: Checkpoint) -> Progress:
        step, state = self.step, {name: torch.from_numpy(array) for name, array in found.state.items()}
        put_back(step.model, found.tensors)
        step.optimizer.load_state_dict(_part(state, "optimizer"))
        step.balancer.load_state_dict(_part(state, "balancer"))
        self.schedule.load_state_dict(_part(state, "schedule"))
        self.average.load_state_dict(_part(state, "average"))
        for name, tensor in _part(state, "sums").items():
            self.sums[name].copy_(tensor)
        progress = Progress.from_dict(found.facts["progress"])
        self.log.cut(progress.log_bytes)
        self.room.size = progress.micro_batch
        self._began = time.perf_counter() - progress.seconds
        return progress

    def _state(self) -> dict[str, Tensor]:
        parts: dict[str, Mapping[str, Tensor]] = {
            "optimizer": self.step.optimizer.state_dict(),
            "balancer": self.step.balancer.state_dict(),
            "sums": self.sums,
            "schedule": self.schedule.state_dict(),
            "average": self.average.state_dict(),
        }
        return {
            f"{part}.{name}": tensor.detach() for part, tensors in parts.items() for name, tensor in tensors.items()
        }

    def _look_at_the_best(self, progress: Progress) -> None:
        """Say at once, and not after hours, that a checkpoint of a best epoch is spoiled."""
        for name in BEST:
            if not progress.epoch or not has_checkpoint(self.folder / name):
                continue
            try:
                check_files(self.folder / name, read_facts(self.folder / name)[1])
            except RunError as error:
                self._say(
                    "damaged_best", f"{error}. A better epoch will replace it; if none comes, train with --overwrite"
                )

    def _say(self, code: str, words: str) -> None:
        self.report(Event("notice", words, data={"code": code}))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: own_part(tensor).cpu().numpy() for name, tensor in tensors.items()}


def _part(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): tensor for name, tensor in state.items() if name.startswith(f"{part}.")}
