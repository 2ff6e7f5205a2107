"""A bundle that knows one class more, from a handful of pictures, without training."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from facetwise.decisions import add_class, add_neighbours
from facetwise.errors import UserError, nearest
from facetwise.inference._predictor import Predictor

__all__ = ["learn_class"]


def learn_class(
    predictor: Predictor, column: str, name: str, features: np.ndarray, images: Sequence[str], *, parent: str | None
) -> Predictor:
    """The predictor, with pictures of a class as neighbours; see `facetwise.decisions.with_learnt`.

    Args:
        predictor: Of a bundle that has neighbours.
        column: A categorical attribute without a finer one.
        name: A new class, or one that was learnt in this way and gets more pictures.
        features: (picture, width) as for the predictor.
        images: Their names.
        parent: The class of the coarser attribute that it belongs to, where there is one.

    Raises:
        UserError: No neighbours, no such attribute, a class that the network itself knows, or a parent that is none.
    """
    bundle = predictor.bundle
    schema, neighbours = bundle.schema, bundle.neighbours
    if neighbours is None:
        raise UserError("a class is learnt through the run's neighbours. Found none. Fix: train with neighbours=true")
    if column not in schema.index:
        raise UserError(f"{column!r} is no attribute of the run. Fix: {nearest(column, schema.index)}")
    attribute = schema.attribute(column)
    known = attribute.classes[: len(attribute.classes) - bundle.learnt.get(attribute.id, 0)]
    if name in known:
        raise UserError(f"{name!r} is a class of {column!r} already. Fix: more pictures of it need a training")
    grown, learnt = schema, dict(bundle.learnt)
    if name not in attribute.classes:
        try:
            grown = add_class(schema, column, name, parent=parent)
        except ValueError as error:
            raise UserError(f"{error}. Fix: choose another attribute, or name the parent's class") from error
        learnt[attribute.id] = learnt.get(attribute.id, 0) + 1
    vectors = predictor.describe(features)
    more = add_neighbours(schema, grown, neighbours, column, name, vectors, list(images))
    told = replace(bundle, schema=grown, neighbours=more, learnt=learnt, learnt_rows=bundle.learnt_rows + len(vectors))
    return Predictor(told, model=predictor.model)
