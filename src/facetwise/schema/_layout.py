"""Where every attribute lives in the packed logits and in the packed scores.

The model computes all logits of all attributes as one matrix of shape (batch, logit); the decoder turns them into one
matrix of scores of shape (batch, class). Every room takes the places from here and none computes its own.

Logits, attribute by attribute in the schema's order:

* softmax (categorical): one per class, then one per `alone` class of each ancestor (a parent's class seen without a
  child: mass that belongs to the parent and to none of the children);
* sigmoid (binary): one; (multilabel): one per class;
* corn (ordinal with K classes): K - 1, logit k reads P(y > k | y >= k) [Shi, Cao, Raschka 2021];
* gauss (numeric): two, mean and log deviation of the standardised number;
* sum (categorical with a child): none, its probabilities are sums over its child's;
* then one per attribute that needs an applicability sigmoid of its own.

Scores, attribute by attribute: one per class in the schema's order (binary: negative, positive; numeric: mean and
deviation).
"""

from dataclasses import dataclass
from enum import StrEnum

from facetwise.schema._attribute import Attribute, Kind

__all__ = ["Block", "Coding", "Layout", "build_layout"]


class Coding(StrEnum):
    """How an attribute's logits are read."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    CORN = "corn"
    GAUSS = "gauss"
    SUM = "sum"


_CODING = {
    Kind.CATEGORICAL: Coding.SOFTMAX,
    Kind.BINARY: Coding.SIGMOID,
    Kind.MULTILABEL: Coding.SIGMOID,
    Kind.ORDINAL: Coding.CORN,
    Kind.NUMERIC: Coding.GAUSS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One attribute's place.

    Args:
        coding: How to read it.
        start, stop: Its columns in the logits (`start == stop` for sums).
        score_start, score_stop: Its columns in the scores.
        leaves: For softmax and sum blocks, per class the logit columns whose probabilities add up to the class.
        one_each: Whether the leaf of each class is the logit of its own, so that nothing has to be added up.
        names: A stable name per logit column, from which its parameters are initialised.
        applicability: Column of its own applicability logit, or None.
    """

    coding: Coding
    start: int
    stop: int
    score_start: int
    score_stop: int
    leaves: tuple[tuple[int, ...], ...]
    one_each: bool
    names: tuple[str, ...]
    applicability: int | None

    @property
    def logits(self) -> slice:
        """Its columns in the packed logits."""
        return slice(self.start, self.stop)

    @property
    def scores(self) -> slice:
        """Its columns in the packed scores."""
        return slice(self.score_start, self.score_stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Places of all attributes.

    Args:
        blocks: One per attribute, in the schema's order.
        num_logits, num_scores: Widths of the packed matrices.
        owner: Per logit column the attribute that it belongs to (applicability logits too).
        names: Per logit column a stable name: attribute id and class.
    """

    blocks: tuple[Block, ...]
    num_logits: int
    num_scores: int
    owner: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def present(self) -> tuple[int, ...]:
        """The attributes that have logits, in order: the rows of a representation that has one per attribute."""
        return tuple(sorted(set(self.owner)))


def _ancestors(attribute: Attribute, by_column: dict[str, Attribute]) -> list[Attribute]:
    chain: list[Attribute] = []
    while attribute.parent is not None:
        attribute = by_column[attribute.parent.column]
        chain.append(attribute)
    return chain


def _leaf_names(attribute: Attribute, by_column: dict[str, Attribute]) -> list[tuple[str, str]]:
    """(attribute id, class) of each leaf of a softmax block: its classes, then lone classes of its ancestors."""
    leaves = [(attribute.id, name) for name in attribute.classes]
    below = attribute
    for ancestor in _ancestors(attribute, by_column):
        assert below.parent is not None
        leaves.extend((ancestor.id, name) for name in below.parent.alone)
        below = ancestor
    return leaves


def _up(
    leaf: tuple[str, str], target: Attribute, by_id: dict[str, Attribute], by_column: dict[str, Attribute]
) -> str | None:
    """The class of `target` that a leaf belongs to, or None where the leaf lies above the target."""
    attribute, name = by_id[leaf[0]], leaf[1]
    while attribute.id != target.id:
        if attribute.parent is None:
            return None
        name = attribute.parent.of[name]
        attribute = by_column[attribute.parent.column]
    return name


def build_layout(attributes: tuple[Attribute, ...], category: str | None) -> Layout:
    """Lay the attributes out one after the other.

    >>> colour = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("red", "blue"))
    >>> price = Attribute(column="price", id="a01", kind=Kind.NUMERIC)
    >>> layout = build_layout((colour, price), None)
    >>> [(block.coding.value, block.start, block.stop) for block in layout.blocks]
    [('softmax', 0, 2), ('gauss', 2, 4)]
    """
    by_column = {a.column: a for a in attributes}
    by_id = {a.id: a for a in attributes}
    child_of = {a.parent.column: a for a in attributes if a.parent is not None}

    # First pass: the attributes' own logits.
    names: list[str] = []
    owner: list[int] = []
    spans: list[tuple[int, int]] = []
    leaves_of: dict[str, list[tuple[str, str]]] = {}
    for place, attribute in enumerate(attributes):
        start = len(names)
        if attribute.kind is Kind.CATEGORICAL and attribute.column not in child_of:
            leaves_of[attribute.id] = _leaf_names(attribute, by_column)
            names += [f"{attribute.id}/{of}/{name}" for of, name in leaves_of[attribute.id]]
        elif attribute.kind is Kind.BINARY:
            names.append(f"{attribute.id}/{attribute.classes[1]}")
        elif attribute.kind is Kind.MULTILABEL:
            names += [f"{attribute.id}/{name}" for name in attribute.classes]
        elif attribute.kind is Kind.ORDINAL:
            names += [f"{attribute.id}/>{name}" for name in attribute.classes[:-1]]
        elif attribute.kind is Kind.NUMERIC:
            names += [f"{attribute.id}/mean", f"{attribute.id}/log_deviation"]
        owner += [place] * (len(names) - start)
        spans.append((start, len(names)))

    # Second pass: applicability logits, for attributes that need one of their own.
    own: list[int | None] = []
    for place, attribute in enumerate(attributes):
        needs = attribute.own_applicability or bool(attribute.undecided)
        own.append(len(names) if needs and attribute.column != category else None)
        if own[-1] is not None:
            names.append(f"{attribute.id}/applies")
            owner.append(place)

    # Third pass: scores, and which leaves add up to which class.
    blocks: list[Block] = []
    score = 0
    for place, attribute in enumerate(attributes):
        coding, leaves = _CODING[attribute.kind], ()
        if attribute.kind is Kind.CATEGORICAL:
            bottom = attribute
            while bottom.column in child_of:
                bottom = child_of[bottom.column]
            coding = Coding.SOFTMAX if bottom is attribute else Coding.SUM
            base = spans[attributes.index(bottom)][0]
            columns: dict[str, list[int]] = {name: [] for name in attribute.classes}
            for column, leaf in enumerate(leaves_of[bottom.id]):
                name = _up(leaf, attribute, by_id, by_column)
                if name is not None:
                    columns[name].append(base + column)
            leaves = tuple(tuple(columns[name]) for name in attribute.classes)
        width = 2 if attribute.kind in (Kind.BINARY, Kind.NUMERIC) else len(attribute.classes)
        start, stop = spans[place]
        blocks.append(
            Block(
                coding=coding,
                start=start,
                stop=stop,
                score_start=score,
                score_stop=score + width,
                leaves=leaves,
                one_each=bool(leaves) and leaves == tuple((start + k,) for k in range(len(leaves))),
                names=tuple(names[start:stop]),
                applicability=own[place],
            )
        )
        score += width
    return Layout(blocks=tuple(blocks), num_logits=len(names), num_scores=score, owner=tuple(owner), names=tuple(names))
