"""A YAML file that is no configuration but as strictly read: a mapping from names to whatever."""

from pathlib import Path
from typing import Any

from facetwise.config._yaml import read_yaml, shown
from facetwise.errors import Complaint, ConfigError

__all__ = ["read_mapping"]


def read_mapping(path: Path) -> dict[str, Any]:
    """What a YAML file maps.

    Raises:
        ConfigError: It cannot be read, names code, repeats a key, or is no mapping.
    """
    document = read_yaml(path)
    complaints = list(document.complaints)
    if not complaints and not isinstance(document.data, dict):
        rule, fix = "the file maps names to values", "write lines such as NAME: {KEY: VALUE}"
        complaints.append(Complaint(place=str(path), rule=rule, found=shown(document.data), fix=fix))
    if complaints:
        raise ConfigError(complaints)
    return document.data
