"""Training on features that stay on disk: the order, its quality, and the same results as in memory."""

import json
import signal
from pathlib import Path

import numpy as np
import polars
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facetwise import api
from facetwise.errors import Interrupted, RunError
from facetwise.events import Event, silent
from facetwise.features import StoredRows, _file, features_from_file
from facetwise.schema import VALUE, Attribute, Kind, Labels, Schema
from facetwise.training import Part, Stopping
from facetwise.training import _blocks as blocks_module
from facetwise.training._blocks import Blocks, spread
from facetwise.training._streamed import LaterTargets, Streamed
from made_table import TINY, write_table


def _stored(folder: Path, rows: int, width: int = 4) -> tuple[np.ndarray, StoredRows]:
    whole = np.random.default_rng(1).standard_normal((rows, width)).astype(np.float32)
    np.save(folder / "x.npy", whole)
    found = features_from_file(folder / "x.npy", rows=rows, where="disk")
    assert isinstance(found, StoredRows)
    return whole, found


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(1, 300), size=st.integers(1, 40), mixed=st.integers(1, 12), batch=st.integers(1, 50),
    again=st.booleans(), seed=st.integers(0, 5),
)  # fmt: skip
def test_what_is_drawn_stays_and_only_when_it_comes_is_changed(
    rows: int, size: int, mixed: int, batch: int, again: bool, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, rows, rows) if again else generator.permutation(rows)
    batches = [draws[start : start + batch] for start in range(0, rows, batch)]
    blocks = Blocks(place=(np.arange(rows) // size).astype(np.int32), mixed=mixed)
    arranged = blocks.arrange(batches, seed=seed, epoch=3)
    assert [len(one) for one in arranged] == [len(one) for one in batches]
    assert sorted(np.concatenate(arranged).tolist()) == sorted(draws.tolist())
    if blocks.count <= mixed:
        assert all(np.array_equal(one, other) for one, other in zip(arranged, batches, strict=True))
    chunks = list(blocks.chunks(arranged))
    assert sum(len(chunk) for chunk in chunks) == len(batches)
    for chunk in chunks:
        assert len(np.unique(blocks.place[np.concatenate(chunk)])) <= mixed + 2 * batch


def test_an_epoch_reads_each_block_about_once() -> None:
    rows, size, mixed, batch = 40_000, 20, 100, 128
    blocks = Blocks(place=(np.arange(rows) // size).astype(np.int32), mixed=mixed)
    order = np.random.default_rng(0).permutation(rows)
    batches = [order[start : start + batch] for start in range(0, rows, batch)]
    read = sum(
        len(np.unique(blocks.place[np.concatenate(chunk)]))
        for chunk in blocks.chunks(blocks.arrange(batches, seed=0, epoch=0))
    )
    assert read < 2.5 * blocks.count  # a batch at the edge of two buffers reads a few blocks of both
    scattered = sum(len(np.unique(blocks.place[np.concatenate(chunk)])) for chunk in blocks.chunks(batches))
    assert scattered > 15 * blocks.count


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    blocks = Blocks(place=(np.arange(1000) // 10).astype(np.int32), mixed=7)
    batches = [np.arange(start, start + 50) for start in range(0, 1000, 50)]

    def told(seed: int, epoch: int) -> list[int]:
        return np.concatenate(blocks.arrange(batches, seed=seed, epoch=epoch)).tolist()

    assert told(1, 2) == told(1, 2)
    assert told(1, 2) != told(1, 3) != told(2, 3)


@pytest.mark.parametrize("mixed", [5, 20, 60, 100])
def test_the_quality_of_the_shuffle_is_that_of_the_formula(mixed: int) -> None:
    # A sorted table, the worst case: every block is all of one class.
    count, size, batch = 100, 30, 64
    place = (np.arange(count * size) // size).astype(np.int32)
    label = (place < count // 2).astype(float)
    blocks, shares, whole = Blocks(place=place, mixed=mixed), [], []
    for epoch in range(400):
        order = np.random.default_rng((7, epoch)).permutation(len(place))
        batches = [order[start : start + batch] for start in range(0, len(order), batch)]
        # The first batch lies in one buffer whatever the sizes are.
        shares.append(label[blocks.arrange(batches, seed=0, epoch=epoch)[0]].mean())
        whole.append(label[batches[0]].mean())
    expected = spread(batch, blocks=count, mixed=mixed, rows=len(place))
    ideal = 0.25 / batch * (len(place) - batch) / (len(place) - 1)
    # The variance of 400 draws is known to within 7 % (one deviation).
    assert np.var(shares) / ideal == pytest.approx(expected, rel=0.25)
    assert np.var(whole) / ideal == pytest.approx(1.0, rel=0.25)


def test_neighbours_that_are_no_more_alike_than_others_cost_nothing() -> None:
    count, size, batch = 100, 30, 64
    place = (np.arange(count * size) // size).astype(np.int32)
    label = np.random.default_rng(0).permutation(len(place)) < len(place) // 2
    blocks, shares = Blocks(place=place, mixed=5), []
    for epoch in range(400):
        order = np.random.default_rng((7, epoch)).permutation(len(place))
        shares.append(label[blocks.arrange([order[:batch], order[batch:]], seed=0, epoch=epoch)[0]].mean())
    ideal = 0.25 / batch * (len(place) - batch) / (len(place) - 1)
    assert np.var(shares) / ideal == pytest.approx(1.0, rel=0.35)


def test_a_stream_gives_the_rows_that_were_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, rows = _stored(tmp_path, 500)
    monkeypatch.setattr(blocks_module, "BLOCK_BYTES", 16 * 10)
    streamed = Streamed(rows[np.arange(0, 500, 2)].changed(lambda found: found * 2), torch.device("cpu"))
    streamed.blocks = Blocks.of(streamed.rows, block=16 * 10, buffer=16 * 60)
    assert 1 < streamed.blocks.mixed < streamed.blocks.count
    order = np.random.default_rng(0).permutation(250)
    batches = streamed.blocks.arrange([order[start : start + 16] for start in range(0, 250, 16)], seed=0, epoch=0)
    given = list(streamed.stream(batches))
    assert [places.tolist() for places, _ in given] == [places.tolist() for places in batches]
    for places, found in given:
        assert np.array_equal(found.numpy(), whole[::2][places.numpy()] * 2)
    assert np.array_equal(streamed[torch.tensor([3, 1])].numpy(), whole[::2][[3, 1]] * 2)


def _table(folder: Path, rows: int = 240) -> None:
    generator = np.random.default_rng(0)
    features = generator.standard_normal((rows, 6)).astype(np.float32)
    features[5, 2] = np.nan
    np.save(folder / "x.npy", features)
    seen = np.nan_to_num(features)
    polars.DataFrame(
        {
            "colour": [("red", "green", "blue")[one] for one in seen[:, :3].argmax(axis=1)],
            "worn": ["yes" if one > 0 else "no" for one in seen[:, 3]],
            "price": np.round(seen[:, 4] * 3 + 20, 2),
        }
    ).write_csv(folder / "t.csv")


def _train(folder: Path, name: str, said: list[Event] | None = None, **options: object) -> dict[str, object]:
    options = {"epochs": 2, "batch_size": 32, "neighbours": False, **options}
    report = silent if said is None else said.append
    run = api.train(folder / "t.csv", features=folder / "x.npy", out=folder / name, report=report, **options)
    metrics = json.loads((run.path / "metrics.json").read_text())
    return {"metrics": metrics, "weights": (run.path / "bundle" / "heads.safetensors").read_bytes()}


def test_where_all_rows_fit_into_one_buffer_the_result_is_that_of_memory(tmp_path: Path) -> None:
    _table(tmp_path)
    said: list[Event] = []
    disk = _train(tmp_path, "disk", said, features_in="disk", neighbours=True)
    assert disk == _train(tmp_path, "memory", features_in="memory")
    [told] = [event.message for event in said if (event.data or {}).get("code") == "features-on-disk"]
    assert "one whole shuffle" in told
    assert "Neighbours do not vote" in told


def test_a_table_of_many_buffers_is_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _table(tmp_path)
    monkeypatch.setattr(blocks_module, "BLOCK_BYTES", 24 * 8)
    monkeypatch.setattr(blocks_module, "BUFFER_BYTES", 24 * 64)
    monkeypatch.setattr(Blocks.of.__func__, "__kwdefaults__", {"block": 24 * 8, "buffer": 24 * 64})
    said: list[Event] = []
    disk = _train(tmp_path, "disk", said, features_in="disk", epochs=12, learning_rate=0.01)
    memory = _train(tmp_path, "memory", features_in="memory", epochs=12, learning_rate=0.01)
    [told] = [event.message for event in said if (event.data or {}).get("code") == "features-on-disk"]
    assert "30 blocks, 8 mixed at once" in told
    assert disk["weights"] != memory["weights"]
    one, other = (run["metrics"]["overall"]["mean_accuracy"] for run in (disk, memory))
    assert one == pytest.approx(other, abs=0.1)


def test_a_run_that_needs_all_features_at_once_says_so(tmp_path: Path) -> None:
    _, rows = _stored(tmp_path, 50)
    schema = Schema(
        images=("image",), attributes=(Attribute(column="worn", id="a00", kind=Kind.BINARY, classes=("no", "yes")),)
    )
    labels = Labels(
        state=np.full((50, 1), VALUE, np.int8), index=np.ones((50, 1), np.int32),
        members=Labels.no_members(50, schema.layout().num_scores), number=np.full((50, 1), np.nan),
    )  # fmt: skip
    later = LaterTargets(schema, labels, {}, None)
    part = Part(features=Streamed(rows, torch.device("cpu")), targets=later, labels=labels)
    assert part.numbers(8).shape == (8, 4)
    assert part.first(8).told().sign.shape == later.take(torch.arange(8)).sign.shape
    assert len(later.whole()) == len(later) == 50
    with pytest.raises(RunError, match="features_in: memory"):
        part.numbers()


def test_features_lie_where_they_lay_when_a_run_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits goes by the processes of a machine; continued by fewer, the rows would come in another order."""
    write_table(tmp_path)

    def train(out: str, stop: Stopping | None = None) -> object:
        given = {"features": tmp_path / "features.npy", "settings": TINY, "stop": stop}
        return api.train(tmp_path / "table.csv", out=tmp_path / out, **given).prepared.features

    stop = Stopping(lambda: stop.ask(signal.SIGTERM))
    monkeypatch.setattr(_file, "fits_memory", lambda *_, **__: False)
    with pytest.raises(Interrupted):
        train("run", stop)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["features_in"] == "disk"
    monkeypatch.setattr(_file, "fits_memory", lambda *_, **__: True)
    assert isinstance(train("run"), StoredRows)
    assert isinstance(train("other"), np.ndarray)
