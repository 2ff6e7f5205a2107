"""Losses of single attributes against the table, before anything long begins."""

from facetwise.config import Config
from facetwise.data import Inference
from facetwise.errors import ConfigError
from facetwise.objectives import about_losses_of
from facetwise.schema import Schema

__all__ = ["check_losses_of"]


def check_losses_of(structure: Inference | Schema, config: Config) -> None:
    """Refuse losses of columns that are no attributes, and losses that do not score an attribute's kind.

    Args:
        structure: How the table is read; which classes its attributes have need not be known yet.
        config: The configuration.

    Raises:
        ConfigError: All of them, with the nearest names.
    """
    if isinstance(structure, Schema):
        kinds = {attribute.column: attribute.kind for attribute in structure.attributes}
    else:
        kinds = {reading.column: reading.kind for reading in structure.readings if reading.kind is not None}
    if config.attributes is not None:
        kinds = {column: kind for column, kind in kinds.items() if column in config.attributes}
    kinds = {column: kind for column, kind in kinds.items() if column not in config.exclude}
    chosen = {column: (one.name, one.options) for column, one in config.losses_of.items()}
    if complaints := about_losses_of(kinds, chosen):
        raise ConfigError(complaints)
