"""Fine-tunes a small network as one of several processes that each hold a shard of it; `ranks.together` starts them.

A case is `name:folder` or `name:folder:steps`: options by name, the run folder, and after how many steps to stop. What
it has learned is told under the name of the folder.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

# What goes with a sharded backbone, each against one process. Batches of 7 leave ranks with unequal shares, and at the
# end of an epoch four ranks with three items, which each computes.
CASES: dict[str, dict[str, Any]] = {
    "quick": {"ema": 0.8, "layer_decay": 0.5, "micro_batch": 3, "epochs": 2},
    "plain": {},
    "uneven": {"batch_size": 7},
    "unclipped": {"clip": 0.0},
    "averaged": {"ema": 0.8, "layer_decay": 0.5},
    "parts": {"micro_batch": 1},
    "twice": {"checkpointing": True, "batch_size": 7, "micro_batch": 2},
    "lora": {"finetune": "lora"},
    "last-k": {"finetune": {"name": "last-k", "k": 1}},
    "freeze": {"freeze_epochs": 1, "epochs": 2},
    "gramian": {"balancing": "mgda"},
    "again": {"balancing": "famo", "micro_batch": 3},
    "mixed": {"mixing": "mixup"},
    "bf16": {"precision": "bf16"},
    "wild": {"backbone_rate": 1e38, "clip": 0.0},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1, "ema": 0.5, "batch_size": 7},
}
PROCESSES = int(os.environ.get("WORLD_SIZE", "1"))


def transformer() -> Any:
    """Three blocks of timm's transformer, at the depths that the made model reads: 36 numbers."""
    import torch
    from timm.models import VisionTransformer

    from facetwise.models.backbones._depths import PixelDescriber
    from facetwise.models.backbones._timm_network import TimmNetwork

    torch.manual_seed(0)
    network = VisionTransformer(img_size=16, patch_size=4, embed_dim=12, depth=3, num_heads=2, num_classes=0)
    levels = TimmNetwork(network, tokens="cls", depths=3, patch_tokens=False)
    return PixelDescriber(levels, mean=(0.5, 0.5, 0.5), std=(0.3, 0.3, 0.3))


def sharded_config(name: str, **options: Any) -> Any:
    from made_tuning import made_config

    given = {"dropout": 0.0, "input_dropout": 0.0, "sharding": True, **CASES[name.rpartition("/")[2]]}
    return made_config(**{**given, **options})


def trained(case: str, world: Any) -> dict[str, np.ndarray]:
    """What the run folder says in the end (on rank 0), and how much of the network this rank has held."""
    from facetwise.errors import Interrupted, RunError
    from facetwise.events import Event
    from facetwise.training import Stopping, read_checkpoint
    from facetwise.training._checkpointed import compute_twice
    from facetwise.training.together import own_part
    from made_facets import made_schema, made_targets
    from made_tuning import made_model, made_part, tune

    name, folder, *after = case.split(":")
    out, config = Path(folder), sharded_config(name)
    model = made_model(made_schema(), config, describer=transformer() if name.startswith("vit/") else None)
    if config.checkpointing:
        compute_twice(model.reader.describer)
    # Sums over half as many digits show a mistake of the arithmetic as well, and nothing else is exact in bf16.
    model = model if config.precision == "bf16" else model.double()
    pictures = out.parent / f"{out.name}-pictures-{PROCESSES}-{world.rank}"
    train = made_part(pictures, 1)
    if config.precision != "bf16":
        train = replace(train, targets=made_targets(made_schema(), train.labels))
    seen = _watched(model)
    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        if after and count == int(after[0]):
            stop.ask(15)

    stop, told = Stopping(between), list[Event]()
    try:
        told = tune(out, config, pictures=pictures, model=model, train=train, world=world, stop=stop)
    except Interrupted as error:
        assert error.code == 143  # noqa: PT017
    except RunError as error:
        told.append(Event("notice", str(error), data={"code": f"error: {error}"}))
    network = list(model.reader.describer.parameters())
    found = {
        "held": np.array([sum(own_part(one).numel() for one in network), sum(one.numel() for one in network)]),
        "whole at once": np.array([max(seen, default=0)]),
        "codes": np.array([(event.data or {}).get("code", "") for event in told]),
    }
    if world.leads:
        for place in ("last", "best_score"):
            if (out / "checkpoints" / place / "metrics.json").exists():
                kept = read_checkpoint(out / "checkpoints" / place)
                found |= {f"{place} {key}": value for key, value in {**kept.tensors, **kept.state}.items()}
    return {f"{out.name} {key}": value for key, value in found.items()}


def _watched(model: Any) -> list[int]:
    """How many numbers of the network are whole whenever one of its units begins to compute."""
    from facetwise.models import depth_units
    from facetwise.training.together import is_sharded

    network, seen = model.reader.describer, list[int]()

    def look(*_: Any) -> None:
        seen.append(sum(one.numel() for one in network.parameters() if not is_sharded(one)))

    for _, unit in depth_units(network):
        unit.register_forward_pre_hook(look)
    return seen


def _main(out: Path, cases: list[str]) -> None:
    from torch.distributed import distributed_c10d

    from facetwise.training import _resume, joined

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("what is exchanged is tensors, never pickled objects")

    distributed_c10d._object_to_tensor = distributed_c10d._tensor_to_object = refuse
    _resume.SECONDS_WITHOUT_SAVING = 0.0  # every epoch is saved
    os.fsync = lambda _: None
    with joined() as world:
        found = {name: array for case in cases for name, array in trained(case, world).items()}
        np.savez(out / f"{world.rank}.npz", **found)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2:])
