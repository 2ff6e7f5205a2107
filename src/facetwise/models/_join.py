"""Several models of the same features as one: attributes that were added later, each with a model of its own."""

from collections.abc import Mapping

from facetwise.models._model import FacetModel
from facetwise.schema import Schema, alone, without

__all__ = ["join_models"]


def join_models(schema: Schema, model: FacetModel, added: Mapping[str, FacetModel]) -> None:
    """Make a model answer for attributes that were added later, too.

    Args:
        schema: The whole vocabulary.
        model: Built for the schema without the added attributes; changed in place.
        added: By id, models that were built for the attribute alone.
    """
    names = [*without(schema, added).layout().names]
    for identity in added:
        names += alone(schema, identity).layout().names
    where = {name: place for place, name in enumerate(names)}
    model.grow(list(added.values()), [where[name] for name in schema.layout().names])
