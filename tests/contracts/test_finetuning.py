"""Every way of fine-tuning: which parameters learn, and that what it adds can be merged without a trace."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facetwise.errors import UserError
from facetwise.models import depth_of_parameters, depth_units
from facetwise.models.backbones import create_backbone
from facetwise.training import parameter_groups
from facetwise.training.finetuning import FINETUNING, LastUnits, LowRankFinetuning
from made_backbones import made_open_clip_model
from made_facets import made_schema
from made_tuning import made_config, made_model, made_reader

NAMES = ["none", "last-k", "full", "lora"]


def _transformer() -> nn.Module:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(6, 12), nn.Linear(12, 6)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values + self.outer(self.inner(values).relu())

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.ones(6))
            self.stem = nn.Linear(3, 6)
            self.blocks = nn.ModuleList(Block() for _ in range(4))
            self.norm = nn.LayerNorm(6)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            values = self.stem(values) + self.token
            for block in self.blocks:
                values = block(values)
            return self.norm(values)

    torch.manual_seed(0)
    return Network()


def test_the_table() -> None:
    assert list(FINETUNING) == NAMES


def test_depths_of_a_transformer() -> None:
    depths, units = depth_of_parameters(_transformer())
    assert units == 4
    assert {depths[name] for name in ("token", "stem.weight", "stem.bias")} == {0}
    assert depths["blocks.2.outer.weight"] == 3
    assert depths["norm.weight"] == 4


def test_depths_of_a_residual_network() -> None:
    import timm

    network = timm.create_model("resnet18", pretrained=False, num_classes=0)
    assert [name for name, _ in depth_units(network)] == [f"layer{n}.{m}" for n in (1, 2, 3, 4) for m in (0, 1)]
    depths, _ = depth_of_parameters(network)
    assert (depths["conv1.weight"], depths["layer2.0.downsample.0.weight"]) == (0, 3)


def test_a_module_names_its_own_parameters_that_are_used_last() -> None:
    """torch lists a module's own parameters before its children, wherever they are used."""
    outer, network = nn.Module(), _transformer()
    network.projection = nn.Parameter(torch.ones(6, 2))
    outer.inside = network
    assert depth_of_parameters(outer)[0]["inside.projection"] == 0
    network.late_parameters = ("projection",)
    assert depth_of_parameters(network)[0]["projection"] == 4
    depths, _ = depth_of_parameters(outer)
    assert (depths["inside.projection"], depths["inside.token"]) == (4, 0)
    assert "inside.projection" in LastUnits(k=1).choose(outer)


def test_the_projection_of_an_open_clip_tower_learns_with_its_last_block(tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    made_open_clip_model(tmp_path)
    network = create_backbone("open_clip:facetwise-tiny", weights="random").describer()
    depths, units = depth_of_parameters(network)
    own = {name.rpartition(".")[2]: depth for name, depth in depths.items() if name.count(".") == 2}
    assert own == {"class_embedding": 0, "positional_embedding": 0, "proj": units}
    learned = LastUnits(k=1).choose(network)
    assert "network.network.proj" in learned
    assert not [name for name in learned if name.endswith(("_embedding", "conv1.weight"))]
    config = made_config(finetune={"name": "last-k", "k": 2}, layer_decay=0.5, backbone_rate=1e-3)
    model = made_model(made_schema(), config, describer=network)
    groups = parameter_groups(model, made_schema(), config)
    rates = {id(parameter): group.learning_rate for group in groups for parameter in group.parameters}
    assert rates[id(dict(network.named_parameters())["network.network.proj"])] == 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_what_learns_and_what_does_not(name: str) -> None:
    """One step of gradient descent on what the strategy names."""
    network = _transformer()
    strategy = FINETUNING[name]()
    learned = strategy.choose(network)
    before = {key: value.detach().clone() for key, value in network.named_parameters()}
    chosen = [value for key, value in network.named_parameters() if key in learned]
    assert FINETUNING[name].tunes == bool(chosen)
    if chosen:
        optimizer = torch.optim.SGD(chosen, lr=0.1)
        network(torch.randn(5, 3)).square().sum().backward()
        optimizer.step()
    moved = {key for key, value in network.named_parameters() if not torch.equal(value, before[key])}
    assert moved <= set(learned)
    expected = {
        "none": set(), "full": set(before), "lora": {key for key in learned if key.endswith(".up")},
        "last-k": {key for key in before if key.startswith(("blocks.2", "blocks.3", "norm"))},
    }[name]  # fmt: skip
    assert moved == expected
    values = torch.randn(4, 3)
    with torch.no_grad():
        told = network(values)
        strategy.merge(network)
        assert torch.allclose(network(values), told, atol=1e-6)
    assert {key for key, _ in network.named_parameters()} == {key for key, _ in _transformer().named_parameters()}


def test_lora_begins_where_the_network_was_and_is_of_low_rank() -> None:
    network, values = _transformer(), torch.randn(4, 3)
    before = {key: value.detach().clone() for key, value in network.named_parameters()}
    told = network(values)
    strategy = LowRankFinetuning(rank=2)
    learned = strategy.choose(network)
    assert torch.equal(network(values), told)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in learned:
                parameter.normal_()
    strategy.merge(network)
    change = dict(network.named_parameters())["blocks.1.inner.weight"] - before["blocks.1.inner.weight"]
    assert torch.linalg.matrix_rank(change.detach()) == 2


def test_lora_of_a_network_without_linear_layers() -> None:
    reader = made_reader()
    learned = LowRankFinetuning(rank=1).choose(reader.describer)
    assert len(learned) == 6


def test_a_last_unit_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"between 1 and 4.*k = 9"):
        LastUnits(k=9).choose(_transformer())


def test_a_reader_says_what_the_standardizer_says() -> None:
    from facetwise.features import Standardizer

    reader = made_reader().eval()
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8))
    rule = Standardizer(mean=reader.mean.numpy(), deviation=reader.deviation.numpy() / 50, levels=reader.levels)
    reader.deviation.div_(50)  # so that some are clipped
    with torch.no_grad():
        raw = reader.describer(pixels).numpy()
        found = reader(pixels).numpy()
    assert (np.abs(rule(raw)) == 10).any()
    np.testing.assert_allclose(found, rule(raw), rtol=1e-5, atol=1e-5)
