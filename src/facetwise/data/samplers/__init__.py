"""Samplers: coded labels to the rows of an epoch, without torch. One island per file; this table lists them."""

from facetwise.data.samplers._category_proportional import CategoryProportionalSampler
from facetwise.data.samplers._category_pure import CategoryPureSampler
from facetwise.data.samplers._class_aware import ClassAwareSampler
from facetwise.data.samplers._effective_number import EffectiveNumberSampler
from facetwise.data.samplers._sampler import Sampler
from facetwise.data.samplers._uniform import UniformSampler

SAMPLERS: dict[str, type[Sampler]] = {
    "uniform": UniformSampler,
    "class_aware": ClassAwareSampler,
    "effective_number": EffectiveNumberSampler,
    "category_pure": CategoryPureSampler,
    "category_proportional": CategoryProportionalSampler,
}

__all__ = [
    "SAMPLERS",
    "CategoryProportionalSampler",
    "CategoryPureSampler",
    "ClassAwareSampler",
    "EffectiveNumberSampler",
    "Sampler",
    "UniformSampler",
]
