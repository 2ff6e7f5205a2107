"""Multi-gate mixture of experts."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.models._fact import Fact
from facetwise.models._fit import fitting
from facetwise.models._options import Activation, Rule, check_options, share
from facetwise.models.gates import GATES, Gated
from facetwise.models.trunks._experts import GATE_FACTS, Experts, gate_facts, similarity
from facetwise.models.trunks._load_balance import BALANCES
from facetwise.models.trunks._trunk import Trunk

__all__ = ["MmoeTrunk"]


class MmoeTrunk(Trunk):
    r"""h_a = Σ_e g_a(x)_e f_e(x): experts that all attributes share, a gate per attribute.

    Expert: LN, Linear, GELU, Dropout, Linear, GELU. All experts are two products, all gates one, the mixture one:
    no loop over experts or attributes. Towers are the head `mlp`: h_a is what a tower reads.

    With a sparse gate an expert is computed only for the items that some attribute sends to it, where that is faster.
    With k = 1 of 8 experts that halves the time for one attribute and saves a quarter for four; with twelve attributes
    nearly every expert is wanted by some attribute of every item, and there is nothing to save
    (`benchmarks/experts.py`). Dense gates never save anything, whatever is said of mixtures of experts.

    Load balance is one penalty per attribute, so that an attribute without labels in a batch is left alone.

    Source: Ma et al. (2018, equations 5 to 7); the expert is that of the public FishNet classifier on DINOv3.

    Args:
        features: Width of the input.
        attributes: Stable ids, from which the gates are drawn.
        seed: Seed of the initial weights.
        experts: Number of experts.
        hidden: Width inside an expert.
        width: Width of what an expert gives.
        activation: gelu, relu, silu, tanh or identity.
        dropout: Probability of zeroing an activation inside an expert.
        gate: softmax, top_k, noisy_top_k or dselect_k.
        temperature: Of the gate's softmax.
        k: Experts per item and attribute, for the sparse gates.
        renormalise: Whether the weights of the k experts sum to 1.
        smoothness: Of dselect_k: the width γ of its smooth step.
        entropy_weight: Of dselect_k: what a selector pays that has not decided.
        balance: importance or switch: which penalty keeps experts in use.
        balance_weight: Its weight; 1e-2 is customary.

    Raises:
        ConfigError: A number is out of bounds, or an option was set that the gate does not have.

    Example:
        >>> trunk = MmoeTrunk(features=8, attributes=["a00", "a01", "a02"], seed=0, experts=4, hidden=6, width=5)
        >>> trunk(torch.zeros(2, 8)).shape
        torch.Size([2, 3, 5])
    """

    output = "batch attribute width"
    facts: ClassVar[Mapping[str, Fact]] = {
        **GATE_FACTS,
        "expert_similarity": Fact("how alike experts answer: cosine, mean over items", ("expert", "expert")),
    }

    def __init__(
        self,
        *,
        features: int,
        attributes: Sequence[str],
        seed: int,
        experts: int = 8,
        hidden: int = 256,
        width: int = 256,
        activation: Activation = "gelu",
        dropout: float = 0.1,
        gate: Literal["softmax", "top_k", "noisy_top_k", "dselect_k"] = "softmax",
        temperature: float = 1.0,
        k: int = 2,
        renormalise: bool = True,
        smoothness: float = 1.0,
        entropy_weight: float = 1e-2,
        balance: Literal["importance", "switch"] = "importance",
        balance_weight: float = 0.0,
    ) -> None:
        super().__init__()
        of_gate = {
            "temperature": temperature,
            "k": k,
            "renormalise": renormalise,
            "smoothness": smoothness,
            "entropy_weight": entropy_weight,
        }
        check_options(
            "trunk",
            Rule("experts", experts, experts >= 2, "at least 2: one expert is the shared trunk"),
            Rule("hidden", hidden, hidden >= 1, "at least 1"),
            Rule("width", width, width >= 1, "at least 1"),
            share("dropout", dropout),
            Rule("temperature", temperature, temperature > 0, "above 0"),
            Rule("k", k, 1 <= k <= experts, f"between 1 and the number of experts ({experts})"),
            Rule("smoothness", smoothness, smoothness > 0, "above 0"),
            Rule("entropy_weight", entropy_weight, entropy_weight >= 0, "at least 0"),
            Rule("balance_weight", balance_weight, balance_weight >= 0, "at least 0"),
            *_heeded(gate, of_gate),
        )
        self.experts = Experts(
            names=[f"expert{number}" for number in range(experts)],
            inputs=features,
            hidden=hidden,
            width=width,
            activation=activation,
            dropout=dropout,
            seed=seed,
        )
        given = {
            "features": features,
            "names": [f"gate/{name}" for name in attributes],
            "owner": range(len(attributes)),
            "experts": experts,
            "seed": seed,
            **of_gate,
        }
        self.gate = fitting(GATES[gate], given, {})
        self._balance, self.balance_weight, self._width = BALANCES[balance], balance_weight, width

    @property
    def width(self) -> int:
        """Width of each representation."""
        return self._width

    def represent(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch attribute width"], dict[str, Tensor]]:
        """Features to a mixture of experts per attribute, and the gates' penalties."""
        gated: Gated = self.gate(features)
        used = (gated.weights > 0).any(dim=1) if self.gate.sparse else None
        mixed = torch.bmm(gated.weights, self.experts(features, used))
        penalty = gated.penalty
        if self.balance_weight:
            balance = self.balance_weight * self._balance(gated)
            penalty = balance if penalty is None else penalty + balance
        return mixed, {} if penalty is None else {"attribute_penalty": penalty}

    def shared_parameters(self) -> list[nn.Parameter]:
        """Those of the experts."""
        return list(self.experts.parameters())

    def shared_cut(self) -> list[nn.Parameter]:
        """All experts' last linear layers."""
        return list(self.experts.last.parameters())

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:
        """gate (attribute, expert), gate_entropy (attribute), expert_similarity (expert, expert)."""
        gated: Gated = self.gate(features)
        return {**gate_facts(gated.weights), "expert_similarity": similarity(self.experts(features))}


def _heeded(gate: str, options: Mapping[str, object]) -> Iterator[Rule]:
    """What is set differs from the default only where the gate has such an option: nothing is ignored in silence."""
    defaults = inspect.signature(MmoeTrunk).parameters
    for option, value in options.items():
        having = [name for name, kind in GATES.items() if option in inspect.signature(kind).parameters]
        fits = gate in having or value == defaults[option].default
        yield Rule(option, value, fits, f"an option of the gate {' or '.join(having)}; this one is {gate}")
