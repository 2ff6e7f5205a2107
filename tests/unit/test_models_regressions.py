"""Defects of public multi-task code that concern models, each as a test of ours. The first line names the defect."""

import pytest
import torch

from facetwise.models import build_model
from facetwise.models.heads import CosineHead
from facetwise.models.trunks import TRUNKS, MmoeTrunk
from facetwise.schema import Attribute, Kind, Schema
from made_facets import made_schema

LEVELS = [6, 4]
every_trunk = pytest.mark.parametrize("trunk", TRUNKS)


def _features(items: int = 8) -> torch.Tensor:
    return torch.randn(items, sum(LEVELS), generator=torch.Generator().manual_seed(0))


@every_trunk
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_names_of_attributes_are_never_module_keys(trunk: str, head: str) -> None:
    """A ModuleDict of heads by attribute name crashes on `type`, `a.b`, `forward` or an empty name."""
    names = ["type", "a.b", "forward", "parameters", "", "a/b", "weight", "ширина"]
    made = [Attribute(column=n, id=f"a{k:02d}", kind=Kind.BINARY, classes=("no", "yes")) for k, n in enumerate(names)]
    model = build_model(
        Schema(images=("image",), attributes=tuple(made), category=None), levels=LEVELS, trunk=trunk, head=head
    )
    assert model(_features()).logits.shape == (8, len(names))


def test_every_task_gets_its_entropy_penalty_and_forward_goes_not_backward() -> None:
    """A public DSelect-k applies its entropy term to the last task only, and calls backward inside forward."""
    trunk = MmoeTrunk(
        features=10, attributes=["a00", "a01", "a02"], seed=0, experts=4, hidden=5, width=6, gate="dselect_k"
    )
    penalty = trunk.represent(_features())[1]["attribute_penalty"]
    assert penalty.shape == (3,)
    assert (penalty > 0).all()
    assert all(parameter.grad is None for parameter in trunk.parameters())


@pytest.mark.parametrize("name", ["shared", "gate", "category"])
def test_adapters_count_as_shared(name: str) -> None:
    """A published system leaves the layer and the norm that a category's attributes share out of the shared parameters,
    so gradient balancing never sees them.
    """
    model = build_model(made_schema(), levels=LEVELS, adapters=[(name, {})], trunk="multihead")
    shared = {id(parameter) for parameter in model.shared_parameters()}
    assert all(id(parameter) in shared for parameter in model.adapters.parameters())
    assert len(shared) > 0


def test_margins_have_a_normalised_classifier_to_act_on() -> None:
    """A published system subtracts margins of at most 0.5 from logits without a bound, times 30."""
    head = CosineHead(names=["a00/x", "a00/y"], owner=[0, 0], attributes=["a00"], width=6, seed=0)
    logits, aux = head.read(1e3 * torch.randn(8, 6))
    assert (aux["cosine"].abs() <= 1 + 1e-6).all()
    torch.testing.assert_close(logits, aux["scale"] * aux["cosine"])


@every_trunk
def test_what_belongs_to_absent_attributes_can_be_left_alone(trunk: str) -> None:
    """With gradients that are zero and not absent, AdamW moves the heads of absent categories by momentum and decay.

    So every parameter that belongs to one attribute says so, row by row, and vectors stay vectors (not decayed).
    """
    schema = made_schema()
    model = build_model(schema, levels=LEVELS, trunk=trunk, head="mlp")
    owners = model.row_owners()
    shared = {id(parameter) for parameter in model.shared_parameters()}
    for name, parameter in model.named_parameters():
        if not name.startswith("depth."):
            assert (name in owners) is not (id(parameter) in shared), name
    for name, rows in owners.items():
        assert len(rows.index) == len(dict(model.named_parameters())[name]), name
        assert not name.endswith("bias") or dict(model.named_parameters())[name].ndim == 1, name


def test_experts_can_be_kept_in_use() -> None:
    """A published mixture of experts has no load balancing at all; one gate may send every item to one expert."""
    trunk = MmoeTrunk(
        features=10, attributes=["a00"], seed=0, experts=4, hidden=5, width=6, gate="top_k", k=1, balance="switch",
        balance_weight=1.0,
    )  # fmt: skip
    with torch.no_grad():
        trunk.gate.logits.bias[2] = 3.0
    optimizer = torch.optim.SGD(trunk.gate.parameters(), lr=0.5)
    features = _features(64)
    before = trunk.represent(features)[1]["attribute_penalty"].item()
    for _ in range(200):
        optimizer.zero_grad()
        trunk.represent(features)[1]["attribute_penalty"].sum().backward()
        optimizer.step()
    assert trunk.represent(features)[1]["attribute_penalty"].item() < 0.5 * before


def test_dense_gates_compute_every_expert_and_say_so() -> None:
    """A published description says that softmax gates over all experts save work."""
    assert "never save" in " ".join((MmoeTrunk.__doc__ or "").split())
