"""One query per attribute, answered by attention over tokens."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from facetwise.errors import Complaint, ConfigError
from facetwise.models._fact import Fact
from facetwise.models._initial import draw_rows
from facetwise.models._options import Rule, check_options, share
from facetwise.models._rows import Packed, RowOwners
from facetwise.models._soft_category import SoftCategory
from facetwise.models.trunks._attention import DecoderLayer, EncoderLayer
from facetwise.models.trunks._trunk import CategoryTrunk

__all__ = ["QueryTrunk"]


class QueryTrunk(CategoryTrunk, Packed):
    r"""h_a = decoder(q_a; m_1 … m_T), m_t = relu(P x_t): attribute a asks all tokens and reads what answers.

    Tokens are the levels of the backbone, each with a projection of its own (every item decides anew which depth an
    attribute listens to), or, with `tokens`, that many patch tokens of equal width, flat in the features
    (token after token), with one projection for all. Patch tokens carry their position in their features; none is
    added.

    The defaults are ML-Decoder with one query per attribute: fixed queries, no attention among them. Query2Label is
    `learnable: true, self_attention: true, encoder_layers: 1, layers: 2`; its group-wise linear layer is the linear
    head. Both papers have one query per class; here a class is a row of the head. Query2Label starts from zeros with
    the query as a position code; here the query is the start. Attention among queries lets every attribute's loss reach
    every query, so queries then count as shared.

    `per_category`: q_a(x) = Σ_c p(c | x) q_{c,a}, one query per category and attribute, with the model's own soft
    prediction of the category; with `known`, p is 1 for a category that is known, in training its label except for the
    share `withheld`.

    Source: Liu et al. (2021, section 3.2); Ridnik et al. (2023, section 3.1), who find fixed queries as good.

    Args:
        features: Width of the input.
        levels: Widths of its parts.
        attributes: Stable ids, from which the queries are drawn.
        categories: Class names of the category.
        before: Words for what feeds the trunk.
        seed: Seed of the initial weights.
        width: Width of queries and tokens.
        layers: Decoder layers.
        heads: Heads of each attention; they divide the width.
        hidden: Width of the feed-forward part.
        dropout: Probability of zeroing an activation.
        tokens: Number of patch tokens in the features; 0: one token per level.
        learnable: Whether queries are learned.
        self_attention: Whether queries read each other.
        encoder_layers: Layers in which tokens read each other first.
        per_category: Whether every category has queries of its own.
        known: With `per_category`, whether a category that is known is read; else it is always predicted.
        withheld: Share of the known categories that training does not read, so that pictures alone are answered too.

    Example:
        >>> given = {"levels": [3, 5], "attributes": ["a00", "a01", "a02"], "categories": [], "before": "the features"}
        >>> QueryTrunk(features=8, seed=0, width=16, hidden=8, **given)(torch.zeros(2, 8)).shape
        torch.Size([2, 3, 16])
    """

    output = "batch attribute width"
    facts: ClassVar[Mapping[str, Fact]] = {
        "attention": Fact("attention to each token, mean over items and heads", ("attribute", "token")),
        "attention_entropy": Fact("entropy of the attention (nats)", ("attribute",)),
    }
    queries: Tensor

    def __init__(
        self,
        *,
        features: int,
        levels: Sequence[int],
        attributes: Sequence[str],
        categories: Sequence[str],
        before: str,
        seed: int,
        width: int = 256,
        layers: int = 1,
        heads: int = 8,
        hidden: int = 512,
        dropout: float = 0.1,
        tokens: int = 0,
        learnable: bool = False,
        self_attention: bool = False,
        encoder_layers: int = 0,
        per_category: bool = False,
        known: bool = False,
        withheld: float = 0.5,
    ) -> None:
        super().__init__()
        check_options(
            "trunk",
            Rule("width", width, width >= 1, "at least 1"),
            Rule("layers", layers, layers >= 1, "at least 1"),
            Rule("heads", heads, heads >= 1 and width % heads == 0, f"a divisor of width ({width})"),
            Rule("hidden", hidden, hidden >= 1, "at least 1"),
            share("dropout", dropout),
            Rule("tokens", tokens, tokens >= 0 and features % max(tokens, 1) == 0, f"a divisor of {features} features"),
            Rule("encoder_layers", encoder_layers, encoder_layers >= 0, "at least 0"),
            Rule("per_category", per_category, bool(categories) or not per_category, "a schema with a category"),
            Rule("known", known, per_category or not known, "false, unless per_category is true"),
            share("withheld", withheld),
        )
        self._check_tokens(before, features, levels, tokens)
        self._width, self.tokens, self.levels = width, tokens, list(levels)
        self.self_attention, self.size = self_attention, len(attributes)
        parts = [features // tokens] if tokens else levels
        self.projections = nn.ModuleList(nn.Linear(part, width) for part in parts)
        sizes = {"width": width, "heads": heads, "hidden": hidden}
        self.encoder = nn.Sequential(*(EncoderLayer(**sizes, dropout=dropout) for _ in range(encoder_layers)))
        self.decoder = nn.ModuleList(
            DecoderLayer(**sizes, dropout=dropout, self_attention=self_attention) for _ in range(layers)
        )
        self.category = None
        if per_category:
            self.category = SoftCategory(categories=categories, inputs=width, seed=seed, known=known, withheld=withheld)
        of = [f"/{name}" for name in categories] if per_category else [""]
        self.per_attribute = len(of)
        drawn = draw_rows(seed, [f"query/{attribute}{end}" for attribute in attributes for end in of], width, 1.0)
        if learnable:
            self.queries = nn.Parameter(drawn)
        else:
            self.register_buffer("queries", drawn)  # kept: a bundle does not know the seed

    @staticmethod
    def _check_tokens(before: str, features: int, levels: Sequence[int], tokens: int) -> None:
        if tokens == 0 and len(levels) < 2:
            raise ConfigError(
                [
                    Complaint(
                        place=f"{before} with trunk 'query'",
                        rule="the trunk reads 'batch token width': two levels or more, or patch tokens",
                        found=f"'batch width', one part of {features} features",
                        fix="levels: all and no adapter that mixes the levels (gate keeps them), tokens: the number of "
                        "patch tokens in the features, or another trunk",
                    )
                ]
            )

    @property
    def width(self) -> int:
        """Width of each representation."""
        return self._width

    def row_owners(self) -> dict[str, RowOwners]:
        """Learned queries belong to their attributes, unless they read each other."""
        if self.self_attention or not isinstance(self.queries, nn.Parameter):
            return {}
        return {
            "queries": RowOwners("attribute", tuple(a for a in range(self.size) for _ in range(self.per_attribute)))
        }

    def _read(self, features: Tensor, category: Tensor | None = None) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Queries (batch or 1, attribute, width), tokens (batch, token, width), side products."""
        if self.tokens:
            tokens = self.projections[0](features.unflatten(1, (self.tokens, features.shape[1] // self.tokens)))
        else:
            each = zip(self.projections, features.split(self.levels, dim=1), strict=True)
            tokens = torch.stack([project(part) for project, part in each], dim=1)
        tokens = self.encoder(functional.relu(tokens))
        queries, aux = self.queries.unsqueeze(0), {}
        if self.self_attention:  # dropout among the queries is drawn for every item
            queries = queries.expand(features.shape[0], -1, -1)
        if self.category is not None:
            probability, logits = self.category(tokens.mean(dim=1), category)
            own = self.queries.unflatten(0, (self.size, self.per_attribute))
            queries = torch.einsum("bc,acw->baw", probability[:, :-1], own)
            aux = {"category_logits": logits}
        return queries, tokens, aux

    def represent(
        self, features: Float[Tensor, "batch features"], category: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch attribute width"], dict[str, Tensor]]:
        """Features to what each attribute's query reads."""
        queries, tokens, aux = self._read(features, category)
        for layer in self.decoder:
            queries = layer(queries, tokens)
        return queries, aux

    def shared_parameters(self) -> list[nn.Parameter]:
        """Everything but queries that belong to their attributes."""
        own = self.row_owners()
        return [parameter for name, parameter in self.named_parameters() if name not in own]

    def shared_cut(self) -> list[nn.Parameter]:
        """The last decoder layer."""
        return list(self.decoder[-1].parameters())

    def diagnostics(self, features: Float[Tensor, "batch features"]) -> dict[str, np.ndarray | float]:
        """Of the last layer: attention (attribute, token), mean over items and heads; attention_entropy (attribute)."""
        queries, tokens, _ = self._read(features)
        for layer in list(self.decoder)[:-1]:
            queries = layer(queries, tokens)
        last = self.decoder[-1]
        assert isinstance(last, DecoderLayer)
        weights = last.cross.weights(last.asking(queries), tokens)
        entropy = torch.special.entr(weights).sum(dim=2).mean(dim=0)
        return {"attention": weights.mean(dim=0).cpu().numpy(), "attention_entropy": entropy.cpu().numpy()}
