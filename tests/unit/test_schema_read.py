"""A schema file with mistakes: all of them at once, none as a traceback; and the places of the packed logits."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.errors import SchemaError
from facetwise.schema import Attribute, Coding, Kind, Parent, Schema, read_schema, schema_from_dict, schema_to_dict
from made_facets import made_schema, shuffled


def _said(data: object) -> str:
    with pytest.raises(SchemaError) as caught:
        schema_from_dict(data)
    return str(caught.value)


def test_all_mistakes_of_form_at_once() -> None:
    text = _said(
        {
            "version": 2,
            "imge": "image",
            "category": 5,
            "attributes": [
                {"column": "a", "kind": "categoricl", "classes": [False, 2010]},
                {"column": "b", "kind": "numeric", "transfrm": "log", "own_applicability": "yes"},
                {"kind": "binary"},
                {"column": "c", "kind": "ordinal", "classes": "one", "parent": ["x"], "applies_to": ["Heels"]},
            ],
            "groups": ["a"],
        }
    )
    for word in ("version", "did you mean image", "category", "did you mean categorical", "False", "2010",
                 "did you mean transform", "own_applicability", "attributes[2]", "parent", "applies_to",
                 "groups"):  # fmt: skip
        assert word in text, word


def test_all_mistakes_of_meaning_at_once() -> None:
    text = _said(
        {
            "version": 1,
            "category": "colour",
            "attributes": [
                {"column": "colour", "id": "a00", "kind": "binary", "classes": ["x", "y", "z"]},
                {"column": "colour", "id": "a00", "kind": "categorical", "classes": ["x", "x"]},
                {"column": "b", "id": "B 1", "kind": "ordinal", "classes": ["one"]},
                {"column": "c", "id": "a03", "kind": "numeric", "classes": ["one"]},
                {"column": "d", "id": "a04", "kind": "multilabel", "transform": "log"},
            ],
            "groups": {"g": ["nothing"]},
            "unknown": ["NA"],
            "not_applicable": ["NA"],
        }
    )
    for word in ("3 classes", "'x' twice", "'colour' twice", "'a00' twice", "'B 1'", "numeric attribute has no classes",
                 "transform", "'nothing'", "'NA'"):  # fmt: skip
        assert word in text, word


@pytest.mark.parametrize("data", [None, [], "x", 3, {}, {"version": 1}, {"version": 1, "attributes": {}},
                                  {"version": 1, "attributes": [None, 3]}, {"version": 1, "attributes": [{}]},
                                  {"version": True, "attributes": []}])  # fmt: skip
def test_odd_data_is_a_complaint(data: object) -> None:
    assert _said(data)


def test_odd_files_are_complaints(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "latin.yaml").write_bytes(b"column: \xff\xfe")
    (tmp_path / "binary.yaml").write_bytes(b"\x00\x01")
    for name in ("broken.yaml", "latin.yaml", "binary.yaml", "nowhere.yaml"):
        with pytest.raises(SchemaError, match=name):
            read_schema(tmp_path / name)


def test_names_that_answers_need_for_themselves_are_refused_at_once() -> None:
    """An answer is `image`, `issue` and per attribute COLUMN, COLUMN:state, COLUMN:confidence, in one row."""
    tails = ("state", "confidence", "set", "low", "high", "given")
    names = ("colour", "image", "issue", *(f"colour:{tail}" for tail in tails))
    data = {
        "version": 1, "image": "file",
        "attributes": [{"column": name, "kind": "binary", "classes": ["no", "yes"]} for name in names],
    }  # fmt: skip
    lines = _said(data).splitlines()
    for name in names[1:]:
        [line] = [line for line in lines if repr(name) in line]
        assert "rename the column" in line
        assert "--exclude" in line
    assert not any("Found 'colour'" in line for line in lines)


def test_names_that_only_look_like_an_answer_are_kept() -> None:
    """The picture's own column is no attribute, and a tail means something only behind an attribute's column."""
    names = ("colour", "size:state", "colour:state:of", "Image", "issues")
    data = {
        "version": 1, "image": "image",
        "attributes": [{"column": name, "kind": "binary", "classes": ["no", "yes"]} for name in names],
    }  # fmt: skip
    assert tuple(schema_from_dict(data).index) == names


def test_a_circle_of_parents_is_refused() -> None:
    def leaf(column: str, above: str) -> Attribute:
        of = {"x": "x", "y": "y"}
        return Attribute(
            column=column, id=column, kind=Kind.CATEGORICAL, classes=("x", "y"), parent=Parent(column=above, of=of)
        )

    for attributes in (
        (leaf("a", "b"), leaf("b", "a")),
        (leaf("a", "a"),),
        (leaf("a", "b"), leaf("b", "c"), leaf("c", "b")),
    ):
        with pytest.raises(SchemaError):
            Schema(images=("image",), attributes=attributes)


def test_a_class_that_nothing_leads_to_is_refused() -> None:
    coarse = Attribute(column="coarse", id="a00", kind=Kind.CATEGORICAL, classes=("x", "y", "z"))
    for alone in ((), ("x",), ("y", "z")):
        parent = Parent(column="coarse", of={"p": "x", "q": "x"}, alone=alone)
        fine = Attribute(column="fine", id="a01", kind=Kind.CATEGORICAL, classes=("p", "q"), parent=parent)
        if alone == ("y", "z"):
            assert all(Schema(images=("image",), attributes=(coarse, fine)).layout().blocks[0].leaves)
            continue
        with pytest.raises(SchemaError, match="add 'z' to 'alone'"):
            Schema(images=("image",), attributes=(coarse, fine))


def test_a_mutated_dictionary_never_escapes_as_a_traceback() -> None:
    """Every value of a good file, replaced by something odd: a schema or a complaint, nothing else."""

    def paths(data: object, here: tuple = ()) -> list[tuple]:
        inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
        return [here, *(path for key, value in inner for path in paths(value, (*here, key)))]

    for path in paths(schema_to_dict(made_schema()))[1:]:
        for odd in (None, 3, True, "odd", [], {}, [1], {"a": 1}, [None], {"column": "x"}):
            data = schema_to_dict(made_schema())
            inner = data
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = odd
            try:
                schema_from_dict(data)
            except SchemaError as error:
                assert str(error)  # noqa: PT017 - most of the changes are mistakes, some are not


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9999))
def test_the_layout_covers_every_logit_and_score_once(seed: int) -> None:
    import numpy as np

    schema = shuffled(made_schema(), np.random.default_rng(seed))
    layout = schema.layout()
    own = [c for block in layout.blocks for c in range(block.start, block.stop)]
    own += [block.applicability for block in layout.blocks if block.applicability is not None]
    assert sorted(own) == list(range(layout.num_logits))
    assert [c for block in layout.blocks for c in range(block.score_start, block.score_stop)] == list(
        range(layout.num_scores)
    )
    assert len(set(layout.names)) == len(layout.names) == len(layout.owner)
    assert set(layout.names) == set(made_schema().layout().names)
    for attribute, block in zip(schema.attributes, layout.blocks, strict=True):
        if block.coding in (Coding.SOFTMAX, Coding.SUM):
            leaves = [leaf for group in block.leaves for leaf in group]
            assert len(block.leaves) == len(attribute.classes)
            assert len(set(leaves)) == len(leaves)
        if block.coding is Coding.SUM:
            assert block.start == block.stop
    fine, department = (layout.blocks[schema.index[name]] for name in ("fine", "department"))
    assert sorted(leaf for group in department.leaves for leaf in group) == list(range(fine.start, fine.stop))
