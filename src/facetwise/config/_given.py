"""What the user has given: a file, keywords and settings, laid over each other, each value with its place."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from facetwise.config._components import Key, component_of
from facetwise.config._presets import PRESETS
from facetwise.config._tree import COMPONENT_LISTS, TEXT_FIELDS
from facetwise.config._yaml import Document, parse_yaml, read_yaml, shown
from facetwise.errors import Complaint

__all__ = ["Given", "Key"]

# losses.KIND.options.OPTION, and two for whatever an option holds.
MAX_PARTS = 6
# The option of the command line that names a file of weights, and what it sets.
WEIGHTS_OPTION, WEIGHTS = "--weights", ("backbone", "options", "weights")
# A part of the key of a setting, and the mark that ends it; names with dots or = go in double quotes.
_PART = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^.="]*))\s*(?P<mark>[.=])')


def split_setting(setting: str) -> tuple[Key, str] | None:
    """Path and text of `KEY=VALUE`; None where it is none.

    >>> split_setting('losses_of."heel.height"=NAME'), split_setting("epochs")
    ((('losses_of', 'heel.height'), 'NAME'), None)
    """
    parts: list[str] = []
    place = 0
    while (match := _PART.match(setting, place)) is not None:
        quoted = match["quoted"]
        parts.append(match["plain"].strip() if quoted is None else quoted.replace('""', '"'))
        place = match.end()
        if match["mark"] == "=":
            return (tuple(parts), setting[place:]) if all(parts) and len(parts) <= MAX_PARTS else None
    return None


def _full(path: Key) -> Key:
    """`trunk.width` in full: trunk, options, width."""
    above = component_of(path)
    if above is None or len(path) == len(above) or path[len(above)] in ("name", "options"):
        return path
    return (*above, "options", *path[len(above) :])


class Given:
    """Plain data with components in their full form, `{name, options}`, and where each value comes from.

    A later value replaces an earlier one at the same path, and everything below it.
    """

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.places: dict[Key, str] = {}
        self.complaints: list[Complaint] = []

    def add_file(self, path: Path) -> None:
        """Lay a YAML file over what is there."""
        self.add_document(read_yaml(path, as_text=TEXT_FIELDS), str(path))

    def add_document(self, document: Document, place: str) -> None:
        """Lay what a text holds over what is there; `place` says where the text stands."""
        self.complaints += document.complaints
        if document.data is None:
            return
        if not isinstance(document.data, dict):
            fix = "write lines such as epochs: 20; a table is given as TABLE, not as a configuration"
            rule, found = "a configuration maps keys to values", shown(document.data)
            self.complaints.append(Complaint(place=place, rule=rule, found=found, fix=fix))
            return
        lines = {_full(key): f"{place}:{line}" for key, line in document.lines.items()}
        for key, value in document.data.items():
            self._lay((key,), value, lines.get((key,), place))
        self.places.update(lines)

    def add_options(self, options: Mapping[str, object]) -> None:
        """Lay keywords over what is there; None is not given."""
        for key, value in options.items():
            if value is not None:
                self._lay((key,), value, "option")

    def add_settings(self, settings: Iterable[str]) -> None:
        """Lay `KEY=VALUE` settings over what is there."""
        for setting in settings:
            split = split_setting(setting)
            place = f"--set {setting}" if len(setting) <= 100 else f"--set {setting[:97]}..."
            if split is None:
                rule, fix = "a setting is KEY=VALUE", "write --set epochs=20 or --set trunk.width=512"
                self.complaints.append(Complaint(place="--set", rule=rule, found=shown(setting), fix=fix))
                continue
            path, text = split
            if path[0] in COMPONENT_LISTS and len(path) > 1:
                rule, fix = (
                    f"{path[0]} is a list, set as a whole",
                    f"write --set '{path[0]}=[NAME, {{name: NAME, ...}}]'",
                )
                self.complaints.append(Complaint(place=place, rule=rule, found=shown(".".join(path)), fix=fix))
                continue
            # The value as YAML; below the same key, so that columns stay as they are spelled.
            document = parse_yaml(text, place=place)
            value = document.data
            if any("YAML" in complaint.rule for complaint in document.complaints):
                value = text
            elif document.complaints:
                self.complaints += document.complaints
                continue
            elif path[0] in TEXT_FIELDS:
                value = _spelled(value, text)
            self._lay(path, value, place)

    def add_weights(self, file: object) -> None:
        """Lay a file of weights over what is there, after whatever chooses the backbone; None is not given."""
        if file is None:
            return
        if (said := self.places.get(WEIGHTS, "")).startswith("--set"):
            rule, fix = "the weights of the backbone are said once", "leave one of them away"
            found = f"{shown(str(file))} and {said}"
            self.complaints.append(Complaint(place=WEIGHTS_OPTION, rule=rule, found=found, fix=fix))
        self._lay(WEIGHTS, str(file), WEIGHTS_OPTION)

    def fill_from_preset(self) -> None:
        """Put the preset beneath; its options of a component only where that component is the one chosen."""
        name = self.data.get("preset", "balanced")
        values = PRESETS.get(name, {}) if isinstance(name, str) else {}
        beneath = Given()
        for key, value in values.items():
            beneath._lay((key,), value, f"preset {name}")
        self._fill((), self.data, beneath.data, f"preset {name}")

    def _fill(self, path: Key, above: dict[str, Any], beneath: Mapping[str, Any], place: str) -> None:
        for key, value in beneath.items():
            here = (*path, key)
            if key not in above:
                above[key] = value
                self.places.setdefault(here, place)
            elif isinstance(value, dict) and isinstance(above[key], dict):
                other = component_of(here) == here and above[key].get("name") not in (None, value.get("name"))
                if not other:
                    self._fill(here, above[key], value, place)

    def place(self, path: Sequence[str]) -> str | None:
        """Where the value at a path comes from: `config.yaml:3`, `--set epochs=5`, `option`; None for a default."""
        for size in range(len(path), 0, -1):
            if (found := self.places.get(tuple(path[:size]))) is not None:
                return found
        return None

    def _lay(self, path: Key, value: object, place: str) -> None:
        path = _full(path)
        self.places = {key: found for key, found in self.places.items() if key[: len(path)] != path}
        self.places[path] = place
        inside = self.data
        for size, key in enumerate(path[:-1], 1):
            below = inside.get(key)
            if not isinstance(below, dict):
                below = {"name": below} if isinstance(below, str) and component_of(path[:size]) == path[:size] else {}
            inside[key] = dict(below)
            inside = inside[key]
        inside[path[-1]] = _in_full(path, value)


def _in_full(path: Key, value: object) -> object:
    """A value with every component below it in full form; what is no component stays as it is."""
    if component_of(path) == path:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping):
            options = value.get("options", {})
            short = {key: item for key, item in value.items() if key not in ("name", "options")}
            named = {"name": value["name"]} if "name" in value else {}
            return {**named, "options": {**options, **short} if isinstance(options, Mapping) else options}
        return value
    if isinstance(value, list | tuple) and path and path[0] in COMPONENT_LISTS:
        return [_in_full((*path, str(place)), item) for place, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {key: _in_full((*path, str(key)), item) for key, item in value.items()} if len(path) < 2 else dict(value)
    return value


def _spelled(value: object, text: str) -> object:
    """A column's name as it was written; null stays null."""
    if isinstance(value, list):
        document = parse_yaml(f"attributes: {text}", place="", as_text=TEXT_FIELDS)
        return document.data["attributes"] if isinstance(document.data, dict) else value
    return text.strip() if isinstance(value, bool | int | float) else value
