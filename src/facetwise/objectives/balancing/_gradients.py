"""Gradients per attribute: at the outputs of the cut, on parameters, and as the Gramian of all pairs.

Gradients of different attributes are never accumulated in `.grad` on the way: each row is computed by itself.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.graph import GradientEdge

from facetwise.objectives.balancing._shared import PackedHead, Shared, Tap

__all__ = [
    "Spread",
    "by_layer",
    "divide",
    "gramian_of",
    "jacobian",
    "picks",
    "pull",
    "spread_gradients",
    "tap_gramian",
]

# Rows without a label have a zero gradient. Where every task has at least this share of such rows, leaving them out is
# quicker than multiplying with them (measured: at one quarter the gathering costs what it saves).
SPARSE = 0.25
# Operations that act on every number by itself (a product: where the other factor, a dropout mask, has no gradient).
BY_ITSELF = {
    f"{name}Backward0"
    for name in ("Gelu", "Relu", "Silu", "Elu", "LeakyRelu", "Hardswish", "Mish", "Tanh", "Sigmoid", "Mul",
                 "NativeDropout")
}  # fmt: skip


def pull(outputs: Tensor | GradientEdge, targets: Sequence[Tensor], cotangents: Tensor) -> list[Tensor]:
    """For each row t of `cotangents`, the gradient of ⟨outputs, cotangents[t]⟩ with respect to each target.

    One batched pass; where an operation on the way cannot be batched, one pass per row.
    """
    try:
        found = torch.autograd.grad(
            outputs, targets, cotangents, is_grads_batched=True, retain_graph=True, allow_unused=True
        )
    except RuntimeError:  # an operation without a batching rule; a mistake of ours raises again below
        rows = [torch.autograd.grad(outputs, targets, row, retain_graph=True, allow_unused=True) for row in cotangents]
        found = [None if each[0] is None else torch.stack(each) for each in zip(*rows, strict=True)]
    return [
        target.new_zeros(len(cotangents), *target.shape) if gradient is None else gradient
        for target, gradient in zip(targets, found, strict=True)
    ]


def pull_through_activations(
    outputs: Float[Tensor, "batch width"], targets: Sequence[Tensor], cotangents: Float[Tensor, "task batch width"]
) -> list[Tensor]:
    """`pull`, where the last operations act on every number by itself: their slope is taken once, not once per task."""
    node, place = outputs.grad_fn, 0
    while node is not None and node.name() in BY_ITSELF and all(after is None for after, _ in node.next_functions[1:]):
        node, place = node.next_functions[0]
    if node is None or node is outputs.grad_fn:
        return pull(outputs, targets, cotangents)
    edge = GradientEdge(node, place)
    [slope] = torch.autograd.grad([outputs], [edge], [torch.ones_like(outputs)], retain_graph=True)
    if slope.shape != outputs.shape:  # a factor was spread over more numbers than it had
        return pull(outputs, targets, cotangents)
    return pull(edge, targets, cotangents * slope)


def picks(losses: Tensor, places: np.ndarray) -> Tensor:
    """(task, attribute): row t picks the loss of the t-th task."""
    picked = torch.zeros(len(places), len(losses), dtype=losses.dtype)
    picked[torch.arange(len(places)), torch.from_numpy(places)] = 1.0
    return picked.to(losses.device)


def jacobian(
    losses: Float[Tensor, " attribute"], places: np.ndarray, parameters: Sequence[Tensor], shared: Shared
) -> Float[Tensor, "task parameter"]:
    """The gradient of each task's loss on the given parameters, as rows, summed over processes."""
    rows = pull(losses, parameters, picks(losses, places))
    return shared.summed(torch.cat([row.flatten(1) for row in rows], dim=1))


def gramian_of(rows: Float[Tensor, "task parameter"]) -> np.ndarray:
    """G = J Jᵀ (task, task) in float64."""
    return _symmetric(rows @ rows.T)


def _symmetric(gramian: Tensor) -> np.ndarray:
    array = gramian.double().cpu().numpy()
    return 0.5 * (array + array.T)


def _nodes(start: Tensor, walls: Iterable[object]) -> set[object]:
    """Nodes of the graph that can be reached from a tensor without passing a wall."""
    seen: set[object] = set(walls)
    found: set[object] = set()
    ahead = [start.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found.add(node)
        ahead += [after for after, _ in node.next_functions]
    return found


def divide(losses: Tensor, points: Sequence[Tensor], shared: Shared) -> bool:
    """Whether the points divide the graph: all shared parameters behind them, and none of the own ones."""
    common, own = ({id(parameter) for parameter in kind} for kind in (shared.all, shared.own))
    before = _nodes(losses, [point.grad_fn for point in points])
    behind = {node for point in points for node in _nodes(point, [])}
    return not (_leaves(before) & common) and not (_leaves(behind) & own)


def _leaves(nodes: set[object]) -> set[int]:
    return {id(variable) for node in nodes if (variable := getattr(node, "variable", None)) is not None}


class Spread(NamedTuple):
    """Gradients of each task at tensors of the forward pass, first axis the tasks.

    `at_taps` is what a Gramian is made of. `points` are tensors as near to the losses as they could be had, where
    weighted gradients can take the place of the losses' own, and `at_points` the gradients there. `beginning` is a
    tensor that all parameters lie behind, with the gradient of the tasks' sum: a backward pass can start from it.
    """

    at_taps: list[Tensor]
    points: list[Tensor]
    at_points: list[Tensor]
    beginning: tuple[Tensor, Tensor] | None = None


def spread_gradients(
    losses: Float[Tensor, " attribute"], places: np.ndarray, taps: Sequence[Tap], head: PackedHead | None
) -> Spread:
    """The gradient of each task's loss at the outputs of the cut, and at the representation where there is one."""
    outputs = [tap.outputs for tap in taps]
    goals = {output.grad_fn for output in outputs}
    if head is None or head.representation.grad_fn in goals:
        found = pull(losses, outputs, picks(losses, places))
        return Spread(found, outputs, found)
    points = [head.representation]
    if head.matrix is not None and head.reads is not None:
        before = _nodes(losses, [head.logits.grad_fn])
        if not (before | _nodes(head.logits, [head.representation.grad_fn])) & goals:
            at_head, at_logits = _through_matrix(losses, places, head.logits, head.matrix.detach(), head.reads)
            beginning = None if _leaves(before) else (head.logits, at_logits)
            return Spread(pull_through_activations(head.representation, outputs, at_head), points, [at_head], beginning)
    # Also where a loss goes around the representation: then the points do not divide the graph, and it is seen there.
    at_head, *found = pull(losses, [head.representation, *outputs], picks(losses, places))
    return Spread(found, points, [at_head])


def _through_matrix(
    losses: Tensor,
    places: np.ndarray,
    logits: Float[Tensor, "batch logit"],
    matrix: Float[Tensor, "logit width"],
    reads: Bool[Tensor, "attribute logit"],
) -> tuple[Float[Tensor, "task batch width"], Float[Tensor, "batch logit"]]:
    """δ_h = Σ_{c read} δ_z[c] W[c]: one small product per task in place of one over all logits; and Σ δ_z.

    Tasks that read no logit in common go back to the logits together: their gradients lie in columns of their own.
    """
    wanted = reads[torch.from_numpy(places).to(reads.device)].cpu().numpy()
    groups: list[list[int]] = []
    for task, row in enumerate(wanted):
        free = [members for members in groups if not (wanted[members] & row).any()]
        (free[0].append(task) if free else groups.append([task]))
    width = int(wanted.sum(axis=1).max())
    columns = torch.from_numpy(np.argsort(~wanted, axis=1, kind="stable")[:, :width]).to(matrix.device)
    real = torch.from_numpy(np.arange(width) < wanted.sum(axis=1)[:, None]).to(matrix.device)
    picked, products, order, total = picks(losses, places), [], [], torch.zeros((), device=logits.device)
    for members in groups:
        [at_logits] = torch.autograd.grad(losses, [logits], picked[members].sum(dim=0), retain_graph=True)
        parts = at_logits[:, columns[members]].transpose(0, 1)  # (member, batch, column)
        rows = (matrix[columns[members]] * real[members][:, :, None]).to(parts.dtype)
        products.append(torch.bmm(parts, rows))
        order += members
        total = at_logits if len(groups) == 1 else total + at_logits
    joined = _joined(products, dim=0)
    return (joined if len(products) == 1 else joined[torch.from_numpy(np.argsort(order)).to(joined.device)]), total


def by_layer(taps: Sequence[Tap]) -> list[list[int]]:
    """Places of the taps, those of one layer together: a layer that is used several times is one with more rows."""
    layers: dict[int, list[int]] = {}
    for place, tap in enumerate(taps):
        layers.setdefault(id(tap.weight), []).append(place)
    return list(layers.values())


def tap_gramian(taps: Sequence[Tap], gradients: Sequence[Tensor]) -> np.ndarray:
    """The Gramian of the gradients on the weights (and biases) of the taps' layers.

    The gradient of task i on W is δ_iᵀ X, so ⟨g_i, g_j⟩ = Σ_{b, b'} (x_b · x_b' [+ 1 with a bias]) (δ_i,b · δ_j,b'):
    the parameters' gradients are never formed.
    """
    tasks = len(gradients[0])
    total = torch.zeros(tasks, tasks, device=gradients[0].device)
    for members in by_layer(taps):
        inputs = _joined([taps[n].inputs.flatten(0, -2) for n in members], dim=0)
        deltas = _joined([gradients[n].flatten(1, -2) for n in members], dim=1)
        deltas = deltas.to(torch.promote_types(deltas.dtype, torch.float32))
        total = total + _layer_gramian(inputs.to(deltas.dtype), deltas, bias=taps[members[0]].bias)
    return _symmetric(total)


def _joined(parts: list[Tensor], *, dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=dim)


def _layer_gramian(
    inputs: Float[Tensor, "row inputs"], deltas: Float[Tensor, "task row outputs"], *, bias: bool
) -> Float[Tensor, "task task"]:
    rows, width = inputs.shape
    if rows > width:
        formed = torch.matmul(deltas.transpose(1, 2), inputs).flatten(1)
        gramian = formed @ formed.T
        if bias:
            alone = deltas.sum(dim=1)
            gramian = gramian + alone @ alone.T
        return gramian
    likeness = inputs @ inputs.T
    if bias:
        likeness = likeness + 1.0
    labelled = (deltas.amax(dim=2) != 0) | (deltas.amin(dim=2) != 0)  # (task, row); quicker than a norm
    most = int(labelled.sum(dim=1).max())
    if most <= (1.0 - SPARSE) * rows:
        kept = labelled.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
        each = torch.arange(len(deltas), device=deltas.device)[:, None]
        mixed = torch.bmm(likeness[kept].transpose(1, 2), deltas[each, kept])
    else:
        mixed = torch.matmul(likeness, deltas)
    return deltas.flatten(1) @ mixed.flatten(1).T
