"""A backbone in shards on two and four processes learns what one process learns, and continues on any number."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from facetwise.training import World, _resume, read_checkpoint
from ranks import together
from sharded_ranks import CASES, trained

# Of the sums over float64 the last digits; bf16 has 8 bits, and Adam divides small gradients by their own size.
NEAR, NEAR_IN_BF16 = 1e-10, 2e-2
# Draws of dropout are each rank's own, and numbers that run away are not compared.
NOT_COMPARED = {"quick", "dropout", "wild"}
# Where it matters how many ranks a batch is dealt to; what is each rank's own is seen on two.
OF_FOUR = ["plain", "uneven", "averaged", "twice", "gramian"]
Found = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def _every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resume, "SECONDS_WITHOUT_SAVING", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


def _go(folder: Path, processes: int, *cases: str) -> list[Found]:
    """What each rank has in the end of runs in a folder; one process is this one."""
    inside = [f"{name}:{folder / run}" for name, _, run in (case.partition(":") for case in cases)]
    if processes > 1:
        number = len(list(folder.parent.glob("ranks*")))
        return together(folder.parent / f"ranks{number}", processes, *inside, script="sharded_ranks.py", seconds=900)
    return [{name: array for case in inside for name, array in trained(case, World()).items()}]


def _outcome(found: Found, run: str) -> Found:
    """Parameters, moments and averages, of the last and the best checkpoint."""
    kept = {name.removeprefix(f"{run} "): array for name, array in found.items() if name.startswith(f"{run} ")}
    return {name: array for name, array in kept.items() if name.startswith(("last ", "best_score "))}


def _near(found: Found, expected: Found, tolerance: float = NEAR) -> None:
    assert found.keys() == expected.keys() != set()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=tolerance, atol=tolerance, err_msg=name)


def _same(found: Found, expected: Found) -> None:
    assert found.keys() == expected.keys() != set()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def _parts(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in folder.glob("*.safetensors"))


def test_two_ranks_are_one(tmp_path: Path) -> None:
    """The one that runs always: weights, moments and averages; each rank holds its half, and writes it."""
    [one] = _go(tmp_path / "one", 1, "quick:quick")
    ranks = _go(tmp_path / "two", 2, "quick:quick")
    # The tiny backbone adds up in float32 on the way.
    _near(_outcome(ranks[0], "quick"), _outcome(one, "quick"), 1e-9)
    assert "sharding" in one["quick codes"]
    assert "sharding" not in ranks[0]["quick codes"]
    held = [rank["quick held"] for rank in ranks]
    assert held[0][0] + held[1][0] == held[0][1] == one["quick held"][0]
    assert all(0.4 < own / whole < 0.6 for own, whole in held)
    last = tmp_path / "two" / "quick" / "checkpoints" / "last"
    assert _parts(last) == ["model", "model.0", "model.1", "state", "state.0", "state.1"]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_ranks_are_one(tmp_path: Path, processes: int) -> None:
    """A transformer of timm; every option that goes with shards; what is kept of the best is read like any other."""
    names = [name for name in CASES if name not in NOT_COMPARED] if processes == 2 else OF_FOUR
    [one] = _go(tmp_path / "one", 1, *(f"vit/{name}:{name}" for name in names))
    ranks = _go(tmp_path / "several", processes, *(f"vit/{name}:{name}" for name in names))
    for name in names:
        tolerance = NEAR_IN_BF16 if name == "bf16" else NEAR
        _near(_outcome(ranks[0], name), _outcome(one, name), tolerance)
        # Everything of the network that lies in rows is on one rank only, and about as much on each.
        held = np.stack([rank[f"{name} held"] for rank in ranks])
        assert held[:, 0].sum() == held[0, 1], name
        assert held[:, 0].max() <= 1.25 * held[0, 1] / processes, name
        # What is whole while a block computes: the block, and what is in none. Half of all numbers are in other blocks.
        assert ranks[0][f"{name} whole at once"] < 0.6 * held[0, 1], name
    folders = [tmp_path / run / "plain" / "checkpoints" / "best_score" for run in ("one", "several")]
    alone, several = (read_checkpoint(folder) for folder in folders)
    assert {name: (array.shape, array.dtype) for name, array in several.tensors.items()} == {
        name: (array.shape, array.dtype) for name, array in alone.tensors.items()
    }
    assert "pieces" not in several.facts
    facts = json.loads((folders[1] / "metrics.json").read_text(encoding="utf-8"))
    assert list(facts["pieces"]) == ["model"]
    piece = facts["pieces"]["model"]["reader.describer.network.network.blocks.0.attn.qkv.weight"]
    assert piece == {"shape": [36, 12], "starts": [36 // processes * rank for rank in range(processes)]}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Found]]:
    """What two processes have begun: runs to their end, and runs that were stopped in the middle."""
    folder = tmp_path_factory.mktemp("begun") / "two"
    return folder, _go(
        folder, 2, "vit/averaged:whole", "vit/averaged:same:4", "vit/averaged:other:4", "vit/dropout:dropping",
        "vit/dropout:dropped:6", "plain:undamaged", "plain:damaged:5", "vit/wild:wild",
    )  # fmt: skip


@pytest.mark.slow
def test_a_stop_and_another_number_of_processes(begun: tuple[Path, list[Found]]) -> None:
    """2 → 4 → 1 and 1 → 2 end as if nothing had happened; 2 → 2 to the last bit, dropout and unequal shares too."""
    folder, [first, _] = begun
    [alone] = _go(folder, 1, "vit/averaged:straight", "vit/averaged:later:4")
    again = _go(folder, 2, "vit/averaged:same", "vit/dropout:dropped", "vit/averaged:later")[0]
    _same(_outcome(again, "same"), _outcome(first, "whole"))
    _same(_outcome(again, "dropped"), _outcome(first, "dropping"))
    straight = _outcome(alone, "straight")
    _near(_outcome(again, "later"), straight)
    _near(_outcome(first, "whole"), straight)
    _go(folder, 4, "vit/averaged:other:3")
    assert len(_parts(folder / "other" / "checkpoints" / "last")) == 10
    [last] = _go(folder, 1, "vit/averaged:other")
    _near(_outcome(last, "other"), straight)
    assert _parts(folder / "other" / "checkpoints" / "last") == ["model", "state"]
    for run in ("same", "later", "other"):
        assert (folder / run / "log.jsonl").read_text(encoding="utf-8").count('"epochs"') == 3


@pytest.mark.slow
def test_a_damaged_shard_gives_way_to_the_checkpoint_before(begun: tuple[Path, list[Found]]) -> None:
    """Damage that one rank finds is heard by all, and the last bit of the result does not notice."""
    folder, [first, _] = begun
    harms = ("truncated", "flipped", "gone", "index")
    for harm in harms:
        last = shutil.copytree(folder / "damaged", folder / harm) / "checkpoints" / "last"
        [shard] = last.glob("state.1-*.safetensors")
        content, index = shard.read_bytes(), last / "metrics.json"
        if harm == "gone":
            shard.unlink()
        elif harm == "index":
            index.write_text(index.read_text(encoding="utf-8").replace('"starts": [0, ', '"starts": [1, ', 1))
        else:
            flipped = content[:-1] + bytes([content[-1] ^ 1])
            shard.write_bytes(content[: len(content) // 2] if harm == "truncated" else flipped)
    again = _go(folder, 2, *(f"plain:{harm}" for harm in harms))[0]
    for harm in harms:
        assert "fallback" in again[f"{harm} codes"]
        _same(_outcome(again, harm), _outcome(first, "undamaged"))


@pytest.mark.slow
def test_numbers_that_ran_away_are_told_by_all(begun: tuple[Path, list[Found]]) -> None:
    """Each rank stops before the step, names the same rows, and none waits for another."""
    said = [rank["wild codes"][-1] for rank in begun[1]]
    assert "training keeps every number finite" in said[0]
    assert ", epoch 1, step " in said[0]
    assert said[0] == said[1]
