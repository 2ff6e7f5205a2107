"""Where components stand in the data of a configuration: under fields of their own, per column, and in lists."""

from collections.abc import Mapping, Sequence
from typing import Any

from facetwise.config._tree import COMPONENT_LISTS, COMPONENTS, COMPONENTS_BY_COLUMN

__all__ = ["Key", "component_of", "components_in", "value_at"]

Key = tuple[str, ...]
_FIXED = {tuple(key.split(".")): table for key, table in COMPONENTS.items()}


def component_of(path: Key) -> Key | None:
    """The component that a path lies in or is.

    >>> component_of(("trunk", "width")), component_of(("losses_of", "heel height", "gamma")), component_of(("epochs",))
    (('trunk',), ('losses_of', 'heel height'), None)
    """
    if len(path) > 1 and (path[0] in COMPONENTS_BY_COLUMN or (path[0] in COMPONENT_LISTS and path[1].isdecimal())):
        return path[:2]
    return next((path[:size] for size in (1, 2) if path[:size] in _FIXED), None)


def components_in(data: Mapping[str, Any]) -> dict[Key, str]:
    """Path of every component that could be or is given → the table that it names a line of."""
    found = dict(_FIXED)
    for field, table in COMPONENTS_BY_COLUMN.items():
        given = data.get(field)
        found |= {(field, column): table for column in given} if isinstance(given, Mapping) else {}
    for field, table in COMPONENT_LISTS.items():
        given = data.get(field)
        found |= {(field, str(place)): table for place in range(len(given))} if isinstance(given, list) else {}
    return found


def value_at(data: Any, path: Sequence[str]) -> Any:
    """What stands at a path of keys and places in lists; None where nothing does."""
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data
