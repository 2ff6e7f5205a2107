"""What gates, experts and attention of a trained model do, with the names of what they do it to."""

from typing import Any

import numpy as np

from facetwise.models import FacetModel, attribute_groups
from facetwise.training._part import Part
from facetwise.training._prepare import Prepared

__all__ = ["diagnose"]

# Validation rows that gates and attention are averaged over: enough for two digits, and a fixed cost.
MOST_DIAGNOSED = 4096


def diagnose(prepared: Prepared, model: FacetModel, val: Part) -> dict[str, Any]:
    """`diagnostics.json`: every fact, what it is about ("facts"), and names of what its dimensions count ("names").

    An axis without names counts from 0. Names are written, and not places alone, because the file outlives the order of
    attributes: a run that gets another attribute keeps it.

    Args:
        prepared: The table.
        model: The trained model.
        val: Validation rows.
    """
    seen = model.diagnostics(val.numbers(MOST_DIAGNOSED))
    told: dict[str, Any] = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in seen.items()}
    facts = {name: fact for name, fact in model.facts.items() if name in told}
    if not facts:
        return told
    schema, category = prepared.schema, prepared.schema.category_attribute
    names = {
        "attribute": [schema.attributes[place].column for place in model.places.tolist()],
        "category": [] if category is None else list(category.classes),
        "level": [level.name for level in prepared.levels],
    }
    if model.head.groups is not None:
        names["group"] = list(attribute_groups(schema).names)
    used = {axis for fact in facts.values() for axis in fact.axes}
    return {
        **told,
        "facts": {name: {"about": fact.about, "axes": list(fact.axes)} for name, fact in facts.items()},
        "names": {axis: known for axis, known in names.items() if axis in used and known},
    }
