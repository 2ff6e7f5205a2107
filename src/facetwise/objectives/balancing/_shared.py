"""What a balancer is told of the model: the parameters that attributes share, and how the last forward reached them."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Over", "PackedHead", "Reduce", "Shared", "Tap"]

Over = Literal["cut", "all"]
Reduce = Callable[[Tensor], Tensor]


class Tap(NamedTuple):
    """What went into and came out of a linear layer of the cut, and whether its bias belongs to the cut."""

    weight: Tensor
    inputs: Tensor
    outputs: Tensor
    bias: bool


class PackedHead(NamedTuple):
    """How the last forward pass went from the representation h (batch, width) to the packed logits z (batch, logit).

    `matrix` W (logit, width) says that z = h Wᵀ + what does not depend on h, and `reads` (attribute, logit) which
    logits each attribute's loss depends on; None: some other way, or not known.
    """

    logits: Tensor
    representation: Tensor
    matrix: Tensor | None = None
    reads: Tensor | None = None


class Shared:
    """The parameters by who they belong to; training makes one and keeps it for the whole run.

    Gradients are taken as they come: in float32 or float64, of losses that carry no factor of a gradient scaler (a
    scaled loss would scale the norms that some balancers compare with constants). Batches whose gradients are
    accumulated are one batch here: add their losses, and let the balancer go backward once.

    Args:
        cut: Parameters of the last layer that every attribute reaches; Gramians are taken there.
        all: Every parameter that more than one attribute reaches.
        own: The other parameters: heads, and whatever belongs to one attribute alone.
        reduce: Sum of a tensor over all processes; None where there is one process.
        processes: How many there are. After `backward` each holds its part of the gradients; the step is their sum.
    """

    def __init__(
        self,
        *,
        cut: Sequence[nn.Parameter],
        all: Sequence[nn.Parameter],  # noqa: A002 -- the word of the glossary
        own: Sequence[nn.Parameter],
        reduce: Reduce | None = None,
        processes: int = 1,
    ) -> None:
        self.cut, self.own = list(cut), list(own)
        self.all: list[Tensor] = list(all)
        self.reduce, self.processes = reduce, processes
        self.taps: list[Tap] = []
        self.head: PackedHead | None = None
        self._watched: set[int] = set()

    def watch(self, module: nn.Module) -> None:
        """Remember what goes through the linear layers of the cut, in every forward pass that builds a graph.

        A Gramian is then had from the layers' inputs and from the gradients of their outputs, without one gradient of
        the parameters per attribute. Where the cut is not made of linear layers nothing is watched, and nothing but
        time is lost.
        """
        cut = {id(parameter) for parameter in self.cut}
        for layer in module.modules():
            if type(layer) is nn.Linear and id(layer.weight) in cut:
                bias = layer.bias is not None and id(layer.bias) in cut
                self._watched |= {id(layer.weight)} | ({id(layer.bias)} if bias else set())
                layer.register_forward_hook(self._listener(layer.weight, bias=bias))

    def _listener(self, weight: Tensor, *, bias: bool) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def listen(_: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
            if outputs.requires_grad:
                self.taps.append(Tap(weight, inputs[0].detach(), outputs, bias))

        return listen

    def taken(self) -> tuple[list[Tap], PackedHead | None]:
        """What is known of the last forward pass, and forgotten: no taps where they do not say everything of the cut.

        What a recomputed part of the forward pass adds later, on the way back, is not heard.
        """
        taps, head = (self.taps if self.watched else []), self.head
        self.forget()
        return taps, head

    @property
    def watched(self) -> bool:
        """Whether the cut is made of linear layers that are listened to."""
        return bool(self.cut) and self._watched == {id(parameter) for parameter in self.cut}

    def forget(self) -> None:
        """Let go of the last forward pass."""
        self.taps, self.head = [], None

    def begin_at(self, features: Tensor) -> None:
        """The graph of this step begins at a tensor, not at parameters before it: it is shared like they are."""
        begins = [features] if features.requires_grad else []
        self.all = [*begins, *(parameter for parameter in self.all if isinstance(parameter, nn.Parameter))]

    def summed(self, tensor: Tensor) -> Tensor:
        """Its sum over all processes."""
        return tensor if self.reduce is None else self.reduce(tensor)

    def parameters(self, over: Over) -> Sequence[Tensor]:
        """The parameters that gradients are compared on."""
        return {"cut": self.cut, "all": self.all}[over]

    def descend(self, losses: Tensor, own: Tensor, direction: Float[Tensor, " parameter"]) -> None:
        """`.grad` of own parameters from Σ own_k L_k, and of all shared ones from a given direction."""
        if self.own:
            losses.backward(own, inputs=self.own)
        start = 0
        for parameter in self.all:
            part = direction[start : start + parameter.numel()].view_as(parameter) / self.processes
            parameter.grad = part.clone() if parameter.grad is None else parameter.grad + part
            start += parameter.numel()
