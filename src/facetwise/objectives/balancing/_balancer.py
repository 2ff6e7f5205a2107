"""What every balancer promises, and the three ways to keep the promise."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from facetwise.errors import Complaint, ConfigError
from facetwise.objectives.balancing._gradients import (
    divide,
    gramian_of,
    jacobian,
    picks,
    spread_gradients,
    tap_gramian,
)
from facetwise.objectives.balancing._shared import Over, Shared

__all__ = [
    "Balancer",
    "Decision",
    "GradientBalancer",
    "GramianBalancer",
    "LooksAgain",
    "LossBalancer",
    "descend",
    "normalised",
    "places_of",
    "replace_at",
    "require",
    "spread_of",
    "values_of",
]

# A gradient this much shorter than the longest one (squared) is nothing but rounding in float32.
NOTHING = 1e-16


class Balancer(ABC):
    """Losses of the attributes to one backward pass.

    The tasks of a step are the attributes that have a label in the (global) batch. An attribute without one has no row
    in the Gramian, no share of the total weight, and its state stays as it is; the step is the one of a problem without
    that attribute. Decisions are taken in float64 on a handful of numbers, and go by the attributes' names, so that the
    order of columns does not matter.

    `needs` says what a decision is taken from: the losses, the Gramian of the gradients, or the gradients themselves.
    State is kept in `state` (numbers per attribute) and `buffers` (tensors per attribute and parameter); parameters of
    a balancer's own live there too, step with a rule of their own and are not decayed.

    Args of every constructor: `names`, the attributes' names in order, `seed` of what is drawn by chance, then options
    by keyword with the published defaults. `normalise` (where there is one) scales weights to a total of one per task,
    as in equal weighting, so that methods compare at one learning rate; without it the method's own scale holds.
    """

    needs: ClassVar[Literal["losses", "gramian", "gradients"]] = "losses"

    def __init__(self, *, names: Sequence[str], seed: int, over: str | None = None, activations: bool = False) -> None:
        self.names = tuple(names)
        self.seed = seed
        self.over = cast("Over | None", over)
        self.activations = activations
        self.epoch = 0
        self.state: dict[str, np.ndarray] = {}
        self.buffers: dict[str, Tensor] = {}
        require(over in (None, "cut", "all"), "over", "'cut' or 'all'", over)

    @abstractmethod
    def backward(
        self, losses: Float[Tensor, " attribute"], active: Bool[Tensor, " attribute"], shared: Shared
    ) -> Float[Tensor, " attribute"]:
        """The whole backward pass of a step: fills `.grad` of the parameters.

        Args:
            losses: This process's part of each attribute's loss, with the denominators of the global batch.
            active: Which attributes have a label in the global batch. Where none has, nothing is done.
            shared: Who the parameters belong to.

        Returns:
            The weights of the shared parameters' gradients, 0 where not active; for the log.
        """

    def begin_epoch(self, epoch: int) -> None:
        """Told before the first step of every epoch, counted from 0."""
        self.epoch = epoch

    def complaints(self, shared: Shared, place: str = "config: balancing") -> list[Complaint]:
        """What stands in the way of using the balancer with these parameters; training asks before the first step."""
        if self.over is None:
            return []
        if not shared.parameters(self.over):
            which = {"cut": "a last layer that all attributes share", "all": "parameters that attributes share"}
            rule, found = f"balancing by gradients needs {which[self.over]}", "a trunk without any"
        elif self.activations and not shared.watched:
            rule, found = "balancing by activations needs a last shared layer that is linear", "a trunk without one"
        else:
            return []
        fix = "choose another trunk, or a balancer that needs the losses only"
        return [Complaint(place=place, rule=rule, found=found, fix=fix)]

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that is remembered between steps, as plain tensors."""
        kept = {f"state.{name}": torch.from_numpy(np.array(array)) for name, array in self.state.items()}
        kept |= {f"buffer.{name}": tensor.detach().cpu().clone() for name, tensor in self.buffers.items()}
        return {"epoch": torch.tensor(self.epoch), **kept}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` gave; what follows is what would have followed without the interruption."""
        self.epoch = int(tensors["epoch"])
        kept = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        self.state = {n.removeprefix("state."): t.numpy() for n, t in kept.items() if n.startswith("state.")}
        self.buffers = {n.removeprefix("buffer."): t for n, t in kept.items() if n.startswith("buffer.")}


class LooksAgain(ABC):
    """A balancer that learns from the losses of the same batch after the optimiser's step."""

    @property
    @abstractmethod
    def looks_again(self) -> bool:
        """Whether it wants them of the step that its last `backward` belongs to: they cost a forward pass."""

    @abstractmethod
    def look_again(self, losses: Float[Tensor, " attribute"], shared: Shared) -> None:
        """Told the losses of the batch of the last `backward`, computed anew with the same dropout and no graph."""


class Decision(NamedTuple):
    """Weights per task: of the gradients on shared parameters, and of each task's own (1 where not given)."""

    shared: np.ndarray
    own: np.ndarray | None = None


class LossBalancer(Balancer):
    """Weights from the losses; Σ w_k L_k is differentiated once, for shared and own parameters alike.

    `learns` says that numbers of its own learn by gradient, step by step, what the weights should be.
    """

    learns: ClassVar[bool] = False

    @abstractmethod
    def weigh(self, losses: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weights of the tasks.

        Args:
            losses: (task) of the active attributes.
            places: (task) their places among the attributes.
        """

    def backward(
        self, losses: Float[Tensor, " attribute"], active: Bool[Tensor, " attribute"], shared: Shared
    ) -> Float[Tensor, " attribute"]:
        """One backward pass of Σ w_k L_k."""
        places = places_of(active)
        weights = torch.zeros_like(losses, requires_grad=False)
        if len(places):
            weights = spread_of(self.weigh(values_of(losses, shared)[places], places), places, losses)
            # Of a scalar: given a gradient, PyTorch loads its symbolic algebra first (2 to 4 s, seen with 2.15).
            torch.dot(losses, weights).backward()
        shared.forget()
        return weights


class GramianBalancer(Balancer):
    """Weights from the Gramian G = J Jᵀ of the tasks' gradients; then one backward pass.

    Shared parameters receive Σ w_k g_k, and what belongs to one attribute alone learns from its own loss unweighted, as
    in Sener and Koltun (2018, algorithm 2): the conflict is about shared parameters only, and an attribute whose
    weight is 0 does not stop learning. A task whose gradient is zero has nothing to say and is left out, with weight 1.
    """

    needs: ClassVar[Literal["losses", "gramian", "gradients"]] = "gramian"

    def kept(self, places: np.ndarray) -> np.ndarray | None:  # noqa: ARG002 -- of a step; most balancers keep none
        """Weights (task) that an earlier decision settled for this step too, which then needs no Gramian; or None."""
        return None

    @abstractmethod
    def weigh(self, gramian: np.ndarray, losses: np.ndarray, places: np.ndarray) -> Decision:
        """Weights of the tasks.

        Args:
            gramian: (task, task), finite, positive diagonal.
            losses: (task).
            places: (task) places among the attributes.
        """

    def backward(
        self, losses: Float[Tensor, " attribute"], active: Bool[Tensor, " attribute"], shared: Shared
    ) -> Float[Tensor, " attribute"]:
        """The Gramian without a pass through the trunk (at the cut), the weights, and one backward pass."""
        assert self.over is not None, "a Gramian is taken over something"
        places = places_of(active)
        if not len(places):
            shared.forget()
            return torch.zeros_like(losses, requires_grad=False)
        if (kept := self.kept(places)) is not None:
            weights = spread_of(kept, places, losses)
            descend(losses, spread_of(np.ones(len(places)), places, losses), weights, shared)
            shared.forget()
            return weights
        taps, head = shared.taken()
        spread = spread_gradients(losses, places, taps, head) if self.over == "cut" and taps else None
        if spread is not None and shared.reduce is None:
            gramian = tap_gramian(taps, spread.at_taps)
        else:
            # The Gramian of several processes is that of the summed gradients, not the sum of their Gramians.
            gramian = gramian_of(jacobian(losses, places, shared.parameters(self.over), shared))
        values = values_of(losses, shared)[places]
        common, own = np.ones(len(places)), np.ones(len(places))
        diagonal = gramian.diagonal()
        if np.isfinite(gramian).all() and diagonal.max() > 0.0:
            live = diagonal > NOTHING * diagonal.max()
            decision = self.weigh(gramian[np.ix_(live, live)], values[live], places[live])
            common[live] = decision.shared
            if decision.own is not None:
                own[live] = decision.own
        weights, own_weights = spread_of(common, places, losses), spread_of(own, places, losses)
        if spread is not None and divide(losses, spread.points, shared):
            chosen = weights[torch.from_numpy(places).to(losses.device)]
            mixed = [torch.tensordot(chosen, each.to(chosen.dtype), dims=1) for each in spread.at_points]
            start = spread.beginning if spread.beginning and (own == 1.0).all() else (losses, own_weights)
            replace_at(*start, spread.points, mixed)
        else:
            descend(losses, own_weights, weights, shared)
        shared.forget()
        return weights


class GradientBalancer(Balancer):
    """A direction for the shared parameters from the gradients themselves: K passes, K × P memory.

    Own parameters learn from their own losses. With `normalise` the direction has the length of Σ g_k.
    """

    needs: ClassVar[Literal["losses", "gramian", "gradients"]] = "gradients"

    def __init__(self, *, names: Sequence[str], seed: int, normalise: bool) -> None:
        super().__init__(names=names, seed=seed, over="all")
        self.normalise = normalise

    @abstractmethod
    def combine(
        self, rows: Float[Tensor, "task parameter"], losses: np.ndarray, places: np.ndarray
    ) -> tuple[Float[Tensor, " parameter"], np.ndarray]:
        """The direction, and the weights to show in the log; the rows may be changed in place."""

    def averaged(
        self, name: str, rows: Float[Tensor, "task parameter"], pace: Float[Tensor, " task"], places: np.ndarray
    ) -> Float[Tensor, "task parameter"]:
        """The tasks' rows of a buffer that starts at 0, after buffer ← buffer + pace (rows - buffer).

        The rows that are given are used up.
        """
        kept = self.buffers.get(name)
        kept = rows.new_zeros(len(self.names), rows.shape[1]) if kept is None else kept.to(rows)
        self.buffers[name] = kept
        # No copies of something this large: a copy costs as long as the step that is made with it.
        if len(places) == len(kept):
            return kept.lerp_(rows, pace[:, None])
        for row, place, share in zip(rows, places, pace, strict=True):
            kept[place].lerp_(row, share)
        return torch.index_select(kept, 0, torch.from_numpy(places).to(rows.device), out=rows)

    def backward(
        self, losses: Float[Tensor, " attribute"], active: Bool[Tensor, " attribute"], shared: Shared
    ) -> Float[Tensor, " attribute"]:
        """One pass per task on all shared parameters, then one through the heads for the own ones."""
        places = places_of(active)
        weights = torch.zeros_like(losses, requires_grad=False)
        if not len(places):
            shared.forget()
            return weights
        rows = jacobian(losses, places, shared.all, shared)
        usual = rows.sum(dim=0).norm()
        direction, shown = self.combine(rows, values_of(losses, shared)[places], places)
        if self.normalise:
            length = direction.norm()
            direction = direction * torch.where(length > 0, usual / length, 1.0)
        shared.descend(losses, picks(losses, places).sum(dim=0), direction)
        shared.forget()
        return spread_of(shown, places, losses)


def places_of(active: Bool[Tensor, " attribute"]) -> np.ndarray:
    """Places of the active attributes, ascending."""
    return np.flatnonzero(active.cpu().numpy())


def values_of(losses: Float[Tensor, " attribute"], shared: Shared) -> np.ndarray:
    """The losses as float64 numbers, summed over processes."""
    return shared.summed(losses.detach()).double().cpu().numpy()


def normalised(weights: np.ndarray) -> np.ndarray:
    """Scaled to a total of one per task; all 1 where no total can be formed.

    >>> normalised(np.array([1.0, 3.0]))
    array([0.5, 1.5])
    """
    total = weights.sum()
    if not np.isfinite(total) or total <= 0.0:
        return np.ones(len(weights))
    return weights * (len(weights) / total)


def descend(losses: Tensor, own: Tensor, weights: Tensor, shared: Shared) -> None:
    """`.grad` of own parameters from Σ own_k L_k, of shared ones from Σ w_k L_k."""
    if shared.own:
        losses.backward(own, inputs=shared.own, retain_graph=True)
    losses.backward(weights, inputs=shared.all)


def require(kept: bool, option: str, rule: str, found: object) -> None:  # noqa: FBT001 -- reads as a sentence
    """Raise where an option is not what it may be.

    Raises:
        ConfigError: Naming the option.
    """
    if not kept:
        place = f"config: balancing.{option}"
        raise ConfigError([Complaint(place=place, rule=f"this is {rule}", found=repr(found), fix="correct the value")])


def spread_of(weights: np.ndarray, places: np.ndarray, losses: Tensor) -> Tensor:
    """Weights of tasks to weights of all attributes, 0 where not active."""
    spread = np.zeros(len(losses))
    spread[places] = weights
    return torch.from_numpy(spread).to(dtype=losses.dtype, device=losses.device)


def replace_at(start: Tensor, gradient: Tensor, points: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    """One backward pass from a tensor; the given gradients take the place of those that arrive at the points."""

    def hold(given: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda arrived: given.to(arrived.dtype)

    handles = [point.register_hook(hold(given)) for point, given in zip(points, gradients, strict=True)]
    start.backward(gradient)
    for handle in handles:
        handle.remove()
