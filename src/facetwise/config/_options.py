"""What each component can be told: `options.json`, generated from the islands' signatures."""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["OptionType", "option_tables", "options_of"]

# Whole numbers beyond 32 bits are mistakes: widths, layers, counts.
MOST = 2**31 - 1
_WORDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text", "Path": "a path"}


@dataclass(frozen=True, kw_only=True)
class OptionType:
    """One option of a component.

    Args:
        type: As the signature spells it: `int`, `float | None`, `FitMode`.
        default: Its value where nothing is said.
        choices: The texts it can be; empty where it is not a choice.
    """

    type: str
    default: Any
    choices: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The parts of the type: `int | None` is int and None."""
        return tuple(part.strip() for part in self.type.split("|"))

    def refuses(self, value: object) -> str | None:
        """What the option is, if this value is not that; None where it fits.

        >>> OptionType(type="int | None", default=3).refuses("x")
        'a whole number, or null'
        """
        if self._fits(value):
            return None
        if self.choices:
            words = f"one of {', '.join(self.choices)}"
        else:
            kinds = [kind for kind in self.kinds if kind != "None"]
            words = " or ".join(_WORDS.get(kind, kind) for kind in kinds)
        return f"{words}, or null" if "None" in self.kinds else words

    def _fits(self, value: object) -> bool:
        kinds = self.kinds
        if value is None:
            return "None" in kinds
        if isinstance(value, bool):  # an int to Python, and never meant as one
            return "bool" in kinds
        if isinstance(value, int):
            return abs(value) <= MOST and bool({"int", "float"} & set(kinds))
        if isinstance(value, float):
            return "float" in kinds and math.isfinite(value)
        if isinstance(value, str):
            return value in self.choices if self.choices else bool({"str", "Path"} & set(kinds))
        # Lists and mappings: only where the signature has a type that is none of the plain ones.
        return bool(set(kinds) - {*_WORDS, "None"}) and not self.choices


@cache
def option_tables() -> dict[str, dict[str, dict[str, OptionType]]]:
    """Table, name, option → its type, default and choices."""
    text = files("facetwise.config").joinpath("options.json").read_text(encoding="utf-8")
    return {
        table: {
            name: {
                option: OptionType(
                    type=about["type"], default=about["default"], choices=tuple(about.get("choices", ()))
                )
                for option, about in options.items()
            }
            for name, options in lines.items()
        }
        for table, lines in json.loads(text).items()
    }


def options_of(table: str, name: object) -> dict[str, OptionType] | None:
    """What the component of this name can be told; None where there is none.

    A line that ends with a colon is a family: whatever follows the colon is a name that another library knows.
    """
    lines = option_tables().get(table, {})
    if not isinstance(name, str) or name.endswith(":"):
        return None
    if name in lines:
        return lines[name]
    family, colon, _ = name.partition(":")
    return lines.get(family + colon) if colon else None
