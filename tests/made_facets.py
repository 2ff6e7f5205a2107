"""A made vocabulary with every kind, a hierarchy of three levels, applicability, and labels with every state."""

import zlib
from dataclasses import replace

import numpy as np
import torch

from facetwise.data import fit_scales
from facetwise.objectives import ClassWeights, Objective, Targets, make_targets
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Parent, Schema, Transform

LOSSES_BY_KIND = {
    Kind.CATEGORICAL: ("cross_entropy", {}),
    Kind.BINARY: ("binary_cross_entropy", {}),
    Kind.MULTILABEL: ("binary_cross_entropy", {}),
    Kind.ORDINAL: ("corn", {}),
    Kind.NUMERIC: ("robust_gaussian", {}),
}
COARSE = {"shirt": "clothes", "dress": "clothes", "heel": "shoes", "flat": "shoes", "tote": "bags"}
FINE = {"polo": "shirt", "tee": "shirt", "maxi": "dress", "stiletto": "heel", "block": "heel", "shopper": "tote"}


def made_schema() -> Schema:
    """Every kind; three levels with lone classes on two of them; applicability known, undecided and of its own."""
    return Schema(
        images=("image",),
        category="department",
        groups={"looks": ("colour", "season")},
        attributes=(
            Attribute(column="department", id="a00", kind=Kind.CATEGORICAL, classes=("clothes", "shoes", "bags")),
            Attribute(
                column="coarse",
                id="a01",
                kind=Kind.CATEGORICAL,
                classes=tuple(COARSE),
                parent=Parent(column="department", of=COARSE, alone=("bags",)),
            ),
            Attribute(
                column="fine",
                id="a02",
                kind=Kind.CATEGORICAL,
                classes=tuple(FINE),
                parent=Parent(column="coarse", of=FINE, alone=("flat", "dress")),
            ),
            Attribute(column="colour", id="a03", kind=Kind.CATEGORICAL, classes=("red", "blue", "green", "grey")),
            Attribute(column="waterproof", id="a04", kind=Kind.BINARY, classes=("no", "yes")),
            Attribute(column="season", id="a05", kind=Kind.MULTILABEL, classes=("spring", "summer", "winter")),
            Attribute(
                column="heel height",
                id="a06",
                kind=Kind.ORDINAL,
                classes=("flat", "low", "mid", "high"),
                applies_to=("shoes",),
            ),
            Attribute(column="price", id="a07", kind=Kind.NUMERIC, unit="INR", transform=Transform.LOG),
            Attribute(
                column="weight", id="a08", kind=Kind.NUMERIC, unit="g", applies_to=("shoes",), undecided=("bags",)
            ),
            Attribute(column="print", id="a09", kind=Kind.BINARY, classes=("plain", "printed"), own_applicability=True),
            Attribute(column="size", id="a10", kind=Kind.ORDINAL, classes=("S", "M", "L")),
            Attribute(
                column="fabric", id="a11", kind=Kind.MULTILABEL, classes=("wool", "silk"), applies_to=("clothes",)
            ),
            Attribute(column="brand", id="a12", kind=Kind.CATEGORICAL, classes=("x", "y")),
        ),
    )  # fmt: skip


def made_labels(schema: Schema, items: int, *, seed: int = 0, unknown: float = 0.3) -> Labels:
    """Labels that agree with the hierarchy and the applicability, with cells of every state."""
    rng = np.random.default_rng(seed)
    places, layout = schema.index, schema.layout()
    shape = (items, len(schema.attributes))
    state = np.full(shape, VALUE, dtype=np.int8)
    index = np.full(shape, -1, dtype=np.int32)
    number = np.full(shape, np.nan)
    members = np.zeros((items, layout.num_scores), dtype=np.uint8)
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        if attribute.kind is Kind.NUMERIC:
            number[:, place] = rng.lognormal(3.0, 0.5, items)
        elif attribute.kind is Kind.MULTILABEL:
            drawn = rng.random((items, len(attribute.classes))) < 0.4
            members[:, block.scores] = drawn
            state[~drawn.any(axis=1), place] = UNKNOWN
        else:
            index[:, place] = rng.integers(len(attribute.classes), size=items)
    for child in ("fine", "coarse"):  # bottom up, so that the levels agree
        if child not in places:
            continue
        attribute = schema.attribute(child)
        if attribute.parent is None:
            continue
        above = schema.attribute(attribute.parent.column).classes
        of = np.array([above.index(attribute.parent.of[name]) for name in attribute.classes])
        index[:, places[attribute.parent.column]] = of[index[:, places[child]]]
        lone = [above.index(name) for name in attribute.parent.alone]
        rows = np.flatnonzero(rng.random(items) < 0.2)
        if lone and len(rows):
            index[rows, places[attribute.parent.column]] = rng.choice(lone, len(rows))
            state[rows, places[child]] = UNKNOWN
    if (category := schema.category_attribute) is not None:
        own = [category.classes[code] for code in index[:, places[category.column]]]
        for place, attribute in enumerate(schema.attributes):
            lacks = np.array([attribute.applicability(name) is False for name in own])
            undecided = np.array([attribute.applicability(name) is None for name in own]) & (rng.random(items) < 0.5)
            state[lacks | undecided, place] = NOT_APPLICABLE
            if attribute.own_applicability:
                state[rng.random(items) < 0.3, place] = NOT_APPLICABLE
    state[rng.random(shape) < unknown] = UNKNOWN
    return tidy(schema, Labels(state=state, index=index, members=members, number=number))


def tidy(schema: Schema, labels: Labels) -> Labels:
    """Labels as `Labels` promises them: nothing but the state in cells without a value."""
    valued = labels.state == VALUE
    members = labels.members.copy()
    for place, block in enumerate(schema.layout().blocks):
        members[~valued[:, place], block.scores] = 0
    return Labels(
        state=labels.state,
        index=np.where(valued, labels.index, -1).astype(np.int32),
        members=members,
        number=np.where(valued, labels.number, np.nan),
    )


def forget(schema: Schema, labels: Labels, rows: np.ndarray, places: list[int] | None = None) -> Labels:
    """The labels with some cells unknown."""
    state = labels.state.copy()
    state[np.ix_(rows, np.arange(state.shape[1]) if places is None else places)] = UNKNOWN
    return tidy(schema, replace(labels, state=state))


def made_targets(schema: Schema, labels: Labels, dtype: torch.dtype = torch.float64) -> Targets:
    """Targets with numbers standardised by fixed figures, so that no row decides about another."""
    standardised = (np.log(labels.number) - 3.0) / 0.5
    return make_targets(schema, labels, standardised).to(torch.device("cpu"), dtype)


def even_weights(schema: Schema, dtype: torch.dtype = torch.float64) -> ClassWeights:
    """Every class counts the same."""
    layout = schema.layout()
    ones = (torch.ones(width, dtype=dtype) for width in (layout.num_scores, layout.num_logits, layout.num_logits))
    return ClassWeights(*ones)


def made_logits(schema: Schema, items: int, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Logits drawn by name, so that permuting the schema permutes their columns and nothing else."""
    columns = []
    for name in schema.layout().names:
        number = zlib.crc32(f"{seed}/{name}".encode())
        columns.append(torch.randn(items, generator=torch.Generator().manual_seed(number), dtype=torch.float64))
    return torch.stack(columns, dim=1).to(dtype)


def made_features(labels: Labels, schema: Schema, width: int = 12, *, seed: int = 0) -> np.ndarray:
    """Features from which the labels can be learned: a noisy linear picture of the true classes."""
    rng = np.random.default_rng(seed)
    result = rng.normal(0.0, 0.4, (len(labels), width))
    for place, attribute in enumerate(schema.attributes):
        known = np.flatnonzero(labels.state[:, place] == VALUE)
        if attribute.kind is Kind.NUMERIC:
            result[known] += np.outer(np.log(labels.number[known, place]) - 3.0, rng.normal(size=width))
        elif attribute.kind is not Kind.MULTILABEL:
            result[known] += rng.normal(size=(len(attribute.classes), width))[labels.index[known, place]]
    return result.astype(np.float32)


def made_objective(schema: Schema, **options: tuple[str, dict[str, object]]) -> Objective:
    """The objective with the default loss of every kind; keywords replace one by kind."""
    chosen = {Kind(kind): loss for kind, loss in options.items()}
    return Objective(schema=schema, losses={**LOSSES_BY_KIND, **chosen})


def made_scales(schema: Schema, labels: Labels) -> dict:
    """How the numbers are standardised."""
    return fit_scales(schema, labels)


def shuffled(schema: Schema, rng: np.random.Generator) -> Schema:
    """The same vocabulary in another order: columns, classes without an order, lone classes, categories."""

    def mixed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names[n] for n in rng.permutation(len(names)))

    attributes = []
    for attribute in (schema.attributes[n] for n in rng.permutation(len(schema.attributes))):
        free = attribute.kind in (Kind.CATEGORICAL, Kind.MULTILABEL)
        parent = attribute.parent
        if parent is not None:
            of = {name: parent.of[name] for name in mixed(tuple(parent.of))}
            parent = replace(parent, of=of, alone=mixed(parent.alone))
        attributes.append(
            replace(
                attribute,
                classes=mixed(attribute.classes) if free else attribute.classes,
                applies_to=None if attribute.applies_to is None else mixed(attribute.applies_to),
                parent=parent,
            )
        )
    return replace(schema, attributes=tuple(attributes))


def recoded(source: Schema, target: Schema, labels: Labels) -> Labels:
    """Labels of one schema in the order of another one with the same names."""
    columns = [source.index[a.column] for a in target.attributes]
    index = labels.index[:, columns].copy()
    members = np.zeros_like(labels.members)
    for place, (attribute, block) in enumerate(zip(target.attributes, target.layout().blocks, strict=True)):
        old = source.layout().blocks[columns[place]]
        names = source.attributes[columns[place]].classes
        if attribute.kind is Kind.MULTILABEL:
            members[:, block.scores] = labels.members[:, old.scores][:, [names.index(c) for c in attribute.classes]]
        elif attribute.classes:
            to = np.array([*(attribute.classes.index(name) for name in names), -1])
            index[:, place] = to[index[:, place]]
    return Labels(state=labels.state[:, columns], index=index, members=members, number=labels.number[:, columns])
