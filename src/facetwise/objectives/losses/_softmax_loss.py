"""What losses on categorical attributes share: probabilities of all classes, through the hierarchy."""

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._segmented import segment_log_softmax, segment_logsumexp
from facetwise.objectives._targets import Targets
from facetwise.objectives.losses._loss import Loss
from facetwise.schema import Coding, Kind, Schema

__all__ = ["SoftmaxLoss", "Truth"]

# Log of a probability that is none: finite, so that nothing becomes NaN, and nothing beside it counts.
NOTHING = -1e30


class Truth(NamedTuple):
    """The class of each cell of a loss's attributes.

    Args:
        labelled: Whether the cell has a value.
        column: Column of its class among the classes of all places; of the first class where there is no value.
        weight: Class weight of the cell.
    """

    labelled: Bool[Tensor, "batch place"]
    column: Int[Tensor, "batch place"]
    weight: Float[Tensor, "batch place"]


class SoftmaxLoss(Loss, ABC):
    """A loss on the probabilities p = softmax of an attribute's own logits.

    Where the attribute has a child, p_y is the sum of the probabilities of the child's classes that belong to y (and
    of the parent's own leaf where the layout has one), so that a row whose parent is known and whose child is not
    still teaches.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.CATEGORICAL})

    columns: Tensor
    place_index: Tensor
    place_leaf: Tensor
    segment: Tensor
    member_leaf: Tensor
    member_class: Tensor
    class_segment: Tensor
    class_base: Tensor
    class_score: Tensor
    score_base: Tensor
    rest_leaf: Tensor
    rest_segment: Tensor

    def __init__(self, *, schema: Schema, places: Sequence[int]) -> None:
        super().__init__(schema=schema, places=places)
        self.schema = schema
        blocks = schema.layout().blocks
        bottoms = [place for place, block in enumerate(blocks) if block.coding is Coding.SOFTMAX]
        wanted = {leaf for place in places for leaves in blocks[place].leaves for leaf in leaves}
        bottoms = [place for place in bottoms if wanted & set(range(blocks[place].start, blocks[place].stop))]
        spans = {place: range(blocks[place].start, blocks[place].stop) for place in bottoms}
        columns = [column for place in bottoms for column in spans[place]]
        segment = [n for n, place in enumerate(bottoms) for _ in spans[place]]
        where = {column: n for n, column in enumerate(columns)}
        members = [
            (where[leaf], (place, n))
            for place in places
            for n, group in enumerate(blocks[place].leaves)
            for leaf in group
        ]
        classes = [(place, n) for place in places for n in range(len(blocks[place].leaves))]
        number = {key: n for n, key in enumerate(classes)}
        # Leaves that share a softmax with a place and belong to none of its classes (lone leaves of its ancestors).
        rest: list[tuple[int, int]] = []
        for n, place in enumerate(places):
            own = {leaf for group in blocks[place].leaves for leaf in group}
            rest += [(where[leaf], n) for span in spans.values() if own & set(span) for leaf in span if leaf not in own]
        self.segments, self.classes = len(bottoms), len(classes)
        # Without a hierarchy every class is its own leaf, in order: then the sums below are skipped.
        self.plain = [leaf for leaf, _ in members] == list(range(len(columns))) and len(classes) == len(columns)
        constants = {
            "columns": columns,
            "segment": segment,
            "member_leaf": [leaf for leaf, _ in members],
            "member_class": [number[key] for _, key in members],
            "class_segment": [places.index(place) for place, _ in classes],
            "class_base": [number[(place, 0)] for place in places],
            "class_score": [blocks[place].score_start + n for place, n in classes],
            "score_base": [blocks[place].score_start for place in places],
            "place_index": list(places),
            "place_leaf": [where[next(leaf for group in blocks[place].leaves for leaf in group)] for place in places],
            "rest_leaf": [leaf for leaf, _ in rest],
            "rest_segment": [n for _, n in rest],
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.long), persistent=False)

    def truth(self, targets: Targets, weights: ClassWeights) -> Truth:
        """The class of every cell."""
        index = targets.index.index_select(1, self.place_index)
        known = index.clamp_min(0)
        return Truth(index >= 0, known + self.class_base, weights.score[known + self.score_base])

    def leaf_logits(self, logits: Float[Tensor, "batch logit"]) -> Float[Tensor, "batch leaf"]:
        """The logits that the places' probabilities are made of."""
        return logits.index_select(1, self.columns)

    def log_probabilities(self, leaf_logits: Float[Tensor, "batch leaf"]) -> Float[Tensor, "batch class"]:
        """log p over the classes of all places, in order."""
        leaves = segment_log_softmax(leaf_logits, self.segment, self.segments)
        if self.plain:
            return leaves
        return segment_logsumexp(leaves.index_select(1, self.member_leaf), self.member_class, self.classes)

    def log_odds(
        self, leaf_logits: Float[Tensor, "batch leaf"], column: Int[Tensor, "batch place"]
    ) -> Float[Tensor, "batch place"]:
        """log p_y / (1 - p_y), exact also where p_y rounds to 1; huge where a place has nothing but y."""
        leaves = segment_log_softmax(leaf_logits, self.segment, self.segments)
        own = leaves if self.plain else segment_logsumexp(
            leaves.index_select(1, self.member_leaf), self.member_class, self.classes
        )  # fmt: skip
        others = own.scatter(1, column, NOTHING)
        segment = self.class_segment
        if len(self.rest_leaf):
            others = torch.cat([others, leaves.index_select(1, self.rest_leaf)], dim=1)
            segment = torch.cat([segment, self.rest_segment])
        return own.gather(1, column) - segment_logsumexp(others, segment, len(self.places))
