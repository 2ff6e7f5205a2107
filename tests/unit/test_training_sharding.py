"""Shards without processes: rows cut and put together, gradients clipped over them, what does not go together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facetwise.config import Component
from facetwise.errors import ConfigError, RunError
from facetwise.events import Event
from facetwise.objectives import BALANCERS
from facetwise.training import BlockAdamW, Step, parameter_groups, read_checkpoint, refuse_untuned
from facetwise.training._checkpoints import commit_checkpoint, write_files
from facetwise.training._described import Described
from facetwise.training._shard_files import divided, pieces_of, read_own
from facetwise.training._sharding import shard_backbone
from facetwise.training.together import ALONE, World, clip_gradients, rows_of_ranks
from made_facets import made_objective, made_schema
from made_tuning import made_config, made_model, made_reader


class Rows:
    """What is asked of a DTensor: the shape of the whole, and this rank's rows."""

    def __init__(self, whole: np.ndarray, rank: int, size: int) -> None:
        self.shape = whole.shape
        first, after = rows_of_ranks(len(whole), size)[rank]
        self.own = whole[first:after]

    def __len__(self) -> int:
        return self.shape[0]

    def to_local(self) -> Tensor:
        return torch.from_numpy(self.own)


class Rank(World):
    """One of several whose words the others do not hear."""

    def of_each(self, content: bytes) -> list[bytes]:
        return [content]


def _written(folder: Path, wholes: dict[str, np.ndarray], size: int) -> None:
    """A checkpoint of so many ranks."""
    files: dict[str, dict[str, str]] = {}
    pieces: Any = {}
    for rank in range(size):
        cut: Any = {name: Rows(whole, rank, size) for name, whole in wholes.items()}
        pieces = pieces_of({"model": cut, "state": cut}, size=size)
        own = {**{name: rows.own for name, rows in cut.items()}, "heads": np.arange(3.0)}
        whole, apart = divided({"model": own, "state": own}, pieces, rank=rank)
        files |= write_files(folder, {**(whole if rank == 0 else {}), **apart})
    commit_checkpoint(folder, {"epoch": 1, "pieces": pieces}, files)


@pytest.fixture(scope="module")
def wholes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"w{rows}": rng.normal(size=(rows, 2)) for rows in (1, 2, 5, 8)} | {"bias": rng.normal(size=7)}


@pytest.mark.parametrize("written", [1, 2, 3, 4])
def test_rows_for_any_number_from_any_number(tmp_path: Path, wholes: dict[str, np.ndarray], written: int) -> None:
    _written(tmp_path / "last", wholes, written)
    for part in (read_checkpoint(tmp_path / "last").tensors, read_checkpoint(tmp_path / "last").state):
        assert part.keys() == {*wholes, "heads"}
        assert all((part[name] == whole).all() for name, whole in wholes.items())
    for size in (1, 2, 3, 4, 5):
        for rank in range(size):
            cut: Any = {name: Rows(whole, rank, size) for name, whole in wholes.items()}
            found = read_own(tmp_path / "last", {"model": cut, "state": {}}, Rank(rank, size))
            assert found.facts == {"epoch": 1}
            for name, whole in wholes.items():
                np.testing.assert_array_equal(found.tensors[name], cut[name].own)
                np.testing.assert_array_equal(found.state[name], whole)  # what is not sharded here
            assert found.tensors["heads"].tolist() == [0, 1, 2]


def test_rows_of_a_checkpoint_that_was_never_cut(tmp_path: Path, wholes: dict[str, np.ndarray]) -> None:
    commit_checkpoint(tmp_path, {}, write_files(tmp_path, {"model": wholes}))
    cut: Any = {name: Rows(whole, 1, 3) for name, whole in wholes.items()}
    found = read_own(tmp_path, {"model": cut, "state": {}}, Rank(1, 3))
    assert all((found.tensors[name] == cut[name].own).all() for name in wholes)


def test_every_file_is_looked_at_by_somebody(tmp_path: Path, wholes: dict[str, np.ndarray]) -> None:
    _written(tmp_path, wholes, 3)
    for path in sorted(tmp_path.glob("*.safetensors")):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        complaints = []
        for rank in range(2):
            try:
                read_own(tmp_path, {"model": {}, "state": {}}, Rank(rank, 2))
            except RunError as error:
                complaints.append(str(error))
        assert len(complaints) == 1
        assert path.name in complaints[0]
        with pytest.raises(RunError, match="is not as it was written"):
            read_checkpoint(tmp_path)
        path.write_bytes(content)


@pytest.mark.parametrize("most", [0.1, 100.0])
def test_clipping_is_torchs(most: float) -> None:
    def parameters() -> Iterator[nn.Parameter]:
        generator = torch.Generator().manual_seed(0)
        for shape in ((3, 4), (5,), ()):
            made = nn.Parameter(torch.zeros(shape))
            made.grad = torch.randn(shape, generator=generator)
            yield made
        yield nn.Parameter(torch.zeros(2))  # nothing reaches it

    ours, theirs = list(parameters()), list(parameters())
    norm = clip_gradients(ours, most, total=lambda tensor: tensor)
    torch.testing.assert_close(norm, nn.utils.clip_grad_norm_(theirs, most))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


class Dropping(nn.Module):
    """Means of the channels, some of them dropped, times a weight: a row is its own slope."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, 36))

    def forward(self, pixels: Tensor) -> Tensor:
        means = pixels.float().mean((1, 2)).repeat(1, 12) / 255
        return nn.functional.dropout(means, 0.5, self.training) * self.weight


@pytest.mark.parametrize("size", [0, 1, 2, 5, 9])
def test_parts_are_computed_twice_with_the_same_draws(size: int) -> None:
    """∂f/∂w = f / w for what was dropped the first time; the random numbers that follow are those of one pass."""
    reader = made_reader(Dropping()).train()
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8))
    torch.manual_seed(3)
    described = Described(reader, pixels, size=size, world=ALONE)
    assert described.features.is_leaf
    given = described.features.detach() * 0.8 + 0.5
    assert 0.2 < float((given.abs() < 1e-6).float().mean()) < 0.8
    described.features.backward(torch.ones_like(described.features))
    follows = torch.get_rng_state()
    described.go_back()
    weight = reader.describer.weight
    torch.testing.assert_close(weight.grad, (given / weight.detach()).sum(dim=0) / 0.8)
    assert torch.equal(torch.get_rng_state(), follows)
    with torch.no_grad():
        again = Described(reader.eval(), pixels, size=size, world=ALONE)
    assert not again.features.requires_grad


def test_one_process_holds_all_and_says_so() -> None:
    told: list[Event] = []
    config = made_config(sharding=True)
    model = made_model(made_schema(), config)
    shard_backbone(model, config, ALONE, report=told.append)
    assert [event.data["code"] for event in told] == ["sharding"]
    assert not model.reader.sharded
    told.clear()
    shard_backbone(model, made_config(), World(0, 2), report=told.append)
    assert not told
    assert not model.reader.sharded


@pytest.mark.parametrize(
    ("balancing", "refused"),
    [({"name": "pcgrad"}, False), ({"name": "pcgrad", "options": {"over": "all"}}, True), ({"name": "moco"}, True),
     ({"name": "equal"}, False)],
)  # fmt: skip
def test_a_gradient_per_attribute_is_refused(balancing: dict[str, Any], refused: bool) -> None:
    schema, one = made_schema(), Component(**balancing)
    config = made_config()
    model = made_model(schema, config)
    model.reader.sharded = True
    names = [attribute.column for attribute in schema.attributes]
    step = Step(
        model=model, objective=made_objective(schema), optimizer=BlockAdamW(parameter_groups(model, schema, config)),
        balancer=BALANCERS[one.name](names=names, seed=0, **one.options), clip=1.0,
    )  # fmt: skip
    if refused:
        with pytest.raises(ConfigError, match=r"config: balancing.*in shards.*sharding: false"):
            step.check()
    else:
        step.check()


def test_cached_features_have_no_shards() -> None:
    with pytest.raises(ConfigError, match="config: sharding"):
        refuse_untuned(made_config(finetune="none", sharding=True), augment=False)
