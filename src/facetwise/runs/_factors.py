"""L and S of a run whose weights are a product, and who shares what."""

from dataclasses import dataclass

import numpy as np

from facetwise.errors import RunError
from facetwise.models import attribute_groups
from facetwise.models.factorisation import Sharing, read_sharing
from facetwise.schema import Schema
from facetwise.training import FinishedRun

__all__ = ["Factors", "factors_of"]


@dataclass(frozen=True, kw_only=True)
class Factors:
    """W = L S and b: logits are x W + b, x the standardised features behind the adapters.

    In the bundle they are the tensors `trunk.latent.weight` (Lᵀ), `head.weight` (Sᵀ) and `head.bias`.

    Args:
        latent: L (feature, latent).
        combination: S (latent, logit).
        intercepts: b (logit).
        logits: What each column of S is: an attribute with one logit by its name, others by name and class.
        sharing: Which of them use which latent tasks, by the groups that the head knows; where it knows none, every
            attribute is a group.
    """

    latent: np.ndarray
    combination: np.ndarray
    intercepts: np.ndarray
    logits: tuple[str, ...]
    sharing: Sharing


def factors_of(run: FinishedRun) -> Factors:
    """W = L S of a run whose model is two matrices (recipe `cnn-mtl`), and which attributes share which latent tasks.

    Args:
        run: A finished run; the factors are those of its best checkpoint.

    Raises:
        RunError: Trunk and head are not two matrices, or attributes were added with models of their own.
    """
    predictor = run.predictor()
    model, schema = predictor.model, predictor.schema
    basis, matrix = model.trunk.basis, model.head.matrix
    if basis is None or matrix is None:
        chosen = f"trunk {run.config.trunk.name!r} with head {run.config.head.name!r}"
        rule, fix = "factors are those of a model that is two matrices, L and S", "train with --recipe cnn-mtl"
        raise RunError(f"{rule}. Found {chosen}. Fix: {fix}")
    if len(model.added):
        raise RunError(
            "factors are those of one model. Found a run to which attributes were added. "
            "Fix: ask the run that it grew from"
        )
    names, owner = _logits(schema), np.array(schema.layout().owner)
    if model.head.groups is None:
        groups = np.unique(owner, return_inverse=True)[1]
        group_names = tuple(schema.attributes[place].column for place in np.unique(owner))
    else:
        groups, group_names = model.head.groups.cpu().numpy(), attribute_groups(schema).names
    latent, combination = basis.detach().cpu().numpy(), matrix.detach().cpu().numpy().T
    return Factors(
        latent=latent, combination=combination, intercepts=run.bundle.tensors["head.bias"], logits=names,
        sharing=read_sharing(latent, combination, groups, attributes=names, group_names=group_names),
    )  # fmt: skip


def _logits(schema: Schema) -> tuple[str, ...]:
    layout = schema.layout()
    told = []
    for name, place in zip(layout.names, layout.owner, strict=True):
        attribute = schema.attributes[place]
        own = name.removeprefix(f"{attribute.id}/").removeprefix(f"{attribute.id}/")
        told.append(attribute.column if layout.owner.count(place) == 1 else f"{attribute.column}: {own}")
    return tuple(told)
