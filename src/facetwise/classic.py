"""Names that readers of other systems know, over our own parts: CNN-MTL and the enhanced attribute classifier.

`CNN`, `MTL`, `hinge_loss`, `optimize_s`, `optimize_l` and `optimize_model` are the names of the public code of CNN-MTL
(Abdulnabi et al. 2015), `EnhancedAttributeClassifier` that of the attribute classifier on ResNet-18. They take the same
arguments; `docs/coming-from.md` says line by line what is different, and why.

Example:
    >>> sizes = {"conv1_out_channels": 4, "conv2_out_channels": 4, "conv3_out_channels": 4, "conv4_out_channels": 4}
    >>> small = {**sizes, "conv5_out_channels": 4, "linear1_out_dim": 16, "linear2_out_dim": 16}
    >>> model = MTL(base_cnns=[CNN(**small, linear_input_dim=4 * 6 * 6)], num_attributes=5, latent_dim=8)
    >>> model(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 5])
"""

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from facetwise.errors import UserError
from facetwise.models.adapters import GateAdapter
from facetwise.models.backbones import create_backbone
from facetwise.models.backbones._alexnet_network import AlexNet
from facetwise.models.factorisation import Penalties, factorise
from facetwise.models.trunks import MultiheadTrunk

__all__ = [
    "CNN",
    "MTL",
    "EnhancedAttributeClassifier",
    "hinge_loss",
    "optimize_l",
    "optimize_model",
    "optimize_s",
]


# All fifteen keywords, and pooling to 6 x 6 before the first linear layer: `linear_input_dim=256 * 6 * 6` is right at
# 224 and at 64 pixels, where the public code, without padding and pooling, fails.
CNN = AlexNet


class MTL(nn.Module):
    r"""W = L S over the features of one network per group of attributes: f_a = s_aᵀ Lᵀ x_g(a) + b_a.

    `latent_task_matrix` is L, a linear layer without bias (its `weight` is Lᵀ); `task_specific_layers[a]` is s_a and
    b_a. The public code reads the networks' features side by side with a layer for one of them, and fails from two
    networks on; here every attribute reads its group's network, through the same L, as in the paper's figure.

    Source: Abdulnabi et al. (2015), "Multi-task CNN model for attribute prediction".

    Args:
        base_cnns: Networks from pictures to vectors of one width.
        num_attributes: Number of binary attributes.
        latent_dim: Number of latent tasks.
        groups: Number of the network, and of the attribute group, of each attribute; in equal parts, in order, if not
            given.
        group_norm, l1, frobenius: μ on the rows of S in each group, γ and λ on L; 0 as in the public code.
    """

    def __init__(
        self,
        base_cnns: Sequence[nn.Module],
        num_attributes: int,
        latent_dim: int = 1024,
        *,
        groups: Sequence[int] | None = None,
        group_norm: float = 0.0,
        l1: float = 0.0,
        frobenius: float = 0.0,
    ) -> None:
        super().__init__()
        count = len(base_cnns)
        if not 1 <= count <= num_attributes:
            raise UserError(
                f"`base_cnns` are one network per group of attributes. "
                f"Found {count} networks for {num_attributes} attributes"
            )
        given = [a * count // num_attributes for a in range(num_attributes)] if groups is None else list(groups)
        if len(given) != num_attributes or not set(given) <= set(range(count)):
            raise UserError(f"`groups` are {num_attributes} numbers below {count}, one per attribute. Found {given}")
        widths = {_width(network) for network in base_cnns}
        if len(widths) != 1:
            raise UserError(f"the networks of `base_cnns` have features of one width. Found {sorted(widths)}")
        self.base_cnns = nn.ModuleList(base_cnns)
        self.latent_task_matrix = nn.Linear(widths.pop(), latent_dim, bias=False)
        self.task_specific_layers = nn.ModuleList(nn.Linear(latent_dim, 1) for _ in range(num_attributes))
        self.groups = tuple(given)
        self.penalties = Penalties(
            groups=np.unique(given, return_inverse=True)[1],
            group_norm=group_norm,
            l1_latent=l1,
            frobenius_latent=frobenius,
        )

    def features(self, inputs: Float[Tensor, "batch channel rows columns"]) -> Float[Tensor, "network batch width"]:
        """What each network says."""
        return torch.stack([network(inputs) for network in self.base_cnns])

    def read(self, features: Float[Tensor, "network batch width"]) -> Float[Tensor, "batch attribute"]:
        """Features to scores; 0 is the border."""
        latent = self.latent_task_matrix(features)
        scores = [layer(latent[g]) for g, layer in zip(self.groups, _combinations(self), strict=True)]
        return torch.cat(scores, dim=1)

    def forward(self, inputs: Float[Tensor, "batch channel rows columns"]) -> Float[Tensor, "batch attribute"]:
        """Pictures to scores."""
        return self.read(self.features(inputs))

    def regulariser(self) -> float:
        """μ Σ ‖s_k^g‖₂ + γ‖L‖₁ + λ‖L‖²_F."""
        latent, combination = _matrices(self)
        return float(self.penalties.of_latent(latent).sum() + self.penalties.of_combination(combination).sum())


def hinge_loss(
    outputs: Float[Tensor, "batch attribute"], targets: Float[Tensor, "batch attribute"], *, power: Literal[1, 2] = 2
) -> Float[Tensor, ""]:
    """The mean of ½ max(0, 1 - y f)² over labelled cells (NaN is unknown); `power=1`: of max(0, 1 - y f).

    The public code has the second, without a mask; the paper squares it.

    >>> hinge_loss(torch.tensor([[3.0, -1.0]]), torch.tensor([[1.0, float("nan")]]))
    tensor(0.)
    """
    known = ~torch.isnan(targets)
    gap = (1.0 - torch.where(known, targets, 0.0).to(outputs.dtype) * outputs).clamp_min(0.0)
    each = 0.5 * gap.square() if power == 2 else gap
    return torch.where(known, each, 0.0).sum() / known.sum().clamp_min(1)


def optimize_s(
    model: MTL,
    inputs: Tensor,
    attributes: Float[Tensor, "batch attribute"],
    optimizer_s: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> float:
    """One step on S, L held, then the proximal map of its penalty; the loss before the step."""
    loss = _step(model, inputs, attributes, optimizer_s, scaler)
    _shrink(model, _rate(optimizer_s), of_latent=False)
    return loss


def optimize_l(
    model: MTL,
    inputs: Tensor,
    attributes: Float[Tensor, "batch attribute"],
    optimizer_l: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> float:
    """One step on L, S held, then the proximal map of its penalties; the loss before the step."""
    loss = _step(model, inputs, attributes, optimizer_l, scaler)
    _shrink(model, _rate(optimizer_l), of_latent=True)
    return loss


def optimize_model(
    model: MTL,
    inputs: Tensor,
    attributes: Float[Tensor, "batch attribute"],
    optimizer_s: torch.optim.Optimizer | None = None,
    optimizer_l: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
    num_iterations: int = 10,
    *,
    solver: Literal["adam", "fista"] = "adam",
) -> list[float]:
    """S, then L, `num_iterations` times (at most); the objective after each time, without dropout.

    With `solver="fista"` no optimisers are needed: the networks' features are computed once, L and S are solved for on
    them by accelerated proximal gradient, and the objective never rises (its loss is a mean here, as `hinge_loss` is).

    Raises:
        UserError: `solver="adam"` without both optimisers.
    """
    if solver == "fista":
        return _solve(model, inputs, attributes, num_iterations)
    if optimizer_s is None or optimizer_l is None:
        raise UserError("`optimize_model` needs `optimizer_s` and `optimizer_l`, or solver='fista', which needs none")
    history = []
    for _ in range(num_iterations):
        optimize_s(model, inputs, attributes, optimizer_s, scaler)
        optimize_l(model, inputs, attributes, optimizer_l, scaler)
        history.append(_objective(model, inputs, attributes))
    return history


class EnhancedAttributeClassifier(nn.Module):
    r"""ResNet-18, a weight per feature, a category embedding, and a tower per attribute: σ(tower_a([a(h) ⊙ h ; e_c])).

    `forward` gives probabilities, as the README of the attribute classifier says; no second sigmoid belongs behind it
    (the public service applies one, and needs its threshold of .6 for that). Losses want `logits`. The gate has the
    weight per feature that the README promises, where the code has one number per picture.

    Source: the public VISI-TAG attribute classifier; Hu et al. (2018), squeeze and excitation, for the gate.

    Args:
        num_attributes: Number of binary attributes.
        num_categories: Number of categories; the number itself is the reserved index of an unknown category.
        weights: A file of ResNet-18 weights, `random`, or None for the published ones.

    Raises:
        UnavailableError: The published weights are not on this machine; the message names the file.
    """

    def __init__(self, num_attributes: int, num_categories: int, *, weights: str | None = None) -> None:
        super().__init__()
        described: Any = create_backbone("resnet18", weights=weights).describer()
        self.backbone = described.network.network
        self.num_categories = num_categories
        width, embedding, hidden = 512, 50, 128  # of the published classifier
        self.attention = GateAdapter(levels=[width], hidden=256)
        self.category_embedding = nn.Embedding(num_categories + 1, embedding)
        names = [f"a{number:02d}" for number in range(num_attributes)]
        self.towers = MultiheadTrunk(
            features=width + embedding, attributes=names, seed=0, width=hidden, norm="batch", activation="relu"
        )
        self.heads = nn.Parameter(torch.empty(num_attributes, hidden))
        self.bias = nn.Parameter(torch.zeros(num_attributes))
        nn.init.normal_(self.heads, std=hidden**-0.5)

    def logits(
        self, images: Float[Tensor, "batch 3 rows columns"], category: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch attribute"]:
        """Normalised pictures and categories to what the sigmoid reads."""
        weighted = self.attention(self.backbone(images))
        known = torch.cat([weighted, self.category_embedding(category)], dim=1)
        return (self.towers(known) * self.heads).sum(dim=2) + self.bias

    def forward(
        self, images: Float[Tensor, "batch 3 rows columns"], category: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch attribute"]:
        """Normalised pictures and categories to probabilities."""
        return torch.sigmoid(self.logits(images, category))


def _width(network: nn.Module) -> int:
    """Outputs of the last linear layer."""
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise UserError("a network of `base_cnns` ends in a linear layer. Found one without any")
    return linear[-1].out_features


def _combinations(model: MTL) -> list[nn.Linear]:
    """s_a and b_a of each attribute."""
    return [cast("nn.Linear", layer) for layer in model.task_specific_layers]


def _matrices(model: MTL) -> tuple[np.ndarray, np.ndarray]:
    """L (feature, latent) and S (latent, attribute)."""
    combination = torch.cat([layer.weight for layer in _combinations(model)]).T
    latent = model.latent_task_matrix.weight.T
    return latent.detach().cpu().double().numpy(), combination.detach().cpu().double().numpy()


@torch.no_grad()
def _put_latent(model: MTL, latent: np.ndarray) -> None:
    model.latent_task_matrix.weight.copy_(torch.from_numpy(np.ascontiguousarray(latent.T)))


@torch.no_grad()
def _put_combination(model: MTL, combination: np.ndarray) -> None:
    for layer, row in zip(_combinations(model), combination.T, strict=True):
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(row[None, :])))


def _shrink(model: MTL, rate: float, *, of_latent: bool) -> None:
    penalties = model.penalties
    latent, combination = _matrices(model)
    if of_latent and penalties.l1_latent + penalties.frobenius_latent > 0:
        _put_latent(model, penalties.shrink_latent(latent, rate))
    elif not of_latent and penalties.group_norm > 0:
        _put_combination(model, penalties.shrink_combination(combination, rate))


def _rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def _step(
    model: MTL,
    inputs: Tensor,
    attributes: Tensor,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None,
) -> float:
    """One step of an optimiser on its own parameters, the others held: they get no gradient at all."""
    model.train()
    mixed = scaler is not None and scaler.is_enabled()
    moved = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    networks = {id(parameter) for parameter in model.base_cnns.parameters()}
    tuned = any(id(parameter) in networks for parameter in moved)
    optimizer.zero_grad()
    with torch.autocast(inputs.device.type, enabled=mixed):
        with torch.set_grad_enabled(tuned):
            features = model.features(inputs)
        loss = hinge_loss(model.read(features), attributes)
    (scaler.scale(loss) if scaler is not None else loss).backward(inputs=moved)
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()
    return float(loss.detach())


@torch.no_grad()
def _objective(model: MTL, inputs: Tensor, attributes: Tensor) -> float:
    """Loss and penalties, without dropout."""
    was = model.training
    value = float(hinge_loss(model.eval()(inputs), attributes)) + model.regulariser()
    model.train(was)
    return value


@torch.no_grad()
def _solve(model: MTL, inputs: Tensor, attributes: Tensor, rounds: int) -> list[float]:
    """L and S by proximal gradient on the networks' features."""
    was = model.training
    features = model.eval().features(inputs).cpu().double().numpy()
    model.train(was)
    labels, penalties = attributes.cpu().double().numpy(), model.penalties
    cells = max(int((~np.isnan(labels)).sum()), 1)
    found = factorise(
        [features[g] for g in model.groups],
        labels,
        latent=model.latent_task_matrix.out_features,
        groups=list(model.groups),
        weights=[1.0 / cells] * labels.shape[1],
        group_norm=penalties.group_norm,
        l1_latent=penalties.l1_latent,
        frobenius_latent=penalties.frobenius_latent,
        rounds=rounds,
        tolerance=0.0,
    )
    _put_latent(model, found.latent)
    _put_combination(model, found.combination)
    for layer, value in zip(_combinations(model), found.intercepts, strict=True):
        nn.init.constant_(layer.bias, float(value))
    return list(found.objective[2::2])
