"""JSON schema of the configuration file, for editors: completion, and a mark under every mistake."""

from typing import Any

from facetwise.config._options import OptionType, option_tables
from facetwise.config._tree import COMPONENT_LISTS, COMPONENTS, COMPONENTS_BY_COLUMN, Config, Losses

__all__ = ["config_json_schema"]

_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string", "Path": "string", "None": "null"}


def config_json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12: the short and the full form of every component, its options with their types."""
    fields = Config.model_json_schema()["properties"]
    properties: dict[str, Any] = {}
    for name, field in Config.model_fields.items():
        if name == "losses":
            kinds = {
                kind: {"description": about.description, **_component(f"losses.{kind}")}
                for kind, about in Losses.model_fields.items()
            }
            properties[name] = {
                "description": field.description, "type": "object", "properties": kinds, "additionalProperties": False,
            }  # fmt: skip
        elif name in COMPONENTS:
            properties[name] = {"description": field.description, **_component(name)}
        elif name in COMPONENT_LISTS:
            lines = {"anyOf": _forms(COMPONENT_LISTS[name])}
            properties[name] = {"description": field.description, "type": "array", "items": lines, "default": []}
        elif name in COMPONENTS_BY_COLUMN:
            lines = {"anyOf": _forms(COMPONENTS_BY_COLUMN[name])}
            properties[name] = {
                "description": field.description, "type": "object", "additionalProperties": lines, "default": {},
            }  # fmt: skip
        else:
            kept = {key: value for key, value in fields[name].items() if key not in ("title", "default")}
            default = field.get_default(call_default_factory=True)
            properties[name] = {**kept, "default": default}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "facetwise configuration",
        "description": "Every option of `facetwise train`; what is left out has its default.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _component(key: str) -> dict[str, Any]:
    tree: Any = Config()
    for part in key.split("."):
        tree = getattr(tree, part)
    return {"anyOf": _forms(COMPONENTS[key], default=tree.name), "default": tree.name}


def _forms(name_of_table: str, *, default: str | None = None) -> list[dict[str, Any]]:
    """A name, or a mapping with its options, in full or short; the default one may be given by its options alone."""
    table = option_tables().get(name_of_table, {})
    families = [name for name in table if name.endswith(":")]
    forms: list[dict[str, Any]] = [{"enum": [name for name in table if name not in families]}]
    forms += [_family(name) for name in families]
    for name, options in table.items():
        known = {option: _option(about) for option, about in options.items()}
        inner = {"type": "object", "properties": known, "additionalProperties": False}
        forms.append(
            {
                "type": "object",
                "properties": {
                    "name": _family(name) if name in families else {"const": name},
                    "options": inner,
                    **known,
                },
                "required": [] if name == default else ["name"],
                "additionalProperties": False,
            }
        )
    return forms


def _family(name: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{name}.+"}


def _option(about: OptionType) -> dict[str, Any]:
    if about.choices:
        choices: list[str | None] = [*about.choices, *([None] if "None" in about.kinds else [])]
        return {"enum": choices, "default": about.default}
    types = [_TYPES[kind] for kind in about.kinds if kind in _TYPES]
    if len(types) < len(about.kinds):
        return {"default": about.default}
    return {"type": types[0] if len(types) == 1 else types, "default": about.default}
