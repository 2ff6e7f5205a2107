"""What training never saw: unknown for the loss, counted, and never an assumption about what applies."""

import numpy as np

from facetwise.data import Table, complete_schema, encode, infer
from facetwise.decisions import decide
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Schema

ROWS = 120


def table(**more: list[str]) -> Table:
    kinds = ["shoe", "top"] * (ROWS // 2)
    cells = {
        "image": [f"{row}.jpg" for row in range(ROWS)],
        "kind": kinds,
        "heel": [["flat", "high"][row // 2 % 2] if kind == "shoe" else "" for row, kind in enumerate(kinds)],
        "tags": [["a|b", "b|c", "c"][row % 3] for row in range(ROWS)],
    }
    return Table.of({name: [*texts, *more.get(name, [])] for name, texts in cells.items()})


def learned() -> Schema:
    data = table()
    return complete_schema(infer(data), data, np.arange(ROWS))[0]


def test_unseen_values_are_unknown_and_counted() -> None:
    schema = learned()
    new = table(image=["x.jpg", "y.jpg"], kind=["shoe", "shoe"], heel=["wedge", "high"], tags=["a|new", "new"])
    labels, notices = encode(schema, new, np.array([ROWS, ROWS + 1]))
    heel, tags = schema.index["heel"], schema.index["tags"]
    assert labels.state[:, heel].tolist() == [UNKNOWN, VALUE]
    assert labels.state[:, tags].tolist() == [VALUE, UNKNOWN]
    found = {notice.column: notice for notice in notices if notice.code == "unknown-class"}
    assert "'wedge'" in found["heel"].message
    assert found["heel"].rows == (ROWS + 1,)
    assert "2 cells hold 1 class that" in found["tags"].message


def test_an_unseen_category_assumes_nothing() -> None:
    """A top without a heel has none; a hat, never seen, may have anything: its empty cells stay unknown."""
    schema = learned()
    assert schema.category == "kind"
    assert schema.attribute("heel").applies_to == ("shoe",)
    new = table(image=["x.jpg", "y.jpg", "z.jpg"], kind=["hat", "top", ""], heel=["", "", ""], tags=["a", "a", "a"])
    labels, notices = encode(schema, new, np.arange(ROWS, ROWS + 3))
    heel, kind = schema.index["heel"], schema.index["kind"]
    assert labels.state[:, heel].tolist() == [UNKNOWN, NOT_APPLICABLE, UNKNOWN]
    assert labels.state[:, kind].tolist() == [UNKNOWN, VALUE, UNKNOWN]
    assert [notice.column for notice in notices if notice.code == "unknown-class"] == ["kind"]


def test_what_applies_to_an_unseen_category_is_decided_by_prediction() -> None:
    """P(heel applies) is what the model says about the category, whatever the table's own text was."""
    schema = learned()
    layout = schema.layout()
    scores = np.full((2, layout.num_scores), 0.5)
    applies = np.ones((2, len(schema.attributes)))
    applies[:, schema.index["heel"]] = [0.9, 0.2]
    decided = decide(schema, scores, applies)
    assert decided.state[:, schema.index["heel"]].tolist() == [VALUE, NOT_APPLICABLE]


def test_a_class_of_validation_alone_is_no_class_of_the_model() -> None:
    data = table(image=[f"n{n}.jpg" for n in range(30)], kind=["shoe"] * 30, heel=["wedge"] * 30, tags=["a"] * 30)
    schema, _ = complete_schema(infer(data), data, np.arange(ROWS))
    assert set(schema.attribute("heel").classes) == {"flat", "high"}
    labels, notices = encode(schema, data)
    assert (labels.state[ROWS:, schema.index["heel"]] == UNKNOWN).all()
    assert any("30 cells hold 1 class that" in notice.message for notice in notices)
