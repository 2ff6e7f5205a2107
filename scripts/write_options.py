"""Write src/facetwise/config/options.json and aliases.json from the islands: `python scripts/write_options.py`."""

import inspect
import json
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from facetwise.data.samplers import SAMPLERS
from facetwise.models.adapters import ADAPTERS
from facetwise.models.backbones import backbone_names
from facetwise.models.heads import HEADS
from facetwise.models.trunks import TRUNKS
from facetwise.objectives import (
    BALANCER_ALIASES,
    BALANCERS,
    LOSS_ALIASES,
    LOSS_ALIASES_BY_KIND,
    LOSSES,
    REWEIGHTING,
    REWEIGHTING_ALIASES,
)
from facetwise.schema import Kind
from facetwise.training.augmentation import AUGMENTATIONS
from facetwise.training.finetuning import FINETUNING, FINETUNING_ALIASES
from facetwise.training.mixing import MIXING
from facetwise.training.schedules import SCHEDULES
from facetwise.training.tracking import TRACKERS

TABLES: dict[str, dict[str, type]] = {
    # A family, whose name ends with a colon, and every short name too.
    "BACKBONES": backbone_names(),
    "ADAPTERS": ADAPTERS,
    "TRUNKS": TRUNKS,
    "HEADS": HEADS,
    # All losses, for single attributes; and of the losses, per kind those that can score it.
    "LOSSES": LOSSES,
    **{f"LOSSES.{kind}": {name: loss for name, loss in LOSSES.items() if kind in loss.kinds} for kind in Kind},
    "REWEIGHTING": REWEIGHTING,
    "BALANCERS": BALANCERS,
    "SAMPLERS": SAMPLERS,
    "FINETUNING": FINETUNING,
    "AUGMENTATIONS": AUGMENTATIONS,
    "MIXING": MIXING,
    "SCHEDULES": SCHEDULES,
    "TRACKERS": TRACKERS,
}
# Published names; those of losses are for every kind that the loss can score, those of a kind go before them.
ALIASES = {
    "LOSSES": LOSS_ALIASES,
    **{f"LOSSES.{kind}": names for kind, names in LOSS_ALIASES_BY_KIND.items()},
    "REWEIGHTING": REWEIGHTING_ALIASES,
    "BALANCERS": BALANCER_ALIASES,
    "FINETUNING": FINETUNING_ALIASES,
}
TARGET = Path(__file__).parents[1] / "src" / "facetwise" / "config" / "options.json"


def type_words(kind: Any) -> tuple[str, list[str]]:
    """A type as text, and the texts that it allows where it is a choice.

    >>> type_words(Literal["a", "b"] | None)
    ('str | None', ['a', 'b'])
    """
    if get_origin(kind) is Literal:
        return "str", [str(choice) for choice in get_args(kind)]
    if get_origin(kind) in (Union, types.UnionType):
        parts = [type_words(part) for part in get_args(kind)]
        return " | ".join(words for words, _ in parts), [choice for _, choices in parts for choice in choices]
    if kind is type(None):
        return "None", []
    return (kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)), []


def options_of(island: type) -> dict[str, dict[str, object]]:
    """Option → type, default and, where there are some, choices."""
    described: dict[str, dict[str, object]] = {}
    hints = get_type_hints(island.__init__)
    for name, parameter in inspect.signature(island.__init__).parameters.items():
        if parameter.default is inspect.Parameter.empty:
            continue  # the composition passes it; everything with a default is the user's to set
        words, choices = type_words(hints[name])
        described[name] = {"type": words, "default": parameter.default, **({"choices": choices} if choices else {})}
    return described


def render() -> str:
    """The file's text."""
    tables = {name: {line: options_of(island) for line, island in table.items()} for name, table in TABLES.items()}
    return json.dumps(tables, indent=2) + "\n"


def render_aliases() -> str:
    """The text of the file of published names."""
    return json.dumps(ALIASES, indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    TARGET.with_name("aliases.json").write_text(render_aliases(), encoding="utf-8")
