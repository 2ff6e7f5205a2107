"""One model for all attributes: features to packed logits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from facetwise.models._beside import Beside
from facetwise.models._depth import Depth
from facetwise.models._fact import Fact
from facetwise.models._feature_dropout import FeatureDropout
from facetwise.models._picture_reader import PictureReader
from facetwise.models._proximal import Proximal
from facetwise.models._rows import Packed, RowOwners
from facetwise.models._soft_category import SoftCategory
from facetwise.models._views import ViewAttention, spread_views
from facetwise.models.adapters import Adapter, CategoryReader
from facetwise.models.heads import Head
from facetwise.models.trunks import CategoryTrunk, Trunk

__all__ = ["FacetModel", "ModelOutput"]

_VIEWS_SHARE = Fact("share that each of an item's pictures has, mean over items", ("attribute", "picture"))


class ModelOutput(NamedTuple):
    """What one forward pass gives: packed logits, the representation that the heads read, side products by name.

    Side products: "attribute_penalty" (attribute, in the schema's order), to be added to the mean loss of each
    attribute that the batch has labels for; "category_logits" (batch, category), to be taught the category; and of
    heads that promise them "cosine" (batch, logit) and "scale" (logit), see `heads`: before what the levels add.
    """

    logits: Tensor
    features: Tensor
    aux: dict[str, Tensor]


class FacetModel(nn.Module):
    """levels → input → adapters → trunk → heads, plus what each level adds to each logit.

    Args:
        trunk: Features to a representation.
        head: Representation to packed logits.
        depth: What the levels add, or None.
        num_logits: Width of what comes out.
        input_dropout: Probability of zeroing a feature, for the trunk and the levels alike.
        adapters: Features to features, one after the other, in front of the trunk.
        places: Of each attribute of the trunk, its place in the schema (a parent whose probabilities are sums has no
            logits, and nothing here).
        attributes: Number of attributes of the schema.
        views: How the pictures of an item become one answer, where items have several; None: by their mean.
    """

    places: Tensor
    order: Tensor

    def __init__(
        self,
        *,
        trunk: Trunk,
        head: Head,
        depth: Depth | None,
        num_logits: int,
        input_dropout: float = 0.0,
        adapters: Sequence[Adapter] = (),
        places: Sequence[int] = (),
        attributes: int = 0,
        views: ViewAttention | None = None,
    ) -> None:
        super().__init__()
        self.dropout = FeatureDropout(probability=input_dropout)
        self.adapters = nn.ModuleList(adapters)
        self.trunk = trunk
        self.head = head
        self.depth = depth
        self.views = views
        self.reader: PictureReader | None = None  # where the model learns from pixels
        self.num_logits = num_logits
        self.num_attributes = attributes
        self.register_buffer("places", torch.tensor(places, dtype=torch.long), persistent=False)
        self.added = nn.ModuleList()  # models of attributes that came later
        self.beside: Beside | None = None  # of such a model: what it reads of the one that was there before
        self.register_buffer("order", torch.zeros(0, dtype=torch.long), persistent=False)

    def grow(self, added: Sequence["FacetModel"], order: Sequence[int]) -> None:
        """Join models of attributes that were added later; every one keeps products of its own.

        A wider product would give the old logits other last bits in some shapes, so there is none: what this model says
        of its attributes is computed as before and only copied to its place.

        Args:
            added: Models of the same features.
            order: Of each logit of the whole, its place among this model's and then the others' logits.
        """
        self.added.extend(added)
        self.order = torch.tensor(order, dtype=torch.long, device=self.order.device)
        self.num_logits = len(order)

    def _adapted(
        self, features: Tensor, category: Int[Tensor, " batch"] | None
    ) -> tuple[Float[Tensor, "batch features"], dict[str, Tensor]]:
        aux: dict[str, Tensor] = {}
        for adapter in self.adapters:
            assert isinstance(adapter, Adapter)
            told = adapter.adapt(features, category) if isinstance(adapter, CategoryReader) else adapter.adapt(features)
            features = told[0]
            aux |= told[1]
        return features, aux

    def forward(
        self,
        features: Float[Tensor, "batch *view features"] | UInt8[Tensor, "batch rows columns 3"],
        category: Int[Tensor, " batch"] | None = None,
    ) -> ModelOutput:
        """Standardised features of all levels to packed logits.

        Args:
            features: All levels, one after the other; with a third dimension, of several pictures per item, NaN where
                an item has fewer. With four, and a reader, pixels.
            category: Class of the category of each item where it is known, else -1; None: of none. It is read by
                stages that are told to (`reads_category`).
        """
        if self.reader is not None and features.ndim == 4:
            features = self.reader(features)
        told = self._pooled(features, category) if features.ndim == 3 else self._read(features, category)
        if not len(self.added):
            return told
        later = []
        # What came later has learned from what this model says of pictures alone.
        plain = told if category is None else self._read(features, None) if features.ndim == 2 else told
        for part in self.added:
            assert isinstance(part, FacetModel)
            reads = features if part.beside is None else torch.cat([features, part.beside(plain.features)], dim=1)
            later.append(part(reads).logits)
        logits = torch.cat([told.logits, *later], dim=1)
        return told._replace(logits=logits.index_select(1, self.order))

    def describe(self, features: Float[Tensor, "batch *view features"]) -> Float[Tensor, "batch *attribute width"]:
        """Standardised features to the representation that `forward` gives beside the logits, without their price."""
        if features.ndim == 2:
            return self._represented(self.dropout(features), None)[0]
        seen = ~features[:, :, 0].isnan()
        return _mean_of_views(self._represented(self.dropout(features[seen]), None)[0], seen)

    def _represented(
        self, features: Float[Tensor, "batch features"], category: Int[Tensor, " batch"] | None
    ) -> tuple[Float[Tensor, "batch *attribute width"], dict[str, Tensor]]:
        adapted, aux = self._adapted(features, category)
        reads = isinstance(self.trunk, CategoryTrunk)
        representation, beside = self.trunk.represent(adapted, category) if reads else self.trunk.represent(adapted)
        return representation, {**aux, **beside}

    def _read(self, features: Float[Tensor, "batch features"], category: Int[Tensor, " batch"] | None) -> ModelOutput:
        """One picture per item."""
        features = self.dropout(features)
        representation, beside = self._represented(features, category)
        logits, promised = self.head.read(representation)
        if self.depth is not None:
            logits = logits + self.depth(features)
        aux = {**beside, **promised}
        if (penalty := aux.get("attribute_penalty")) is not None:
            aux["attribute_penalty"] = penalty.new_zeros(self.num_attributes).index_add(0, self.places, penalty)
        return ModelOutput(logits, representation, aux)

    def _pooled(
        self, features: Float[Tensor, "batch view features"], category: Int[Tensor, " batch"] | None
    ) -> ModelOutput:
        """Every picture by itself, then the pictures of each item together."""
        seen = ~features[:, :, 0].isnan()
        told = None if category is None else category[:, None].expand_as(seen)[seen]
        each = self._read(features[seen], told)

        def mean(values: Tensor) -> Tensor:
            return _mean_of_views(values, seen)

        def by_logit(values: Tensor) -> Tensor:
            return mean(values) if self.views is None else self.views(each.features, values, seen)

        pooled = {"cosine": by_logit, "category_logits": mean}  # the other side products are about no single picture
        aux = {name: pooled[name](value) if name in pooled else value for name, value in each.aux.items()}
        return ModelOutput(by_logit(each.logits), mean(each.features), aux)

    @property
    def reads_category(self) -> bool:
        """Whether a category that is known changes what the model says of the other attributes."""
        return any(isinstance(module, SoftCategory) and module.known for module in self.modules())

    @property
    def provides(self) -> frozenset[str]:
        """What losses can ask for beside logits: "features", and what the head promises of its logits.

        With depth the levels add to the head's logits what has no bounds, and its promises hold no longer.
        """
        return frozenset({"features"}) | (self.head.provides if self.depth is None else frozenset())

    def row_owners(self) -> dict[str, RowOwners]:
        """Parameter name → whose rows it has; a parameter that is not named here is shared.

        By logit: the index is a logit of the layout. By attribute: a place in the schema.
        """
        places, owners = self.places.tolist(), {}
        for path, module in self.named_modules():
            if isinstance(module, Packed):
                for name, rows in module.row_owners().items():
                    told = rows if rows.by == "logit" else RowOwners(rows.by, tuple(places[a] for a in rows.index))
                    owners[f"{path}.{name}"] = told
        return owners

    def shared_parameters(self) -> list[nn.Parameter]:
        """Parameters of backbone, adapters and trunk that the losses of several attributes reach."""
        read = () if self.reader is None else self.reader.describer.parameters()
        return [*read, *self.adapters.parameters(), *self.trunk.shared_parameters()]

    def shared_cut(self) -> list[nn.Parameter]:
        """The last parameters that every attribute reaches: the trunk's, or else those of the last adapter."""
        if cut := self.trunk.shared_cut():
            return cut
        return list(self.adapters[-1].parameters()) if len(self.adapters) else []

    def regulariser(self) -> Float[Tensor, ""]:
        """Value of the penalties that `proximal_step` applies, for the log; not part of the loss."""
        total = next(self.parameters()).new_zeros(())
        for module in self.modules():
            if isinstance(module, Proximal):
                total = total + module.regulariser()
        return total

    def proximal_step(self, rate: float, active: Bool[Tensor, " attribute"]) -> None:
        """After each step of the optimiser: the proximal maps of penalties that are not smooth.

        Args:
            rate: The learning rate of the step.
            active: Per attribute of the schema, whether the step moved its logits.
        """
        for module in self.modules():
            if isinstance(module, Proximal):
                module.proximal_step(rate, active.to(self.places.device).index_select(0, self.places))

    @property
    def facts(self) -> dict[str, Fact]:
        """What each of the diagnostics is about; "trunk.places" is no fact but the order of their attributes."""
        told = {"views.share": _VIEWS_SHARE, **{f"trunk.{name}": fact for name, fact in self.trunk.facts.items()}}
        for number, adapter in enumerate(self.adapters):
            assert isinstance(adapter, Adapter)
            told |= {f"adapters.{number}.{name}": fact for name, fact in adapter.facts.items()}
        return told | {f"head.{name}": fact for name, fact in self.head.facts.items()}

    @torch.no_grad()
    def diagnostics(
        self, features: Float[Tensor, "batch *view features"], category: Int[Tensor, " batch"] | None = None
    ) -> dict[str, np.ndarray | float]:
        """What gates, experts, attention and head do with these items, in evaluation mode, by stage; see `facts`.

        Per-attribute rows are in the order of "trunk.places": places in the schema. Of several pictures per item,
        "views.share" (attribute, view) is the mean share that each attribute gives to the first, the second, ... of
        them, over items that have it.
        """
        training = self.training
        self.eval()
        told: dict[str, np.ndarray | float] = {}
        if features.ndim == 3:
            seen = ~features[:, :, 0].isnan()
            category = None if category is None else category[:, None].expand_as(seen)[seen]
            features = features[seen]
            if self.views is not None:
                shares = self.views.shares(self._read(features, category).features, seen)
                mean = shares.sum(dim=0) / seen.sum(dim=0).clamp_min(1)[:, None]
                told["views.share"] = mean.T.cpu().numpy()
        for number, adapter in enumerate(self.adapters):
            assert isinstance(adapter, Adapter)
            told |= {f"adapters.{number}.{name}": value for name, value in adapter.diagnostics(features).items()}
            reads = isinstance(adapter, CategoryReader)
            features = adapter.adapt(features, category)[0] if reads else adapter.adapt(features)[0]
        found = {f"trunk.{name}": value for name, value in self.trunk.diagnostics(features).items()}
        found |= {f"head.{name}": value for name, value in self.head.diagnostics().items()}
        self.train(training)
        if found or "views.share" in told:
            told |= {"trunk.places": self.places.cpu().numpy(), **found}
        return told


def _mean_of_views(values: Float[Tensor, "seen ..."], seen: Bool[Tensor, "batch view"]) -> Tensor:
    count = seen.sum(dim=1).reshape(-1, *[1] * (values.ndim - 1))
    return spread_views(values, seen).sum(dim=1) / count
