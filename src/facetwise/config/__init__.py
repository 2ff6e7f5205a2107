"""The configuration tree; no torch, so that a mistake is answered at once."""

from facetwise.config._load import config_to_yaml, load_config, option_tables
from facetwise.config._tree import Component, Config, Losses

__all__ = ["Component", "Config", "Losses", "config_to_yaml", "load_config", "option_tables"]
