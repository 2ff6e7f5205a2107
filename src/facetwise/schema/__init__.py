"""The one vocabulary: attributes, kinds, classes, order, applicability, places. Plain Python and numpy."""

from facetwise.schema._attribute import Attribute, Kind, Parent, Transform
from facetwise.schema._grown import alone, free_id, without
from facetwise.schema._labels import NOT_APPLICABLE, UNKNOWN, VALUE, Labels
from facetwise.schema._layout import Block, Coding, Layout
from facetwise.schema._rule import Rule, rule_from_dict, rule_to_dict
from facetwise.schema._schema import DEFAULT_NOT_APPLICABLE, DEFAULT_UNKNOWN, Schema
from facetwise.schema._yaml import read_schema, schema_digest, schema_from_dict, schema_to_dict, schema_to_yaml

__all__ = [
    "DEFAULT_NOT_APPLICABLE",
    "DEFAULT_UNKNOWN",
    "NOT_APPLICABLE",
    "UNKNOWN",
    "VALUE",
    "Attribute",
    "Block",
    "Coding",
    "Kind",
    "Labels",
    "Layout",
    "Parent",
    "Rule",
    "Schema",
    "Transform",
    "alone",
    "free_id",
    "read_schema",
    "rule_from_dict",
    "rule_to_dict",
    "schema_digest",
    "schema_from_dict",
    "schema_to_dict",
    "schema_to_yaml",
    "without",
]
