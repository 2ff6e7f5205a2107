"""The names of other systems do what their readers expect, and none of what the public code gets wrong."""

import inspect
import warnings

import numpy as np
import pytest
import torch

from facetwise.classic import (
    CNN,
    MTL,
    EnhancedAttributeClassifier,
    hinge_loss,
    optimize_l,
    optimize_model,
    optimize_s,
)
from facetwise.errors import UserError

SMALL = {f"conv{n}_out_channels": 4 for n in range(1, 6)} | {
    "linear_input_dim": 4 * 6 * 6, "linear1_out_dim": 12, "linear2_out_dim": 10,
}  # fmt: skip


def made(networks: int = 2, attributes: int = 4, **options):
    model = MTL(base_cnns=[CNN(**SMALL) for _ in range(networks)], num_attributes=attributes, latent_dim=6, **options)
    inputs = torch.randn(6, 3, 64, 64)
    labels = torch.where(torch.rand(6, attributes) < 0.5, -1.0, 1.0)
    return model, inputs, labels


def adams(model: MTL, rate: float = 0.02):
    return (
        torch.optim.Adam(model.task_specific_layers.parameters(), lr=rate),
        torch.optim.Adam(model.latent_task_matrix.parameters(), lr=rate),
    )


def test_cnn_mtl_002_the_network_reads_224_and_64_pixels() -> None:
    """Public code: no padding, 256 x 1 x 1 at 224 pixels, an error at the 64 pixels of its README."""
    assert len(inspect.signature(CNN).parameters) == 15
    network = CNN(**SMALL)
    for size in (64, 224):
        assert network(torch.zeros(1, 3, size, size)).shape == (1, 10)
    assert inspect.signature(CNN).parameters["linear_input_dim"].default == 9216


def test_cnn_mtl_002_several_networks_share_one_latent_matrix() -> None:
    """Public code: features of G networks side by side, 4096 G wide, into a layer of 4096."""
    model, inputs, _ = made(networks=3, attributes=5)
    assert model(inputs).shape == (6, 5)
    assert model.latent_task_matrix.weight.shape == (6, 10)
    assert len(model.task_specific_layers) == 5
    assert model.groups == (0, 0, 1, 1, 2)
    other = model.eval()(inputs)
    with torch.no_grad():
        for parameter in model.base_cnns[2].parameters():
            parameter.zero_()
    changed = (model(inputs) != other).any(dim=0)
    assert changed.tolist() == [False, False, False, False, True]


def test_cnn_mtl_002_scores_are_l_s() -> None:
    model, inputs, _ = made(networks=1)
    model.eval()
    combination = torch.cat([layer.weight for layer in model.task_specific_layers])
    bias = torch.cat([layer.bias for layer in model.task_specific_layers])
    weights = combination @ model.latent_task_matrix.weight
    torch.testing.assert_close(model(inputs), model.base_cnns[0](inputs) @ weights.T + bias)


def test_cnn_mtl_002_the_hinge_is_squared_and_masked() -> None:
    scores = torch.tensor([[2.0, -1.0], [0.5, 7.0]], requires_grad=True)
    labels = torch.tensor([[1.0, 1.0], [1.0, float("nan")]])
    assert hinge_loss(scores, labels).item() == pytest.approx((0 + 2.0 + 0.125) / 3)
    assert hinge_loss(scores, labels, power=1).item() == pytest.approx((0 + 2.0 + 0.5) / 3)
    hinge_loss(scores, labels).backward()
    assert scores.grad is not None
    assert scores.grad[1, 1] == 0
    assert torch.isfinite(scores.grad).all()
    nothing = hinge_loss(scores, torch.full((2, 2), float("nan")))
    assert nothing.item() == 0
    half = torch.tensor([[1, -1]], dtype=torch.float16)  # as the README of the public code has them
    assert hinge_loss(torch.zeros(1, 2), half).item() == 0.5


def test_each_step_moves_its_own_factor() -> None:
    model, inputs, labels = made()
    of_s, of_l = adams(model)

    def state():
        return {name: value.clone() for name, value in model.state_dict().items()}

    before = state()
    optimize_s(model, inputs, labels, of_s)
    middle = state()
    optimize_l(model, inputs, labels, of_l)
    after = state()
    first = {name for name in before if not torch.equal(before[name], middle[name])}
    second = {name for name in before if not torch.equal(middle[name], after[name])}
    assert first == {name for name in before if name.startswith("task_specific_layers")}
    assert second == {"latent_task_matrix.weight"}
    assert all(parameter.grad is None for parameter in model.base_cnns.parameters())


def test_cnn_mtl_002_the_history_is_the_objective() -> None:
    """Public code: nothing is returned; its main calls functions that do not exist."""
    model, inputs, labels = made(group_norm=1e-3, l1=1e-4, frobenius=1e-4)
    history = optimize_model(model, inputs, labels, *adams(model), num_iterations=10)
    assert len(history) == 10
    assert history[-1] < history[0]
    with torch.no_grad():
        loss = hinge_loss(model.eval()(inputs), labels).item()
    assert history[-1] == pytest.approx(loss + model.regulariser(), rel=1e-5)
    default = inspect.signature(optimize_model).parameters["num_iterations"].default
    assert default == 10


def test_penalties_make_exact_zeros() -> None:
    model, inputs, labels = made(group_norm=5.0, l1=0.5)
    optimize_model(model, inputs, labels, *adams(model), num_iterations=10)
    combination = torch.cat([layer.weight for layer in model.task_specific_layers])
    assert (combination == 0).any()
    assert (model.latent_task_matrix.weight == 0).any()


def test_solved_rather_than_stepped() -> None:
    model, inputs, labels = made(group_norm=1e-3, l1=1e-4, frobenius=1e-3)
    labels[0, 0] = float("nan")
    history = optimize_model(model, inputs, labels, num_iterations=30, solver="fista")
    assert (np.diff(history) <= 1e-12).all()
    with torch.no_grad():
        loss = hinge_loss(model.eval()(inputs), labels).item()
    assert history[-1] == pytest.approx(loss + model.regulariser(), rel=1e-3)
    stepped, _, _ = made(group_norm=1e-3, l1=1e-4, frobenius=1e-3)
    stepped.load_state_dict(model.state_dict())
    with pytest.raises(UserError, match="optimizer_s"):
        optimize_model(model, inputs, labels)


def test_with_a_scaler() -> None:
    model, inputs, labels = made()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that there is no graphics card
        scaler = torch.amp.GradScaler(enabled=False)
    history = optimize_model(model, inputs, labels, *adams(model), scaler, num_iterations=2)
    assert len(history) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base_cnns": []}, "one network per group"),
        ({"groups": [0, 1]}, "`groups` are 4 numbers below 1"),
        ({"groups": [0, 0, 0, 1]}, "`groups` are 4 numbers below 1"),
        ({"base_cnns": [torch.nn.ReLU()]}, "linear layer"),
    ],
)
def test_what_cannot_be_is_refused(change: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        MTL(**{"base_cnns": [CNN(**SMALL)], "num_attributes": 4, **change})


def test_enhanced_attribute_classifier_001() -> None:
    """A weight per feature, one sigmoid, a category (an unknown one too), as many outputs as attributes."""
    model = EnhancedAttributeClassifier(7, 3, weights="random").eval()
    images, category = torch.randn(2, 3, 64, 64), torch.tensor([0, 3])
    logits = model.logits(images, category)
    torch.testing.assert_close(model(images, category), torch.sigmoid(logits))
    assert logits.shape == (2, 7)
    assert model.attention.attention[2].out_features == 512, "the public code has one weight per picture"
    assert not torch.equal(logits, model.logits(images, torch.tensor([1, 2])))
    model.train().logits(images, category).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
