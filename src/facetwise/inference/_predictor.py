"""Features to decisions with a bundle: the one path that evaluate, predict and the server share."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from facetwise.decisions import (
    Decisions,
    Neighbours,
    RuleCount,
    before_learning,
    calibrate,
    contradictions,
    count_rules,
    decide,
    hold_applicability,
    hold_values,
    scores_from_logits,
    with_learnt,
)
from facetwise.features import Standardizer, StoredRows
from facetwise.inference._bundle import Bundle
from facetwise.models import Beside, FacetModel, build_model, join_models
from facetwise.schema import VALUE, Labels, Schema, alone, without

__all__ = ["Predictor", "logits_of", "read_features"]

# Rows per pass: bounds memory, and is large enough that the matrix products are efficient.
ROWS = 1024


def _blocks(
    model: FacetModel, features: np.ndarray | StoredRows, standardizer: Standardizer | None
) -> Iterator[torch.Tensor]:
    """The features on the device of the model, block by block: standardised whole they would take memory anew."""
    device = next(model.parameters()).device
    for start in range(0, len(features), ROWS):
        block = np.asarray(features[start : start + ROWS])
        standard = block if standardizer is None else standardizer(block)
        yield torch.from_numpy(np.ascontiguousarray(standard)).to(device)


def _as_kept(representation: torch.Tensor) -> np.ndarray:
    """(item, width); where every attribute has a representation of its own, their mean."""
    own = representation if representation.ndim == 2 else representation.mean(dim=1)
    return own.float().cpu().numpy()


def read_features(
    model: FacetModel,
    features: np.ndarray | StoredRows,
    *,
    standardizer: Standardizer | None = None,
    represent: bool = True,
    category: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Features to logits (item, logit) and representation (item, width), block by block.

    They are standardised already where no standardizer is given. Where every attribute has a representation of its own,
    their mean. Without `represent` the representation has no columns. `category` (item,) is the class of the category
    where it is known, else -1.
    """
    model.eval()
    logits: list[np.ndarray] = []
    representations: list[np.ndarray] = []
    with torch.inference_mode():
        for number, block in enumerate(_blocks(model, features, standardizer)):
            known = []
            if category is not None:
                own = category[number * ROWS : (number + 1) * ROWS].astype(np.int64)
                known = [torch.from_numpy(own).to(block.device)]
            told = model(block, *known)
            logits.append(told.logits.float().cpu().numpy())
            if represent:
                representations.append(_as_kept(told.features))
    if not logits:
        return np.zeros((0, model.num_logits), np.float32), np.zeros((0, 0), np.float32)
    none = np.zeros((len(features), 0), np.float32)
    return np.concatenate(logits), np.concatenate(representations) if represent else none


def logits_of(model: FacetModel, features: np.ndarray | StoredRows) -> np.ndarray:
    """(item, logit) of standardised features, without gradients."""
    return read_features(model, features, represent=False)[0]


class Predictor:
    """A bundle ready to answer.

    Args:
        bundle: The trained artefact.
        model: With the bundle's parameters, where somebody has it already; built from the bundle if not given.
    """

    def __init__(self, bundle: Bundle, *, model: FacetModel | None = None) -> None:
        self.bundle = bundle
        self._given = model

    @cached_property
    def schema(self) -> Schema:
        """The schema of the network, which does not know classes that were learnt afterwards."""
        bundle = self.bundle
        return before_learning(bundle.schema, bundle.learnt) if bundle.learnt else bundle.schema

    @cached_property
    def _voters(self) -> Neighbours | None:
        """The training rows, as the network's schema labels them."""
        bundle, neighbours = self.bundle, self.bundle.neighbours
        if neighbours is None or not bundle.learnt:
            return neighbours
        kept = neighbours.first(len(neighbours) - bundle.learnt_rows)
        old, new = self.schema.layout(), bundle.schema.layout()
        columns = np.concatenate(
            [np.arange(a.score_start, a.score_start + b.score_stop - b.score_start)
             for a, b in zip(new.blocks, old.blocks, strict=True)]
        )  # fmt: skip
        labels = kept.labels
        members = (
            labels.members[:, columns] if any(labels.members.strides) else Labels.no_members(len(kept), old.num_scores)
        )
        return replace(kept, labels=replace(labels, members=members), weight=kept.weight[columns])

    @cached_property
    def model(self) -> FacetModel:
        """The model with the bundle's parameters."""
        if self._given is not None:
            return self._given
        given, schema = self.bundle.model, self.schema
        added = given.get("added", ())
        model = self._built(without(schema, [one["attribute"] for one in added]), given)
        if added:
            schemas = [alone(schema, one["attribute"]) for one in added]
            parts = [self._joining(own, one, model) for own, one in zip(schemas, added, strict=True)]
            join_models(schema, model, dict(zip([one["attribute"] for one in added], parts, strict=True)))
        model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in self.bundle.tensors.items()})
        return model.eval()

    def _joining(self, schema: Schema, given: Mapping[str, Any], before: FacetModel) -> FacetModel:
        """The model of an attribute that was added later; bundles of before say nothing about `beside`."""
        if not given.get("beside", False):
            return self._built(schema, given)
        width = before.trunk.width
        part = self._built(schema, given, more=(width,))
        part.beside = Beside(width=width)
        return part

    def _built(self, schema: Schema, given: Mapping[str, Any], *, more: tuple[int, ...] = ()) -> FacetModel:
        """A model as the bundle describes it, its parameters not yet set; `more` are widths of further levels."""
        return build_model(
            schema,
            levels=(*self.bundle.standardizer.levels, *more),
            adapters=[(one["name"], one["options"]) for one in given.get("adapters", ())],
            trunk=given["trunk"]["name"],
            trunk_options=given["trunk"]["options"],
            head=given["head"]["name"],
            head_options=given["head"]["options"],
            depth=given["depth"],
            even_reach=given.get("even_reach", False),  # bundles of before say nothing about it
            views=given.get("views") == "attention",
        )

    def read(self, features: np.ndarray | StoredRows, *, represent: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Raw features (item, width) or (item, view, width) to logits and representation; see `read_features`."""
        return read_features(self.model, features, standardizer=self.bundle.standardizer, represent=represent)

    def describe(self, features: np.ndarray | StoredRows) -> np.ndarray:
        """Raw features (item, width) or (item, view, width) to the representation that `read` gives beside logits."""
        model = self.model.eval()
        with torch.inference_mode():
            told = [_as_kept(model.describe(block)) for block in _blocks(model, features, self.bundle.standardizer)]
        return np.concatenate(told) if told else np.zeros((0, 0), np.float32)

    def _known_category(self, given: Labels | None) -> np.ndarray | None:
        """(item,) the category's class where it is known, else -1; None where the network is not to be told."""
        category = self.schema.category_attribute
        if given is None or category is None or not self.model.reads_category:
            return None
        place = self.schema.index[category.column]
        index = given.index[:, place]
        # A class that was learnt afterwards is one that the network does not know.
        known = (given.state[:, place] == VALUE) & (index < len(category.classes))
        return np.where(known, index, -1) if known.any() else None

    def scores(
        self, features: np.ndarray | StoredRows, *, given: Labels | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Raw features, and what is known already, to scores (item, class) and P(applies).

        What is known conditions the scores. A category that is known goes into the network too, where it reads one.
        """
        bundle, neighbours = self.bundle, self._voters
        category, represent = self._known_category(given), neighbours is not None or bool(bundle.learnt)
        logits, representation = read_features(
            self.model, features, standardizer=bundle.standardizer, represent=represent,
            category=None if represent else category,
        )  # fmt: skip
        if represent and category is not None:
            # Neighbours are compared as the network describes pictures alone: so they were kept, and so measured.
            logits, _ = read_features(
                self.model, features, standardizer=bundle.standardizer, represent=False, category=category
            )
        votes = shares = None
        if neighbours is not None and neighbours.shares and len(logits):
            shares = neighbours.shares
            votes = neighbours.votes(self.schema, bundle.scales, representation, only=shares)
        if not bundle.learnt:
            return scores_from_logits(self.schema, bundle.scales, logits, given=given, votes=votes, shares=shares)
        # What is known may be a learnt class, which the network cannot be told; it is held in the end.
        scores, applies = scores_from_logits(self.schema, bundle.scales, logits, votes=votes, shares=shares)
        whole = bundle.neighbours
        if whole is not None and len(logits):
            told = whole.votes(bundle.schema, bundle.scales, representation, only=bundle.learnt)
            scores = with_learnt(self.schema, bundle.schema, scores, told, bundle.learnt)
        if given is not None:
            scores, applies = hold_values(bundle.schema, scores, given), hold_applicability(applies, given)
        return scores.astype(np.float32), applies.astype(np.float32)

    def __call__(self, features: np.ndarray | StoredRows, *, given: Labels | None = None) -> Decisions:
        """Raw features, and what is known already, to decisions."""
        return self.decide(*self.scores(features, given=given), given=given)

    def decide(self, scores: np.ndarray, applies: np.ndarray, *, given: Labels | None = None) -> Decisions:
        """What `scores` gave, and what is known already, to decisions."""
        bundle = self.bundle
        return decide(bundle.schema, scores, applies, thresholds=bundle.thresholds, policy=bundle.policy, given=given)

    def rules(self, decisions: Decisions, *, given: Labels | None = None) -> list[RuleCount]:
        """What rules between attributes did to decisions of this predictor."""
        bundle = self.bundle
        return count_rules(bundle.schema, decisions, thresholds=bundle.thresholds, policy=bundle.policy, given=given)

    def contradicted(self, features: np.ndarray, known: Labels) -> np.ndarray:
        """(item, attribute) bool: known cells that the picture speaks against, as the model sees it without them."""
        bundle = self.bundle
        chances, applies = calibrate(bundle.schema, bundle.policy.calibration, *self.scores(features))
        return contradictions(bundle.schema, chances, applies, known)
