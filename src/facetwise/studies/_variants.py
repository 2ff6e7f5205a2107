"""Which configurations are compared: every combination of the values to vary, or a list of named variants."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facetwise.config import Config, load_config, read_mapping
from facetwise.errors import Complaint, ConfigError, nearest

__all__ = ["LADDERS", "PAIRED_FIELDS", "READ_FIELDS", "Variant", "axis_of", "split_values", "variants_of"]

# Fields that decide which rows lie on which side and what is asked of them: the same for all that are compared.
PAIRED_FIELDS = (
    "attributes", "exclude", "category", "group", "min_count", "val_ratio", "test_ratio", "group_near_duplicates",
    "allow_outside_root", "seed",
)  # fmt: skip

# Fields that decide, beside those, how the pictures are read: rows are prepared once for all that agree in them.
READ_FIELDS = ("backbone", "levels", "views", "near_duplicates", "device", "workers")

# One axis: the name of each value, and the settings that it stands for.
Axis = list[tuple[str, list[str]]]

_PLAIN = {
    "levels": "last", "depth": False, "standardize": False, "reweighting": "none", "warmup": 0, "schedule": "none",
    "input_dropout": 0,
    "trunk": {"name": "shared", "width": 2048, "norm": "none", "dropout": 0},
}  # fmt: skip
_BALANCED = {**_PLAIN, "standardize": True, "reweighting": "balanced"}
_WARM = {**_BALANCED, "warmup": 0.1, "schedule": "cosine"}
_REGULAR = {**_WARM, "trunk": {"name": "shared", "width": 2048, "norm": "layer", "dropout": 0.2}}
# Named variants, each step on top of the one before. Source: the README of the FishNet system (DINOv3, linear head).
LADDERS: dict[str, dict[str, dict[str, Any]]] = {
    "fishnet-ladder": {
        "plain": _PLAIN,
        "+ balanced, standardised": _BALANCED,
        "+ warm-up, schedule": _WARM,
        "+ LayerNorm, dropout": _REGULAR,
    }
}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One configuration of a comparison.

    Args:
        name: What it differs by, for people.
        settings: The same as `KEY=VALUE`, laid over the configuration.
        config: All values; the seed is that of the first repetition.
    """

    name: str
    settings: tuple[str, ...]
    config: Config


def split_values(text: str) -> list[str]:
    """Values between commas, those inside brackets, braces and quotes left alone.

    >>> split_values("shared, {name: mmoe, experts: 8},[a, b]")
    ['shared', '{name: mmoe, experts: 8}', '[a, b]']
    """
    values, depth, quote, now = [], 0, "", ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        depth += (letter in "[{") - (letter in "]}") if not quote else 0
        if letter == "," and depth == 0 and not quote:
            values.append(now.strip())
            now = ""
        else:
            now += letter
    return [*values, now.strip()]


def axis_of(text: str) -> Axis:
    """`trunk=shared,mmoe` as an axis.

    Raises:
        ConfigError: It has no key, or an empty value.
    """
    key, equals, rest = text.partition("=")
    values = split_values(rest)
    if not equals or not key.strip() or not all(values):
        rule, fix = "what varies is KEY=VALUE,VALUE", "write --vary trunk=shared,mmoe"
        raise ConfigError([Complaint(place="--vary", rule=rule, found=repr(text), fix=fix)])
    return [(f"{key.strip()}={value}", [f"{key.strip()}={value}"]) for value in values]


def _settings(options: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """A mapping of options as `KEY=VALUE`; the losses one by one, so that those left out stay."""
    for key, value in options.items():
        plain = str(key)
        quoted = '"' + plain.replace('"', '""') + '"' if set(plain) & set('.="') and above else plain
        if isinstance(value, Mapping) and not above and plain in ("losses", "losses_of") and value:
            yield from _settings(value, f"{plain}.")
        else:
            yield f"{above}{quoted}={json.dumps(value, ensure_ascii=False)}"


def _named(variants: Mapping[str, Mapping[str, Any] | None]) -> Axis:
    return [(name, list(_settings(options or {}))) for name, options in variants.items()]


def _from_file(path: Path) -> Axis:
    """Named variants from a YAML file: `NAME: {KEY: VALUE, ...}`."""
    found = read_mapping(path)
    wrong = [name for name, options in found.items() if not isinstance(options, dict | None)]
    if wrong or not found:
        rule, fix = "a file of variants maps names to options", "write lines such as plain: {trunk: shared}"
        raise ConfigError(
            [Complaint(place=str(path), rule=rule, found=repr(wrong[0]) if wrong else "nothing", fix=fix)]
        )
    return _named(found)


def variants_of(
    *,
    config: Path | None,
    settings: Sequence[str],
    options: Mapping[str, Any],
    vary: Sequence[str] = (),
    file: Path | None = None,
    ladder: str | None = None,
) -> list[Variant]:
    """Every combination, the first one the baseline.

    Args:
        config, settings, options: The configuration as it stands: a file, `KEY=VALUE`, keywords.
        vary: Axes as `KEY=VALUE,VALUE`.
        file: YAML file with named variants.
        ladder: A line of `LADDERS`.

    Raises:
        ConfigError: Everything that is wrong with any of them, at once.
    """
    axes: list[Axis] = [] if ladder is None else [_named(LADDERS[ladder])]
    axes += [] if file is None else [_from_file(file)]
    axes += [axis_of(text) for text in vary]
    if not axes:
        rule, fix = "a comparison varies something", "write --vary trunk=shared,mmoe"
        raise ConfigError([Complaint(place="--vary", rule=rule, found="nothing", fix=fix)])
    variants: list[Variant] = []
    complaints: dict[str, Complaint] = {}
    for parts in itertools.product(*axes):
        own = [setting for _, said in parts for setting in said]
        name = ", ".join(name for name, _ in parts)
        try:
            tree = load_config(config, [*settings, *own], **options)
        except ConfigError as error:
            complaints |= {str(complaint): complaint for complaint in error.complaints}
            continue
        variants.append(Variant(name=name, settings=tuple(own), config=tree))
    complaints |= {str(one): one for one in _unpaired(variants)}
    names = [variant.name for variant in variants]
    for name in {name for name in names if names.count(name) > 1}:
        one = Complaint(place="--vary", rule="each value stands once", found=repr(name), fix="remove one of them")
        complaints[str(one)] = one
    if complaints:
        raise ConfigError(list(complaints.values()))
    return variants


def _unpaired(variants: Sequence[Variant]) -> Iterator[Complaint]:
    """Fields that would give two variants other rows, or other questions about them."""
    for field in PAIRED_FIELDS:
        first, *others = [getattr(variant.config, field) for variant in variants] or [None]
        for value in others:
            if value != first:
                rule = f"all variants are measured on the same rows and attributes, so {field} cannot vary"
                fix = f"set it for all of them: --set {field}={json.dumps(first, ensure_ascii=False)}"
                if field == "seed":
                    fix = "write --seeds 5; every variant then has the same seeds"
                yield Complaint(place=f"--vary {field}", rule=rule, found=f"{first!r} and {value!r}", fix=fix)
                break


def find_variant(variants: Sequence[Variant], name: str | None) -> Variant:
    """The one of this name; the first without one.

    Raises:
        ConfigError: There is none.
    """
    if name is None:
        return variants[0]
    for variant in variants:
        if variant.name == name:
            return variant
    fix = nearest(name, [variant.name for variant in variants])
    raise ConfigError([Complaint(place="--baseline", rule="this is a variant", found=repr(name), fix=fix)])
