"""JSON schema of `schema.yaml`, for editors: what `facetwise inspect` writes and people edit."""

from typing import Any

from facetwise.schema import Kind, Transform

__all__ = ["data_json_schema"]

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}


def _by_category(meaning: str) -> dict[str, Any]:
    words = f"{meaning} Maps the category column to a list of its classes."
    return {
        "description": words,
        "type": "object",
        "additionalProperties": _TEXTS,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _attribute() -> dict[str, Any]:
    properties: dict[str, Any] = {
        "column": {"description": "Column of the table.", **_TEXT},
        "id": {"description": "Safe name inside the model; written by facetwise.", **_TEXT},
        "kind": {"description": "What its values are.", "enum": [str(kind) for kind in Kind], "default": "categorical"},
        "classes": {"description": "Its classes; of an ordinal attribute from low to high.", **_TEXTS},
        "applies_to": _by_category("Categories that the attribute applies to; every one if left out."),
        "undecided": _by_category("Categories of which the table does not say whether the attribute applies."),
        "parent": {
            "description": "The coarser attribute that this one refines.",
            "type": "object",
            "properties": {
                "column": {"description": "Column of the parent.", **_TEXT},
                "of": {
                    "description": "Class of this attribute → class of the parent.",
                    "type": "object",
                    "additionalProperties": _TEXT,
                },
                "alone": {"description": "Classes without a parent.", **_TEXTS},
            },
            "required": ["column"],
            "additionalProperties": False,
        },
        "unit": {"description": "Unit of a number.", **_TEXT},
        "transform": {"description": "How a number is read.", "enum": [str(one) for one in Transform]},
        "separator": {"description": "Between the classes of a multilabel cell.", "default": "|", **_TEXT},
        "own_applicability": {"description": "The model decides itself whether it applies.", "type": "boolean"},
        "prompts": {
            "description": "For a model that reads words: texts with {value}, or texts by class.",
            "anyOf": [_TEXT, _TEXTS, {"type": "object", "additionalProperties": {"anyOf": [_TEXTS, _TEXT]}}],
        },
    }
    return {"type": "object", "properties": properties, "required": ["column"], "additionalProperties": False}


def _rule() -> dict[str, Any]:
    some: dict[str, Any] = {"type": "object", "additionalProperties": {"anyOf": [_TEXTS, _TEXT]}, "minProperties": 1}
    one = {**some, "maxProperties": 1}
    return {
        "type": "object",
        "properties": {"if": some, "then": one, "never": one},
        "required": ["if"],
        "oneOf": [{"required": ["then"]}, {"required": ["never"]}],
        "additionalProperties": False,
    }


def data_json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    images = [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "facetwise schema of a table",
        "description": "How a table is read; `facetwise inspect` writes it, and it may be edited.",
        "type": "object",
        "properties": {
            "version": {"description": "Version of this format.", "const": 1},
            "image": {"description": "Column, or columns, that name the pictures.", "anyOf": images},
            "group": {"description": "Column whose equal values stay on one side of the split.", **_TEXT},
            "category": {"description": "Column that decides which attributes apply.", **_TEXT},
            "weight": {"description": "Column of row weights.", **_TEXT},
            "box": {"description": "Column of boxes: the part of each picture that is meant.", **_TEXT},
            "attributes": {"description": "What the model learns.", "type": "array", "items": _attribute()},
            "groups": {
                "description": "Names for sets of attributes that belong together.",
                "type": "object",
                "additionalProperties": _TEXTS,
            },
            "rules": {
                "description": "What holds between attributes; answers keep it.",
                "type": "array",
                "items": _rule(),
            },
            "not_applicable": {"description": 'Texts that mean "does not apply".', **_TEXTS},
            "unknown": {"description": 'Texts that mean "not known".', **_TEXTS},
        },
        "required": ["version", "attributes"],
        "additionalProperties": False,
    }
