"""Batch normalisation where a batch goes through the model in parts, twice, or once more: statistics learn once."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from facetwise.errors import ConfigError, UserError
from facetwise.models import BatchNormBank, FacetModel
from facetwise.objectives import REWEIGHTING, class_weights, count_classes
from facetwise.training import read_checkpoint
from facetwise.training._checkpointed import compute_twice
from facetwise.training._micro_batches import reduced_in_parts
from made_facets import made_objective, made_schema
from made_training import (
    BATCH,
    ITEMS,
    Cramped,
    codes_of,
    outcome_of,
    small_config,
    small_model,
    small_part,
    train_small,
)

PARTS = 6


def _config(**options: Any) -> Any:
    config = small_config(dropout=0.0, input_dropout=0.0, **{"epochs": 1, **options})
    trunk = config.trunk.model_copy(update={"options": {**config.trunk.options, "norm": "batch"}})
    return config.model_copy(update={"trunk": trunk})


def _norm_of(model: FacetModel) -> BatchNormBank:
    (norm,) = (module for module in model.modules() if isinstance(module, BatchNormBank))
    return norm


def _expected(model: FacetModel, size: int) -> torch.Tensor:
    """The running mean after one forward pass of each part."""
    rows = small_part(1).features
    model.train()
    with torch.no_grad():
        for part in rows.split(size):
            model(part)
    return _norm_of(model).mean.clone()


@pytest.mark.parametrize("passes", [1, 3])
def test_a_part_teaches_running_statistics_once(passes: int) -> None:
    """However often gradients are asked for: a balancer with a Gramian goes back once per attribute."""
    schema, config, part = made_schema(), _config(), small_part(1)
    expected = _expected(small_model(schema, config), PARTS)
    model, objective = small_model(schema, config).train(), made_objective(schema)
    weights = class_weights(schema, count_classes(schema, part.labels), REWEIGHTING["none"](), progress=0.0)
    losses, _ = reduced_in_parts(model, objective, part.features, part.targets, weights, size=PARTS).mean()
    for place in range(passes):
        losses[place].backward(retain_graph=True)
    torch.testing.assert_close(_norm_of(model).mean, expected)


def _mean_after(folder: Path, **options: Any) -> torch.Tensor:
    config = _config(learning_rate=1e-12, batch_size=ITEMS, **options)
    train_small(folder, config=config, model=small_model(made_schema(), config))
    tensors = read_checkpoint(folder / "checkpoints" / "last").tensors
    (name,) = (name for name in tensors if name.endswith(".mean"))
    return torch.from_numpy(tensors[name])


@pytest.mark.parametrize("size", [0, PARTS])
@pytest.mark.parametrize("balancing", ["famo", "upgrad"])
def test_balancers_teach_running_statistics_no_more_than_once(tmp_path: Path, balancing: str, size: int) -> None:
    """A second look at the batch, or several ways back through its parts; nothing learns here but statistics."""
    found = _mean_after(tmp_path / balancing, balancing=balancing, micro_batch=size)
    torch.testing.assert_close(found, _mean_after(tmp_path / "equal", micro_batch=size), rtol=1e-4, atol=1e-6)


def test_blocks_that_are_computed_twice_teach_once() -> None:
    network = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    plain = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    plain.load_state_dict(network.state_dict())
    compute_twice(network)
    given = torch.randn(5, 3)
    for one in (network, plain):
        one(given).square().sum().backward()
    torch.testing.assert_close(network[0][1].running_mean, plain[0][1].running_mean)
    torch.testing.assert_close(network[0][1].running_var, plain[0][1].running_var)


def _notices(told: list[Any]) -> str:
    return " / ".join(event.message for event in told if event.kind == "notice")


def test_parts_that_are_normalised_apart_are_said(tmp_path: Path) -> None:
    config = _config(micro_batch=PARTS)
    told = train_small(tmp_path / "parts", config=config, model=small_model(made_schema(), config))
    assert f"micro_batch: {PARTS} of {BATCH} items. Batch normalisation in the trunk or an adapter" in _notices(told)
    for quiet in (_config(), _config(micro_batch=BATCH)):
        told = train_small(
            tmp_path / f"quiet{quiet.micro_batch}", config=quiet, model=small_model(made_schema(), quiet)
        )
        assert "norms_in_parts" not in codes_of(told)
    told = train_small(tmp_path / "layer", config=small_config(micro_batch=PARTS, epochs=1))
    assert "norms_in_parts" not in codes_of(told)


def test_a_part_of_one_item_is_refused(tmp_path: Path) -> None:
    config = _config(micro_batch=1)
    with pytest.raises(ConfigError, match=r"micro_batch.*2 items at least.*Found 1.*Fix: 2 or more"):
        train_small(tmp_path, config=config, model=small_model(made_schema(), config))


def test_running_out_of_memory_says_what_it_changes(tmp_path: Path) -> None:
    """And takes back what the attempts before have taught: it ends as if the parts had been asked for."""
    config = _config()
    cramped = small_model(made_schema(), config)
    cramped.__class__ = Late
    told = train_small(tmp_path / "small", config=config, model=cramped)
    assert "continuing with 6, the batch stays 12. Batch normalisation in the trunk" in _notices(told)
    config = _config(micro_batch=6)
    train_small(tmp_path / "asked", config=config, model=small_model(made_schema(), config))
    assert outcome_of(tmp_path / "small") == outcome_of(tmp_path / "asked")
    config = _config()
    none = small_model(made_schema(), config)
    none.__class__ = type("_None", (Cramped,), {"room": 1})
    with pytest.raises(UserError, match="memory for 2 items"):
        train_small(tmp_path / "none", config=config, model=none)


class Late(FacetModel):
    """A model whose memory runs out after its forward pass."""

    def forward(self, features: torch.Tensor) -> Any:
        found = super().forward(features)
        if self.training and len(features) > 7:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return found
