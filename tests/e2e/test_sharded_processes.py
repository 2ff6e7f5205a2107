"""A backbone in shards on two and four processes learns what one process learns, and continues on any number."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from facetwise.training import World, _resume, read_checkpoint
from ranks import together
from sharded_ranks import CASES, trained

# Of the sums over float64 the last digits; bf16 has 8 bits, and Adam divides small gradients by their own size.
NEAR = {"bf16": 2e-2}
# Draws of dropout are each rank's own: what they learn is theirs, and not one process's.
ALONE_ONLY = {"dropout", "wild"}


@pytest.fixture(autouse=True)
def _every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resume, "SECONDS_WITHOUT_SAVING", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


def _go(out: Path, processes: int, *cases: str) -> list[dict[str, np.ndarray]]:
    """What each rank has in the end; one process is this one."""
    if processes > 1:
        return together(out, processes, *cases, script="sharded_ranks.py")
    return [{name: array for case in cases for name, array in trained(case, World()).items()}]


def _equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], near: float | None = None) -> None:
    """By name: to the last bit, or so near."""
    names = [name for name in expected if name.split(" ")[1] in ("last", "best_score")]
    assert names == [name for name in names if name in found]
    for name in names:
        own = NEAR.get(name.split(" ")[0].rpartition("/")[2], near)
        if own is None:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        else:
            np.testing.assert_allclose(found[name], expected[name], rtol=own, atol=own, err_msg=name)


def test_two_ranks_are_one(tmp_path: Path) -> None:
    """The one that runs always: weights, moments and averages; each rank holds its half, and writes it."""
    [one] = _go(tmp_path / "a", 1, f"quick:{tmp_path}/one")
    ranks = _go(tmp_path / "b", 2, f"quick:{tmp_path}/two")
    _equal(ranks[0], one, 1e-9)
    assert "sharding" in one["quick codes"]
    assert "sharding" not in ranks[0]["quick codes"]
    held = [rank["quick held"] for rank in ranks]
    assert held[0][0] + held[1][0] == held[0][1] == one["quick held"][0]
    assert all(0.4 < own / whole < 0.6 for own, whole in held)
    files = sorted(path.name.split("-")[0] for path in (tmp_path / "two/checkpoints/last").glob("*.safetensors"))
    assert files == ["model", "model.0", "model.1", "state", "state.0", "state.1"]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_ranks_are_one(tmp_path: Path, processes: int) -> None:
    """A transformer of timm; every option that goes with shards."""
    cases = [name for name in CASES if name not in ALONE_ONLY]
    [one] = _go(tmp_path / "a", 1, *(f"vit/{name}:{tmp_path}/one-{name}" for name in cases))
    ranks = _go(tmp_path / "b", processes, *(f"vit/{name}:{tmp_path}/several-{name}" for name in cases))
    _equal(ranks[0], one, 1e-10)
    # Everything of the network that lies in rows is on one rank only, and about as much on each.
    for name in cases:
        held = np.stack([rank[f"vit/{name} held"] for rank in ranks])
        assert held[:, 0].sum() == held[0, 1], name
        assert held[:, 0].max() <= 1.25 * held[0, 1] / processes, name
        # What is whole while a block computes: the block, and what is in none. Half of all numbers are in other blocks.
        assert ranks[0][f"vit/{name} whole at once"] < 0.6 * held[0, 1], name
    kept = {
        path.name.split("-")[0]: path.stat().st_size
        for path in (tmp_path / "several-plain/checkpoints/last").glob("*.safetensors")
    }
    moments = [kept[f"state.{rank}"] for rank in range(processes)]
    assert max(moments) < 1.5 * min(moments)


@pytest.mark.slow
def test_a_stop_and_another_number_of_processes(tmp_path: Path) -> None:
    """2 → 1, 2 → 4 → 1 and 1 → 2 end as if nothing had happened; with as many as before, to the last bit."""
    name, steps = "vit/averaged", 4
    [straight] = _go(tmp_path / "a", 1, f"{name}:{tmp_path}/straight")
    same = _go(tmp_path / "b", 2, f"{name}:{tmp_path}/two")
    for way in ([2, 2], [2, 1], [2, 4, 1], [1, 2], [4, 2, 2]):
        run, parts = tmp_path / "-".join(map(str, way)), []
        for number, processes in enumerate(way):
            stop = f":{steps - number}" if number < len(way) - 1 else ""
            parts = _go(tmp_path / f"{run.name}@{number}", processes, f"{name}:{run}{stop}")
        _equal(parts[0], straight, 1e-10)
        if way == [2, 2]:
            _equal(parts[0], same[0])
        assert (run / "log.jsonl").read_text(encoding="utf-8").count('"epochs"') == 3


@pytest.mark.slow
def test_dropout_and_uneven_shares_continue_to_the_last_bit(tmp_path: Path) -> None:
    straight = _go(tmp_path / "a", 2, f"vit/dropout:{tmp_path}/straight")
    _go(tmp_path / "b", 2, f"vit/dropout:{tmp_path}/stopped:6")
    again = _go(tmp_path / "c", 2, f"vit/dropout:{tmp_path}/stopped")
    _equal(again[0], straight[0])


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["truncated", "one byte", "gone", "index"])
def test_a_damaged_shard_gives_way_to_the_checkpoint_before(tmp_path: Path, harm: str) -> None:
    """Damage that one rank finds is heard by all, and the last bit does not notice."""
    straight = _go(tmp_path / "a", 2, f"plain:{tmp_path}/straight")
    run = tmp_path / "run"
    _go(tmp_path / "b", 2, f"plain:{run}:5")
    last = run / "checkpoints" / "last"
    [shard] = last.glob("state.1-*.safetensors")
    [before] = (run / "checkpoints" / "previous").glob("state.1-*.safetensors")
    assert shard.name != before.name
    content = shard.read_bytes()
    if harm == "gone":
        shard.unlink()
    elif harm == "index":
        path = last / "metrics.json"
        path.write_text(
            path.read_text(encoding="utf-8").replace('"starts": [0, ', '"starts": [1, ', 1), encoding="utf-8"
        )
    else:  # a file of its own: the checkpoints are linked
        shard.unlink()
        changed = content[:-1] + bytes([content[-1] ^ 1])
        shard.write_bytes(content[: len(content) // 2] if harm == "truncated" else changed)
    again = _go(tmp_path / "c", 2, f"plain:{run}")
    assert "fallback" in again[0]["plain codes"]
    _equal(again[0], straight[0])


@pytest.mark.slow
def test_numbers_that_ran_away_are_told_by_all(tmp_path: Path) -> None:
    """Each rank stops before the step, names the same rows, and none waits for another."""
    said = [rank["vit/wild codes"][-1] for rank in _go(tmp_path / "a", 2, f"vit/wild:{tmp_path}/run")]
    assert "training keeps every number finite" in said[0]
    assert "step 2" in said[0]
    assert said[0] == said[1]


@pytest.mark.slow
def test_the_best_is_read_like_any_other(tmp_path: Path) -> None:
    """The same names, shapes and order as those of a run that was never cut; sizes and starts are told in the index."""
    _go(tmp_path / "a", 1, f"vit/plain:{tmp_path}/one")
    _go(tmp_path / "b", 4, f"vit/plain:{tmp_path}/four")
    one, four = (read_checkpoint(tmp_path / run / "checkpoints" / "best_score") for run in ("one", "four"))
    assert {n: (a.shape, a.dtype) for n, a in four.tensors.items()} == {
        n: (a.shape, a.dtype) for n, a in one.tensors.items()
    }
    assert "pieces" not in four.facts
    facts = json.loads((tmp_path / "four/checkpoints/best_score/metrics.json").read_text(encoding="utf-8"))
    assert list(facts["pieces"]) == ["model"]
    piece = facts["pieces"]["model"]["reader.describer.network.network.blocks.0.attn.qkv.weight"]
    assert piece == {"shape": [36, 12], "starts": [0, 9, 18, 27]}
