"""Lines that do not fit, quotes that do not close, names that collide: every one said, with its row."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.data import complete_schema, encode, infer, read_table, split_rows
from facetwise.data._separated import _complaints, _Lines, _quickly, read_separated
from facetwise.errors import TableError
from facetwise.schema import schema_from_dict, schema_to_dict


def complaints(text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(TableError) as caught:
        read_separated(text, "t.csv")
    return [(complaint.row, str(complaint)) for complaint in caught.value.complaints]


def test_every_ragged_line_is_named_and_many_are_counted() -> None:
    text = "a,b\n" + "".join("1,2\n" if row % 3 else "1\n" for row in range(3000))
    found = complaints(text)
    assert found[0][0] is None
    assert "1,000 complaints" in found[0][1]
    assert [row for row, _ in found[1:4]] == [1, 4, 7]
    few = complaints("a,b\n1\n1,2\n\n1,2,3\n")
    assert [row for row, _ in few] == [1, 3]
    assert "t.csv, line 5, row 3" in few[1][1]  # a blank line stands before it


def test_open_quotes_name_the_line_where_they_open() -> None:
    assert "line 3, row 2: a quoted cell is closed" in complaints('a,b\n1,2\n1,"2\n1,2\n1,2\n')[0][1]
    assert [row for row, _ in complaints('a,b\n"1" x,2\n1,2\n"3"y,2\n')] == [1, 3]
    assert "line 1: a quoted cell is closed" in complaints('"a,b\n1,2\n')[0][1]


def test_a_quote_inside_a_bare_cell_is_text() -> None:
    assert read_separated('a,b\n5" pipe,x\n', "t").column("a").tolist() == ['5" pipe']


def test_endless_cells_and_endless_headers_end(tmp_path: Path) -> None:
    assert "field larger than field limit" in complaints("a,b\n1," + "x" * (1 << 24) + "y\n")[0][1]
    assert "at most 16,384 columns" in complaints(",".join(map(str, range(20_000))) + "\n1\n")[0][1]
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1," + "x" * (1 << 20) + "\n")
    assert len(read_table(path).column("b")[0]) == 1 << 20


def test_columns_without_a_name() -> None:
    table = read_separated("a,b,,\n1,2,,\n", "t")
    assert table.columns == ("a", "b")
    assert [notice.code for notice in table.notices] == ["empty-column"]
    assert read_separated(",b\n0,x\n1,y\n", "t").columns == ("", "b")
    assert "'' 2 times" in complaints(",,b\n0,1,x\n")[0][1]
    index = read_separated("," + "b,image\n" + "".join(f"{row},{'xy'[row % 2]},{row}.jpg\n" for row in range(40)), "t")
    assert infer(index).reading("").reason.startswith("the column has no name")


NAMES = [
    "type", "a.b", "<script>alert(1)</script>", "../x", "x" * 300, "\U0001f600", "\x1b[31mred\x1b[0m", "Colour",
    "colour", "None", "nan", "self", "0", "NO", "key: value", "a\nb", "'", '"q"', "{x}", "=cmd|' /C calc'!A1", "class",
    "__class__",
]  # fmt: skip


def test_hostile_names_are_only_ever_data(tmp_path: Path) -> None:
    columns = {name: ["red", "blue", "green"] * 20 for name in NAMES}
    table = read_table({"image": [f"{row}.jpg" for row in range(60)], **columns})
    assert "names-alike" in [notice.code for notice in table.notices]
    structure = infer(table)
    split = split_rows(table, structure)
    schema, _ = complete_schema(structure, table, split.rows("train"))
    assert [a.column for a in schema.attributes] == NAMES
    assert len({a.id for a in schema.attributes}) == len(NAMES)
    assert schema_from_dict(schema_to_dict(schema)) == schema
    assert (encode(schema, table)[0].index >= 0).all()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=',;|\t"\n\r ax\u00e9', max_size=60), st.sampled_from([",", ";", "\t", "|"]))
def test_the_quick_way_and_the_exact_way_agree(text: str, separator: str) -> None:
    """The quick way refuses exactly where the exact way complains, so that nobody is told nothing."""
    quick = _quickly(_Lines(text, 0), separator)
    _, found = _complaints(_Lines(text, 0), separator, "t")
    assert (quick is None) == bool(found)
