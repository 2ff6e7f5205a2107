"""A model from the tables: adapters, one trunk, one head, depth."""

import inspect
from collections.abc import Mapping, Sequence

from facetwise.errors import Complaint, ConfigError, nearest
from facetwise.models._attribute_groups import attribute_groups
from facetwise.models._depth import Depth
from facetwise.models._fit import about_options, fitting
from facetwise.models._initial import initialise
from facetwise.models._model import FacetModel
from facetwise.models._views import ViewAttention
from facetwise.models.adapters import ADAPTERS, Adapter
from facetwise.models.heads import HEADS
from facetwise.models.trunks import TRUNKS
from facetwise.schema import Schema

__all__ = ["build_model", "ways_to_promise"]


_TABLES: dict[str, Mapping[str, type]] = {"adapters": ADAPTERS, "trunk": TRUNKS, "head": HEADS}


def _check(chosen: Sequence[tuple[str, str, Mapping[str, object]]]) -> None:
    """Refuse names that are in no table and options that are none, all at once."""
    complaints: list[Complaint] = []
    for stage, name, options in chosen:
        table = _TABLES[stage]
        if name in table:
            complaints += about_options(f"adapters.{name}" if table is ADAPTERS else stage, table[name], options)
        else:
            place, rule, fix = f"config: {stage}", "the name is in the table", nearest(name, table)
            complaints.append(Complaint(place=place, rule=rule, found=repr(name), fix=fix))
    if complaints:
        raise ConfigError(complaints)


def ways_to_promise() -> dict[str, str]:
    """Per promise that a head can keep of its logits, what to write so that the model keeps it.

    >>> ways_to_promise()["cosine"]
    'write head: cosine and depth: false'
    """
    keepers: dict[str, list[str]] = {}
    for name, line in HEADS.items():
        for promise in line.provides:
            keepers.setdefault(promise, []).append(name)
    return {promise: f"write head: {' or '.join(names)} and depth: false" for promise, names in keepers.items()}


def build_model(
    schema: Schema,
    *,
    levels: Sequence[int],
    adapters: Sequence[tuple[str, Mapping[str, object]]] = (),
    trunk: str = "shared",
    trunk_options: Mapping[str, object] | None = None,
    head: str = "linear",
    head_options: Mapping[str, object] | None = None,
    depth: bool = True,
    even_reach: bool = True,
    input_dropout: float = 0.2,
    views: bool = False,
    seed: int = 0,
) -> FacetModel:
    """Compose a model from the tables; parameters depend on the seed and on names only.

    Args:
        schema: The vocabulary.
        levels: Width of each level of the features.
        adapters: Lines of `ADAPTERS` with their options, in order.
        trunk, trunk_options: Line of `TRUNKS` and its options.
        head, head_options: Line of `HEADS` and its options.
        depth: Whether the levels speak to the logits directly; needs more than one level to mean anything.
        even_reach: Of `depth`: whether a narrow level moves a logit as far in a step as a wide one; of all new models.
        input_dropout: Probability of zeroing a feature.
        views: Whether each attribute learns which of an item's pictures to look at.
        seed: Seed of the initial parameters.

    Raises:
        ConfigError: A name is in no table, an option has no legal value, or a stage does not read what the one before
            it gives.
    """
    trunk_options, head_options = trunk_options or {}, head_options or {}
    stages = [("adapters", name, options) for name, options in adapters]
    _check([*stages, ("trunk", trunk, trunk_options), ("head", head, head_options)])
    layout = schema.layout()
    category = schema.category_attribute
    # Attributes that have logits; a parent whose probabilities are sums has none, and needs no tower.
    present = layout.present
    given: dict[str, object] = {
        "attributes": [schema.attributes[place].id for place in present],
        "categories": list(category.classes) if category is not None else [],
        "seed": seed,
    }

    # Adapters, one after the other.
    chain: list[Adapter] = []
    parts, before = tuple(levels), "the features"
    for number, (name, options) in enumerate(adapters):
        adapter = fitting(ADAPTERS[name], {**given, "levels": parts}, options)
        initialise(adapter, seed, f"adapters.{number}")
        chain.append(adapter)
        parts, before = adapter.levels, f"adapter {name!r}"

    # The trunk, and the head that reads it.
    inputs = {**given, "features": sum(parts), "levels": parts, "before": before}
    body = fitting(TRUNKS[trunk], inputs, trunk_options)
    initialise(body, seed, "trunk")
    chosen = HEADS[head]
    if body.output not in chosen.accepts:
        legal = ", ".join(name for name, line in TRUNKS.items() if line.output in chosen.accepts)
        heads = ", ".join(name for name, line in HEADS.items() if body.output in line.accepts)
        raise ConfigError(
            [
                Complaint(
                    place=f"trunk {trunk!r} with head {head!r}",
                    rule=f"the head reads {' or '.join(repr(shape) for shape in chosen.accepts)}",
                    found=f"a trunk that gives {body.output!r}",
                    fix=f"choose another trunk ({legal}) or another head ({heads})",
                )
            ]
        )
    owner = [present.index(place) for place in layout.owner]
    reads = {
        **given,
        "names": layout.names,
        "owner": owner,
        "width": body.width,
    }
    if "groups" in inspect.signature(chosen).parameters:
        reads["groups"] = attribute_groups(schema).numbers
    top = fitting(chosen, reads, head_options)
    by_level = None
    if depth and len(levels) > 1:
        by_level = Depth(owner=layout.owner, attributes=len(layout.blocks), levels=levels, even_reach=even_reach)
    return FacetModel(
        trunk=body,
        head=top,
        depth=by_level,
        num_logits=layout.num_logits,
        input_dropout=input_dropout,
        adapters=chain,
        places=present,
        attributes=len(layout.blocks),
        views=ViewAttention(owner=owner, queries=len(present), width=body.width) if views else None,
    )
