"""Plain data of a schema to YAML, every label quoted."""

from typing import Any

import yaml

__all__ = ["dump_text"]


class _Quoted(str):
    """A label; YAML would read NO, 2010 or 12:30 as something else, so it is always quoted."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes labels in double quotes and everything else plainly."""


_Dumper.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')
)


def _quoted(data: Any, *, key: str = "") -> Any:
    if isinstance(data, dict):
        plain = key in ("", "attributes", "parent", "rules")
        return {
            (name if plain else _Quoted(name)): _quoted(value, key=name if plain else "labels")
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [_quoted(value, key=key) for value in data]
    return _Quoted(data) if isinstance(data, str) and key not in ("id", "kind", "transform") else data


def dump_text(data: Any) -> str:
    """YAML with every label in double quotes."""
    return yaml.dump(
        _quoted(data),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=120,
        default_flow_style=None,
    )
