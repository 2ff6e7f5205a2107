"""What the category changes: parameters of its own, and an embedding."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from facetwise.errors import Complaint, ConfigError
from facetwise.models._bank import LinearBank
from facetwise.models._fact import Fact
from facetwise.models._initial import draw_rows
from facetwise.models._options import ACTIVATIONS, Activation, Rule, check_options, share
from facetwise.models._soft_category import SoftCategory, Unknown
from facetwise.models.adapters._adapter import CategoryReader

__all__ = ["CategoryAdapter"]


class CategoryAdapter(CategoryReader):
    r"""x' = [Σ_c p_c φ(W_c norm(x) + b_c) ; Σ_c p_c e_c], p the category, predicted from x or known.

    Where `width` is 0 the first part is x itself; where `embedding` is 0 the second is left out. p is the softmax of a
    linear classifier, in training as at inference, so the model never learns to lean on a label that it will not have.
    The classifier's logits are a side product, to be taught the category.

    With `known`, p is 1 for a category that is known: in training its label, except for the share `withheld`, at
    inference what the user gives. Everything else is predicted, or with `unknown: reserved` has a last entry of its
    own: an embedding, and the mean of all W_c.

    norm is a layer norm without scale and shift, which W_c absorbs. The published taxonomy system normalises by batch
    statistics of each category, in batches of one category; a batch here mixes them, and may hold one item of a kind.

    Source: the visual taxonomy system (per-category norm and linear layer: `width: 256, embedding: 0, dropout: 0.4,
    activation: relu`); the enhanced attribute classifier (50-d embedding, concatenated).

    Args:
        levels: Widths of the parts of the input.
        categories: Class names, from which parameters are drawn.
        seed: Seed of the initial parameters.
        width: Outputs of the per-category linear layer; 0: no such layer.
        embedding: Width of the embedding; 0: none.
        activation: gelu, relu, silu, tanh or identity.
        dropout: Probability of zeroing an activation of the per-category layer.
        known: Whether a category that is known is read; else it is always predicted.
        withheld: Share of the known categories that training does not read, so that pictures alone are answered too.
        unknown: What stands for a category that is not known: the prediction, or an entry of its own.

    Example:
        >>> adapter = CategoryAdapter(levels=[3, 5], categories=["shirt", "shoe"], seed=0)
        >>> adapter(torch.zeros(2, 8)).shape
        torch.Size([2, 58])
    """

    facts: ClassVar[Mapping[str, Fact]] = {
        "category": Fact("mean probability", ("category",)),
        "category_entropy": Fact("entropy of the predicted category (nats), mean over items"),
    }

    def __init__(
        self,
        *,
        levels: Sequence[int],
        categories: Sequence[str],
        seed: int,
        width: int = 0,
        embedding: int = 50,
        activation: Activation = "relu",
        dropout: float = 0.4,
        known: bool = False,
        withheld: float = 0.5,
        unknown: Unknown = "predicted",
    ) -> None:
        super().__init__()
        check_options(
            "adapters.category",
            Rule("width", width, width >= 0, "at least 0"),
            Rule("embedding", embedding, embedding >= 0 and width + embedding > 0, "above 0, unless width is"),
            share("dropout", dropout),
            share("withheld", withheld),
            Rule("unknown", unknown, known or unknown == "predicted", "predicted, unless known is true"),
        )
        if not categories:
            raise ConfigError(
                [
                    Complaint(
                        place="config: adapters",
                        rule="the adapter 'category' needs a schema with a category",
                        found="a schema without one",
                        fix="name the column with category=, or leave the adapter out",
                    )
                ]
            )
        self.category = SoftCategory(
            categories=categories, inputs=sum(levels), seed=seed, known=known, withheld=withheld, unknown=unknown
        )
        self.linear, self._levels = None, tuple(levels)
        if width:
            names = [f"category adapter/{name}" for name in categories]
            self.linear = LinearBank(names=names, inputs=sum(levels), outputs=width, seed=seed)
            self.activation, self.dropout = ACTIVATIONS[activation](), nn.Dropout(dropout)
            self._levels = (width,)
        self.embedding = None
        if embedding:
            # Names are data, and could be any word: the reserved entry has another prefix.
            rows = [*(f"category embedding/{name}" for name in categories), "category embedding of the unknown"]
            self.embedding = nn.Parameter(draw_rows(seed, rows, embedding, 1.0))
            self._levels = (*self._levels, embedding)

    @property
    def levels(self) -> tuple[int, ...]:
        """The parts of the features (one, where there is a per-category layer), then the embedding."""
        return self._levels

    def adapt(
        self, features: Float[Tensor, "batch features"], category: Int[Tensor, " batch"] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Features, changed by the category, and the logits of the category."""
        probability, logits = self.category(features, category)
        parts = [features]
        if self.linear is not None:
            normed = functional.layer_norm(features, features.shape[1:])
            known, unknown = probability[:, :-1], probability[:, -1:]
            shares = known + unknown / known.shape[1]
            each = self.dropout(self.activation(self.linear(normed)))
            parts = [torch.einsum("bc,bcw->bw", shares, each)]
        if self.embedding is not None:
            parts.append(probability @ self.embedding)
        return torch.cat(parts, dim=1), {"category_logits": logits}

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:
        """category (category): mean probability; category_entropy: of the prediction (nats), mean over items."""
        probability = self.category(features)[1].softmax(dim=1)
        entropy = float(torch.special.entr(probability).sum(dim=1).mean())
        return {"category": probability.mean(dim=0).cpu().numpy(), "category_entropy": entropy}
