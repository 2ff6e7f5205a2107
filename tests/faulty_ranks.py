"""Trains as one of several processes with something amiss; `processes.ranks_of` starts them.

    python faulty_ranks.py CASE FOLDER

What went wrong is said on stderr, as the command line says it, and ends with its exit code.
"""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from facetwise.errors import Interrupted, UserError
from facetwise.events import Event

# The ranks' shares of a batch of 7 differ, and of the last of an epoch, with one item, each computes all.
OPTIONS = {"dropout": 0.3, "batch_size": 7}
PER_EPOCH, STOPPED_AFTER = 6, 9


def _whole(folder: Path, world: Any) -> list[Event]:
    from made_training import small_config, train_small

    return train_small(folder, config=small_config(**OPTIONS), world=world)


def _stopped(folder: Path, world: Any, steps: int = STOPPED_AFTER) -> list[Event]:
    from made_training import small_config, stop_after, train_small

    stop = stop_after(steps, lambda stop: stop.ask(15))
    return train_small(folder, config=small_config(**OPTIONS), world=world, stop=stop)


def _at_every_step(folder: Path, world: Any) -> list[Event]:
    from made_training import EPOCHS

    for _ in range(EPOCHS * PER_EPOCH):
        with suppress(Interrupted):
            _stopped(folder, world, 1)
            raise AssertionError("nothing stopped it")
    return _whole(folder, world)


def _infinite(folder: Path, world: Any) -> list[Event]:
    """One item, which one rank reads; in the second epoch."""
    import numpy as np
    import torch

    from made_training import ITEMS, small_config, small_part, stop_after, train_small

    train = small_part(1, rows=np.arange(ITEMS) + 100)
    stop = stop_after(PER_EPOCH, lambda _: train.features[17].fill_(torch.inf))
    return train_small(folder, config=small_config(**OPTIONS), world=world, train=train, stop=stop)


def _cramped(folder: Path, world: Any) -> list[Event]:
    """The second rank has room for two items."""
    from made_facets import made_schema
    from made_training import Cramped, small_config, small_model, train_small

    config = small_config(**OPTIONS)
    model = small_model(made_schema(), config)
    if not world.leads:
        model.__class__ = type("_Two", (Cramped,), {"room": 2})
    return train_small(folder, config=config, world=world, model=model)


def _full(folder: Path, world: Any) -> list[Event]:
    """The disk of the first rank is full when it saves for the second time."""
    count = 0

    def fsync(_: int) -> None:
        nonlocal count
        count += 1
        if world.leads and count > 12:
            raise OSError(errno.ENOSPC, "No space left on device")

    os.fsync = fsync
    return _whole(folder, world)


CASES: dict[str, Callable[[Path, Any], list[Event]]] = {
    "whole": _whole, "stopped": _stopped, "at every step": _at_every_step, "infinite": _infinite, "cramped": _cramped,
    "full": _full,
}  # fmt: skip


def _main(case: str, folder: Path) -> None:
    from facetwise.training import _resume, joined

    _resume.SECONDS_WITHOUT_SAVING = 0.0  # every epoch is saved
    os.fsync = lambda _: None
    try:
        with joined() as world:
            for event in CASES[case](folder, world):
                if event.kind == "notice":
                    sys.stderr.write(event.message + "\n")
    except Interrupted as error:
        raise SystemExit(error.code) from error
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from error


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
