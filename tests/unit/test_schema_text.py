"""The text of a schema file: every mistake with its line, nothing that grows, nothing that YAML keeps to itself."""

from pathlib import Path

import pytest

from facetwise.errors import SchemaError
from facetwise.schema import read_schema

GOOD = """version: 1
image: "image"
attributes:
- {column: "colour", kind: categorical, classes: ["red", "blue"]}
- column: "size"
  kind: ordinal
  classes: ["S", "M"]
"""


def says(tmp_path: Path, text: str | bytes) -> list[str]:
    path = tmp_path / "schema.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SchemaError) as caught:
        read_schema(path)
    return [str(complaint).removeprefix(f"{path}") for complaint in caught.value.complaints]


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("ordinal", "ordnal").replace('"red"', "NO").replace("image:", "images:")
    found = says(tmp_path, text)
    assert [line.split(": ")[0] for line in found] == [":2", ":4", ":6"]
    assert "did you mean image" in found[0]
    assert "put it in quotes" in found[1]
    assert "did you mean ordinal" in found[2]


def test_a_missing_column_names_the_attribute(tmp_path: Path) -> None:
    [line] = says(tmp_path, GOOD.replace('column: "size"', 'columm: "size"'))
    assert line.startswith(":5: attributes[1]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a [1]\nb: [*a]\n", ":2: .*the alias *a"),
        ("a: &a [*a]\n", ":1: .*the alias *a"),
        ("[" * 100, ":1: .*more brackets"),
        ("version: 1\nversion: 1\n", ":2: version: a key stands once"),
        ("a: !!python/object/apply:os.system [x]\n", ":1: .*could not determine a constructor"),
        ("a: 2026-99-99\n", ": .*month must be in 1..12"),
        ("a: [\n", ":2: .*expected"),
        ("a: \x07\n", ": .*special characters"),
        ("? [a]\n: b\n", ":1: .*unhashable"),
        (b"\xff\xfe\xff", ": the file is YAML in UTF-8"),
        ("3", ": a schema is a mapping"),
        ("", ": a schema is a mapping"),
        ("<<: 3\n", ":1: .*merg"),
        (GOOD + 'unknown: ["\\ud800"]\n', ":8: unknown: a text can be written"),
        (GOOD + 'groups: {"\\ud800": [colour]}\n', ":8: groups: a text can be written"),
        (GOOD + 'group: "\\0"\n', ":8: group: a text can be written"),
        (GOOD + "group: 12\n", ":8: group: a name is text"),
    ],
)
def test_texts_that_are_no_schema(tmp_path: Path, text: str | bytes, expected: str) -> None:
    import re

    [line, *_] = says(tmp_path, text)
    assert re.match(expected.replace("*a", r"\*a"), line), line


def test_a_separator_stands_for_something(tmp_path: Path) -> None:
    text = GOOD.replace("kind: ordinal", 'kind: multilabel\n  separator: ""')
    assert "an empty separator" in says(tmp_path, text)[0]


def test_labels_of_parents_are_quoted_as_well(tmp_path: Path) -> None:
    text = GOOD.replace("kind: ordinal", 'kind: categorical\n  parent: {column: "colour", of: {S: NO, 12: "red"}}')
    found = says(tmp_path, text)
    assert sum("attributes[1].parent.of: a label is text" in line for line in found) == 2


def test_a_mark_at_the_start_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert [a.id for a in read_schema(path).attributes] == ["a00", "a01"]
