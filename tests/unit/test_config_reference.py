"""What the code says about its options to people and to editors is what docs/ holds."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from facetwise.config import (
    COMPONENTS,
    Config,
    Losses,
    commented_config,
    config_json_schema,
    data_json_schema,
    describe_fields,
    load_config,
    option_tables,
    resolve_config,
)
from facetwise.schema import _yaml as schema_file

ROOT = Path(__file__).parents[2]
PAGES = ("reference/config.md", "reference/cli.md", "schema/config.schema.json", "schema/schema.schema.json")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "scripts" / "write_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_up_to_date(script: ModuleType, page: str) -> None:
    assert tuple(script.PAGES) == PAGES
    said = "run `python scripts/write_reference.py`"
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == script.PAGES[page](), said


def test_every_option_is_on_the_page() -> None:
    page = (ROOT / "docs" / "reference" / "config.md").read_text(encoding="utf-8")
    for key, table in COMPONENTS.items():
        for name, options in option_tables()[table].items():
            assert f"`{name}`" in page or f"`{name}NAME`" in page
            if f"\n| `{name}` |" not in page:
                continue  # a short name, whose options are those of its family
            for option in options:
                line = re.search(
                    rf"^\| `{name}` \| `{re.escape(key)}\.{option}` \|.*\| (.*) \|$", page, flags=re.MULTILINE
                )
                assert line, f"{key}.{option}"
                assert line[1].strip(), f"the docstring of {name} says nothing about {option}"


def test_every_field_says_what_it_means() -> None:
    keys = [facts.key for facts in describe_fields()]
    assert set(keys) == (set(Config.model_fields) - {"losses"}) | {f"losses.{kind}" for kind in Losses.model_fields}
    assert all(facts.meaning.endswith(".") for facts in describe_fields())


def _fits(schema: dict[str, Any], value: Any) -> bool:
    """As much of JSON schema as ours use; an independent judge of them would need another dependency."""
    types = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
             "null": type(None)}  # fmt: skip
    known = {"description", "default", "type", "properties", "additionalProperties", "items", "enum", "const", "anyOf",
             "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "$schema", "title", "minItems",
             "minProperties", "maxProperties", "pattern"}  # fmt: skip
    assert set(schema) <= known, set(schema) - known
    if "anyOf" in schema and not any(_fits(form, value) for form in schema["anyOf"]):
        return False
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        return False
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(isinstance(value, types[k]) and not (isinstance(value, bool) and k != "boolean") for k in kinds):
            return False
    if isinstance(value, dict):
        properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        others = {key: item for key, item in value.items() if key not in properties}
        return (
            all(_fits(properties[key], item) for key, item in value.items() if key in properties)
            and set(schema.get("required", ())) <= set(value)
            and (more is True or (not others if more is False else all(_fits(more, item) for item in others.values())))
        )
    if isinstance(value, str):
        return bool(re.search(schema.get("pattern", ""), value))
    if isinstance(value, list):
        return all(_fits(schema.get("items", {}), item) for item in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and not value <= schema.get("exclusiveMinimum", value - 1)
            and not value >= schema.get("exclusiveMaximum", value + 1)
        )
    return True


def test_the_json_schema_takes_what_the_tree_takes() -> None:
    schema = config_json_schema()
    assert _fits(schema, Config().model_dump())
    for good in (
        {}, {"trunk": "shared"}, {"trunk": {"width": 3}}, {"trunk": {"name": "shared", "width": 3}},
        {"trunk": {"name": "shared", "options": {"width": 3}}}, {"losses": {"ordinal": "corn"}},
        {"backbone": "timm:resnet18"}, {"backbone": "dinov2-base"}, {"attributes": None},
        {"attributes": ["a"]}, {"learning_rate": 1}, {"backbone": {"fit": "pad"}},
    ):  # fmt: skip
        load_config(**good)
        assert _fits(schema, good), good


@pytest.mark.parametrize(
    "bad",
    [
        {"epoch": 3}, {"epochs": 0}, {"epochs": "3"}, {"epochs": True}, {"trunk": "shard"}, {"trunk": {"widht": 3}},
        {"trunk": {"name": "shared", "widht": 3}}, {"trunk": {"width": "3"}}, {"losses": {"ordinal": "cross_entropy"}},
        {"losses": {"ordnal": "corn"}}, {"levels": "some"}, {"attributes": "a"}, {"val_ratio": 1}, {"val_ratio": 0},
        {"backbone": {"fit": "cropp"}}, {"preset": "fsat"},
    ],
)  # fmt: skip
def test_the_json_schema_refuses_what_the_tree_refuses(bad: dict[str, Any]) -> None:
    from facetwise.errors import ConfigError

    with pytest.raises(ConfigError):
        load_config(**bad)
    assert not _fits(config_json_schema(), bad)


def test_the_schema_of_the_schema_has_the_keys_that_are_read() -> None:
    schema = data_json_schema()
    assert set(schema["properties"]) == schema_file._TOP
    attribute = schema["properties"]["attributes"]["items"]["properties"]
    assert set(attribute) == schema_file._ATTRIBUTE
    assert set(attribute["parent"]["properties"]) == schema_file._PARENT


def test_the_schema_of_the_schema_takes_what_is_written() -> None:
    from facetwise.schema import Attribute, Kind, Schema, schema_to_dict

    attributes = (
        Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=("shoe", "shirt")),
        Attribute(column="heel", id="a01", kind=Kind.ORDINAL, classes=("low", "high"), applies_to=("shoe",)),
        Attribute(column="price", id="a02", kind=Kind.NUMERIC, unit="€"),
        Attribute(column="tags", id="a03", kind=Kind.MULTILABEL, classes=("a", "b")),
    )
    schema = Schema(images=("image",), category="kind", attributes=attributes, groups={"all": ("heel", "price")})
    assert _fits(data_json_schema(), json.loads(json.dumps(schema_to_dict(schema))))
    assert not _fits(data_json_schema(), {"version": 1, "attributes": [{"kind": "categorical"}]})


@pytest.mark.parametrize("start", [False, True])
def test_the_commented_configuration_comes_back(tmp_path: Path, *, start: bool) -> None:
    path = tmp_path / "c.yaml"
    settings = ["trunk.width=64", "losses.numeric.beta=2", "attributes=[NO, 'a # b', 2010]", "exclude=[]  #\tx"]
    resolved = resolve_config(None, settings, preset="fast", category="\x1b[31m\nx")
    text = commented_config(resolved, start=start)
    path.write_text(text, encoding="utf-8")
    assert load_config(path) == resolved.config
    assert "\x1b" not in text
    for facts in describe_fields():
        assert facts.meaning in text


def test_a_file_to_start_from_leaves_defaults_out() -> None:
    text = commented_config(resolve_config(None, ["epochs=3"]), start=True)
    active = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert active == ["epochs: 3"]
