"""The configuration tree; no torch, so that a mistake is answered at once."""

from facetwise.config._json_schema import config_json_schema
from facetwise.config._load import Resolved, config_to_yaml, load_config, resolve_config
from facetwise.config._mapping import read_mapping
from facetwise.config._options import OptionType, option_tables
from facetwise.config._presets import PRESETS
from facetwise.config._recipes import RECIPE_FACTS, Recipe, read_recipe, recipe_names
from facetwise.config._reference import FieldFacts, commented_config, describe_fields
from facetwise.config._schema_file import data_json_schema
from facetwise.config._tree import COMPONENT_LISTS, COMPONENTS, COMPONENTS_BY_COLUMN, Component, Config, Losses

__all__ = [
    "COMPONENTS",
    "COMPONENTS_BY_COLUMN",
    "COMPONENT_LISTS",
    "PRESETS",
    "RECIPE_FACTS",
    "Component",
    "Config",
    "FieldFacts",
    "Losses",
    "OptionType",
    "Recipe",
    "Resolved",
    "commented_config",
    "config_json_schema",
    "config_to_yaml",
    "data_json_schema",
    "describe_fields",
    "load_config",
    "option_tables",
    "read_mapping",
    "read_recipe",
    "recipe_names",
    "resolve_config",
]
