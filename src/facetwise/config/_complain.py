"""What is wrong with a configuration, each mistake with its place, its rule and what to write in its stead."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from facetwise.config._components import component_of, components_in, value_at
from facetwise.config._given import Given, Key
from facetwise.config._options import OptionType, option_tables, options_of
from facetwise.config._tree import COMPONENT_LISTS, COMPONENTS_BY_COLUMN, Config, Losses
from facetwise.config._yaml import shown
from facetwise.errors import Complaint, nearest

__all__ = ["about_components", "about_shares", "about_values", "by_line"]

# Keys by which other libraries let a file name code to be imported and called.
NAMES_CODE = {
    "_target_", "_partial_", "_args_", "_convert_", "_class_path_", "class_path", "init_args", "trust_remote_code",
    "__class__", "__reduce__",
}  # fmt: skip
_NOUNS = {
    "losses": "loss for such attributes", "reweighting": "way of reweighting", "balancing": "balancer",
    "losses_of": "loss", "adapters": "adapter",
}  # fmt: skip
# A part of a key that `--set` reads only in quotes.
_QUOTED = re.compile(r'^.*[.="].*$', re.DOTALL)
_RULES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list of names, such as [colour, heel]",
    "finite_number": "a finite number",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt:g}",
}


def _key(path: Key) -> str:
    """A path as people write it: trunk.width; a name with a dot or a quote in double quotes."""
    return ".".join(_QUOTED.sub(_in_quotes, part) for part in path if part != "options")


def _in_quotes(match: re.Match[str]) -> str:
    return '"' + match[0].replace('"', '""') + '"'


def _place(given: Given, path: Key) -> str | None:
    """Where a value stands; a keyword stands nowhere but in the call."""
    place = given.place(path)
    return None if place == "option" else place


def _write(given: Given, path: Key, value: object) -> str:
    """The line to write, in the form in which the user wrote it."""
    text = _spelling(value)
    place = given.place(path) or ""
    if place.startswith("--set"):
        return f"write --set {_key(path)}={text}"
    return f"write {text}" if place == "option" else f"write {path[-1]}: {text}"


def _spelling(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def by_line(complaint: Complaint) -> int:
    """Sorts complaints about a file by their lines, after those about the command, which keep their order."""
    match = re.search(r":(\d+)$", complaint.place or "")
    return int(match[1]) if match and not (complaint.place or "").startswith("--set") else 0


def _default(path: Key) -> Any:
    tree: Any = Config().model_dump()
    for part in path:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def about_values(error: ValidationError, given: Given) -> list[Complaint]:
    """What the tree refuses."""
    complaints: list[Complaint] = []
    for item in error.errors(include_url=False):
        path = tuple(str(part) for part in item["loc"])
        component = component_of(path)
        if item["type"] == "extra_forbidden":
            complaints.append(_unknown_key(path, given))
        elif component is not None:
            complaints.append(_no_component(component, path, item["input"], given))
        else:
            complaints.append(_wrong_value(path, item, given))
    return complaints


def _wrong_value(path: Key, item: Any, given: Given) -> Complaint:
    names = tuple(part for part in path if not part.isdigit())
    wanted = _RULES.get(item["type"])
    rule = f"{_key(names)} is {wanted.format(**item.get('ctx', {}))}" if wanted else str(item["msg"]).rstrip(".")
    default = _default(names)
    if path[0] in COMPONENT_LISTS:
        rule, fix = f"{path[0]} is a list of names and options", _write(given, path[:1], "[NAME, {name: NAME}]")
    elif path[0] in COMPONENTS_BY_COLUMN:
        rule, fix = f"{path[0]} maps columns to names", f"write {path[0]}: {{COLUMN: NAME}}"
    elif item["type"] == "literal_error":
        rule = f"{_key(names)} is one of {', '.join(_choices(names))}"
        near = isinstance(item["input"], str)
        fix = nearest(item["input"], _choices(names)) if near else _write(given, names, default)
    elif item["type"] == "model_type":
        rule, fix = f"{_key(names)} has a line for each kind of attribute", "write losses: {ordinal: corn}"
    elif len(names) < len(path) or item["type"] == "list_type":
        rule, fix = f"{_key(names)} is a list of names", _write(given, names, "[colour, heel]")
    elif default is None:
        fix = f"write the name of a column, or remove {_key(names)}"
    else:
        fix = f"{_write(given, names, default)}, which is the default, or another value"
    return Complaint(place=_place(given, names), rule=rule, found=shown(item["input"]), fix=fix)


def _choices(names: Key) -> list[str]:
    return [str(choice) for choice in get_args(Config.model_fields[names[0]].annotation)]


def _unknown_key(path: Key, given: Given) -> Complaint:
    word = path[-1]
    place = _place(given, path)
    if word in NAMES_CODE:
        fix = "remove it; parts are chosen by their short names, such as trunk: shared"
        return Complaint(place=place, rule="a configuration names no code", found=shown(word), fix=fix)
    known = list(Losses.model_fields) if path[:-1] == ("losses",) else list(Config.model_fields)
    owners = [f"{key}.{word}" for key, options in _options_of(given) if word in options] if len(path) == 1 else []
    fix = f"did you mean {', '.join(owners[:3])}?" if owners else nearest(word.replace("-", "_"), known)
    return Complaint(place=place, rule="this is no option", found=shown(word), fix=fix)


def _options_of(given: Given) -> Iterator[tuple[str, dict[str, OptionType]]]:
    """The components as they are chosen, with what each can be told."""
    for path, table in components_in(given.data).items():
        if (known := options_of(table, _chosen(path, given))) is not None:
            yield _key(path), known


def _chosen(path: Key, given: Given) -> object:
    named = value_at(given.data, (*path, "name"))
    return _default((*path, "name")) if named is None else named


def _no_component(component: Key, path: Key, value: object, given: Given) -> Complaint:
    """A component that is neither a name nor a mapping with one."""
    default = _default((*component, "name")) or "NAME"
    if len(path) > len(component) and path[len(component)] == "options":
        rule, fix = f"the options of {_key(component)} are a mapping", f"write {component[-1]}: {{name: {default}}}"
    elif component[0] in COMPONENT_LISTS:
        rule, fix = f"each of {component[0]} is a name", _write(given, component[:1], "[NAME, {name: NAME}]")
    else:
        rule, fix = f"{_key(component)} is a name", _write(given, component, default)
        said = [place for key, place in given.places.items() if key[:2] == component and place.startswith("--set")]
        if component[0] in COMPONENTS_BY_COLUMN and said:
            fix = f"write --set '{_key(component)}=NAME'; the name of a column with a dot goes in double quotes: "
            fix += f"--set '{component[0]}.\"heel.height\"=NAME'"
            value = None if isinstance(value, dict) else value
    return Complaint(place=_place(given, component), rule=rule, found=shown(value), fix=fix)


def about_shares(config: Config, given: Given) -> list[Complaint]:
    """What is wrong with values together."""
    if config.val_ratio + config.test_ratio < 1:
        return []
    place = _place(given, ("test_ratio",)) or _place(given, ("val_ratio",))
    found = f"{config.val_ratio:g} and {config.test_ratio:g}"
    fix = "write smaller ones; 0.15 each are the defaults"
    rule = "val_ratio and test_ratio leave something for training"
    return [Complaint(place=place, rule=rule, found=found, fix=fix)]


def about_components(given: Given) -> list[Complaint]:
    """What is wrong with each component by itself, so that one mistake elsewhere does not hide these."""
    complaints: list[Complaint] = []
    for path, table in components_in(given.data).items():
        found = value_at(given.data, path)
        if not isinstance(found, dict) or not isinstance(name := found.get("name"), str):
            continue  # not given, or said already
        known = options_of(table, name)
        if known is None:
            place, rule = _place(given, (*path, "name")), f"no {_NOUNS.get(path[0], path[0])} has this name"
            fix = _other_name(name, table)
            complaints.append(Complaint(place=place, rule=rule, found=shown(name), fix=fix))
            continue
        options = found.get("options", {})
        for option, value in options.items() if isinstance(options, dict) else ():
            complaints += _about_option((*path, "options", str(option)), value, name, table, given)
    return complaints


def _other_name(name: str, table: str) -> str:
    lines = option_tables().get(table, {})
    family = name.partition(":")[0] + ":"
    if family in lines:
        return f"write {family}NAME, with a name that {family[:-1]} knows"
    return nearest(name, lines)


def _lines_with(option: str, table: str) -> list[str]:
    """The first lines of a table that have this very option; a family's as it is written."""
    names = [name for name, options in option_tables().get(table, {}).items() if option in options]
    return [f"{name}NAME" if name.endswith(":") else name for name in names[:3]]


def _about_option(path: Key, value: object, name: str, table: str, given: Given) -> Sequence[Complaint]:
    option, place, known = path[-1], _place(given, path), options_of(table, name) or {}
    if option in NAMES_CODE:
        fix = "remove it; parts are chosen by their short names, such as trunk: shared"
        return [Complaint(place=place, rule="a configuration names no code", found=shown(option), fix=fix)]
    about = known.get(option)
    if about is None:
        if others := _lines_with(option, table):
            fix = f"choose another {path[0]}: {', '.join(others)} have it"
        else:
            fix = nearest(option, known) if known else f"remove it; {name} has no options"
        return [Complaint(place=place, rule=f"this is no option of {name}", found=shown(option), fix=fix)]
    if (wanted := about.refuses(value)) is None:
        return []
    if about.choices and isinstance(value, str):
        fix = nearest(value, about.choices)
    elif about.default is None:
        fix = "correct the value, or remove it"
    else:
        fix = f"{_write(given, path, about.default)}, which is the default, or another value"
    found = "a number that is not finite" if isinstance(value, float) and not math.isfinite(value) else shown(value)
    return [Complaint(place=place, rule=f"{_key(path)} is {wanted}", found=found, fix=fix)]
