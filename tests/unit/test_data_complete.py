"""Classes, applicability and parents come from training rows and from nothing else."""

import numpy as np
import pytest

from facetwise.data import Table, complete_schema, encode, infer
from facetwise.data._spelling import canonical
from facetwise.errors import ConfigError, TableError
from facetwise.schema import VALUE, Attribute, Kind, Parent, Rule, Schema

ROWS = 240


def table(**columns: list[str]) -> Table:
    rows = len(next(iter(columns.values())))
    return Table.of({"image": [f"{n}.jpg" for n in range(rows)], **columns})


def cycle(*values: str, rows: int = ROWS) -> list[str]:
    return [values[n % len(values)] for n in range(rows)]


def complete(data: Table, rows: np.ndarray | None = None, **options: object):
    return complete_schema(infer(data), data, np.arange(len(data)) if rows is None else rows, **options)


def test_rare_classes_are_unknown_and_listed() -> None:
    colours = cycle("red", "blue")
    colours[:3] = ["teal"] * 3
    schema, notices = complete(table(colour=colours))
    assert schema.attribute("colour").classes == ("blue", "red")
    assert any(n.code == "rare-classes" and "'teal'" in n.message and n.column == "colour" for n in notices)


@pytest.mark.parametrize("kind", [Kind.CATEGORICAL, Kind.MULTILABEL])
def test_letters_with_and_without_a_mark_of_their_own_are_one_class(kind: Kind) -> None:
    """Two programs write one word in two ways that nobody can tell apart: é, and e with an accent behind it."""
    whole, apart = "caf\u00e9", "cafe\u0301"
    lone = cycle(whole, "tea", whole, "tea", apart)
    cells = lone if kind is Kind.CATEGORICAL else [f"{cell}|hot" if n % 3 else cell for n, cell in enumerate(lone)]
    data = table(drink=cells)
    schema, _ = complete(data)
    drink = schema.attribute("drink")
    assert drink.kind is kind
    # Spelled as most rows spell it.
    assert set(drink.classes) == {whole, "tea"} | ({"hot"} if kind is Kind.MULTILABEL else set())
    labels, notices = encode(schema, data)
    assert notices == []
    assert (labels.state == VALUE).all()
    there = labels.index[:, 0] == drink.classes.index(whole)
    if kind is Kind.MULTILABEL:
        there = labels.members[:, drink.classes.index(whole)] == 1
    assert there.tolist() == [cell != "tea" for cell in lone]


def test_declared_classes_that_differ_by_such_a_mark_alone_stay_two() -> None:
    whole, apart = "caf\u00e9", "cafe\u0301"
    drink = Attribute(column="drink", id="a00", kind=Kind.CATEGORICAL, classes=(whole, apart))
    labels, _ = encode(Schema(images=("image",), attributes=(drink,)), table(drink=[whole, apart]))
    assert labels.index[:, 0].tolist() == [0, 1]


def test_only_training_rows_count() -> None:
    colours = ["red", "blue"] * 100 + ["teal"] * 40
    schema, _ = complete(table(colour=colours), np.arange(200))
    assert schema.attribute("colour").classes == ("blue", "red")
    mask = np.arange(ROWS) < 200
    assert complete(table(colour=colours), mask)[0] == schema


def test_attributes_without_enough_are_left_out_and_said_so() -> None:
    rare = ["1", *["0"] * (ROWS - 1)]
    few = [f"{n}.5" if n < 6 else "" for n in range(ROWS)]
    schema, notices = complete(table(flag=rare, size=few, colour=cycle("a", "b")))
    assert [a.column for a in schema.attributes] == ["colour"]
    assert {n.column for n in notices if n.code == "left-out"} == {"flag", "size"}


def test_classes_are_sorted_as_people_count() -> None:
    schema, _ = complete(table(step=cycle("10", "9", "8", "11"), name=cycle("b 10", "b 9", "a")))
    assert schema.attribute("step").classes == ("8", "9", "10", "11")
    assert schema.attribute("name").classes == ("a", "b 9", "b 10")


def test_one_and_one_point_nought_are_one_class() -> None:
    schema, _ = complete(table(step=cycle("1", "2", "3", "1.0", "1", "2", "3")))
    assert schema.attribute("step").classes == ("1", "2", "3")


def test_long_codes_stay_apart() -> None:
    codes = [f"10000000000000000{n}" for n in (1, 2, 3)]
    schema, _ = complete(table(brand=cycle(*codes)))
    assert schema.attribute("brand").classes == tuple(codes)
    assert [canonical(text) for text in ("+5", "-0", "7.00", codes[0] + ".0")] == ["5", "0", "7", codes[0]]


def fashion() -> Table:
    kinds = cycle("shoe", "shirt", "bag")
    kinds[:6] = ["hat"] * 6
    generator = np.random.default_rng(0)
    heel = [generator.choice(["flat", "high", ""]) if kind == "shoe" else "" for kind in kinds]
    return table(kind=kinds, heel=heel, colour=cycle("red", "blue", "green", "black", "blue"))


def test_applicability_is_mined() -> None:
    schema, notices = complete(fashion())
    heel = schema.attribute("heel")
    assert schema.category == "kind"
    assert (heel.applies_to, heel.undecided) == (("shoe",), ("hat",))
    assert schema.attribute("colour").applies_to is None
    assert any(n.code == "applies-to" for n in notices)


def test_one_value_is_enough_to_apply() -> None:
    data = fashion()
    data.cells["heel"][np.flatnonzero(data.column("kind") == "bag")[0]] = "flat"
    assert complete(Table.of(data.cells))[0].attribute("heel").applies_to == ("bag", "shoe")


def test_without_the_category_nothing_depends_on_it() -> None:
    schema, _ = complete(fashion(), exclude=["kind"])
    assert schema.category is None
    assert schema.attribute("heel").applies_to is None


def test_not_applicable_texts_without_a_category_get_a_sigmoid() -> None:
    schema, _ = complete(table(heel=cycle("flat", "high", "N/A", "flat"), colour=cycle("a", "b")))
    assert schema.attribute("heel").own_applicability
    assert schema.attribute("heel").classes == ("flat", "high")


def chain(slips: int = 0) -> Table:
    fine = cycle("granny", "gala", "conference", "bartlett", "carrot", "beet", "swede", "chives")
    coarse = {"granny": "apple", "gala": "apple", "conference": "pear", "bartlett": "pear"} | dict.fromkeys(
        ["carrot", "beet", "swede"], "root"
    )
    middle = [coarse.get(name, "herb") for name in fine]
    top = ["fruit" if name in ("apple", "pear") else "vegetable" for name in middle]
    for slip in range(slips):
        top[slip * 8] = "vegetable"
    return table(fine=fine, middle=middle, top=top)


def test_parents_form_a_chain() -> None:
    schema, _ = complete(chain())
    assert schema.attribute("fine").parent is not None
    assert schema.attribute("fine").parent.column == "middle"
    assert schema.attribute("fine").parent.of["gala"] == "apple"
    assert schema.attribute("middle").parent.column == "top"
    assert schema.attribute("top").parent is None


def test_one_contradiction_is_enough_and_is_said() -> None:
    schema, notices = complete(chain(slips=1))
    assert schema.attribute("middle").parent is None
    said = [n for n in notices if n.code == "no-parent" and n.column == "middle"]
    assert len(said) == 1
    assert said[0].rows == (1,)


def test_alone_lists_parents_without_a_child() -> None:
    data = chain()
    data.cells["fine"][0] = ""  # an apple of no known sort
    data.cells["fine"][2] = "abate"  # a pear of a rare sort
    schema, _ = complete(Table.of(data.cells))
    assert schema.attribute("fine").parent.alone == ("apple", "pear")


def test_gaps_in_a_parent_follow_from_the_child_but_other_texts_contradict() -> None:
    data = chain()
    data.cells["middle"][5] = ""
    assert complete(Table.of(data.cells))[0].attribute("fine").parent.column == "middle"
    data.cells["middle"][5] = "rare"
    parent = complete(Table.of(data.cells))[0].attribute("fine").parent
    assert parent is not None
    assert parent.column == "top"


def test_a_class_never_seen_with_the_parent_has_none() -> None:
    data = chain()
    data.cells["middle"][data.column("fine") == "gala"] = ""
    assert complete(Table.of(data.cells))[0].attribute("fine").parent.column == "top"


def test_chance_makes_no_parent() -> None:
    generator = np.random.default_rng(3)
    data = table(a=[f"a{n}" for n in generator.integers(6, size=60)], b=cycle(*["x"] * 29, "y", rows=60))
    assert complete(data, min_count=1)[0].attribute("a").parent is None


def test_ids_follow_names_not_columns() -> None:
    data = fashion()
    turned = Table.of({name: data.cells[name] for name in ("image", "colour", "heel", "kind")})
    ids = [{a.column: a.id for a in complete(t)[0].attributes} for t in (data, turned)]
    assert ids[0] == ids[1]


def test_the_order_of_rows_changes_nothing() -> None:
    data = fashion()
    order = np.random.default_rng(0).permutation(ROWS)
    assert complete(data)[0] == complete(data.take(order))[0]


def test_columns_are_chosen_by_name() -> None:
    schema, _ = complete(fashion(), attributes=["colour", "heel"], exclude=["heel", "image"])
    assert [a.column for a in schema.attributes] == ["colour"]
    with pytest.raises(ConfigError) as caught:
        complete(fashion(), attributes=["color"], exclude=["hel"])
    assert len(caught.value.complaints) == 2
    assert "did you mean colour" in str(caught.value)


def test_nothing_to_learn_is_an_error_with_reasons() -> None:
    with pytest.raises(TableError, match="flag"):
        complete(table(flag=["1", *["0"] * (ROWS - 1)]))


def declared() -> Schema:
    kind = Attribute(column="kind", id="k", kind=Kind.CATEGORICAL, classes=("bag", "hat", "scarf", "shirt", "shoe"))
    heel = Attribute(column="heel", id="h", kind=Kind.CATEGORICAL, classes=("flat", "high"), applies_to=("shoe", "hat"))
    return Schema(images=("image",), attributes=(kind, heel), category="kind")


def test_what_is_declared_is_kept() -> None:
    data = fashion()
    schema, notices = complete_schema(declared(), data, np.arange(100, 200))
    assert schema == declared()
    assert [(n.code, n.column) for n in notices] == [("few-rows", "kind")]
    assert "'scarf' (0)" in notices[0].message


def test_a_declared_column_must_exist() -> None:
    with pytest.raises(TableError, match="did you mean kinds"):
        complete_schema(declared(), table(kinds=cycle("a"), heel=cycle("b")), np.arange(5))


def test_a_reduced_schema_closes_its_chain() -> None:
    top = Attribute(column="top", id="t", kind=Kind.CATEGORICAL, classes=("f", "v"))
    middle = Attribute(
        column="middle",
        id="m",
        kind=Kind.CATEGORICAL,
        classes=("a", "r"),
        parent=Parent(column="top", of={"a": "f", "r": "v"}),
    )
    fine = Attribute(
        column="fine",
        id="x",
        kind=Kind.CATEGORICAL,
        classes=("g", "c"),
        parent=Parent(column="middle", of={"g": "a", "c": "r"}, alone=("a",)),
    )
    schema = Schema(images=("image",), attributes=(fine, middle, top))
    reduced, _ = complete_schema(schema, chain_of_three(), np.arange(10), exclude=["middle"])
    assert reduced.attribute("fine").parent == Parent(column="top", of={"g": "f", "c": "v"}, alone=("f",))


def test_what_speaks_of_a_column_that_is_gone_goes_with_it_and_is_said() -> None:
    kind = Attribute(column="kind", id="k", kind=Kind.CATEGORICAL, classes=("a", "b"))
    heel = Attribute(
        column="heel", id="h", kind=Kind.CATEGORICAL, classes=("flat", "high"),
        prompts=(("", ("a {category} with {value}", "{value} heels")), ("high", ("a high {category}",))),
    )  # fmt: skip
    colour = Attribute(column="colour", id="c", kind=Kind.CATEGORICAL, classes=("r", "s"))
    gone = Rule(given=(("kind", ("a",)),), column="heel", classes=("flat",))
    kept = Rule(given=(("colour", ("r",)),), column="heel", classes=("high",), never=True)
    schema = Schema(images=("image",), attributes=(kind, heel, colour), category="kind", rules=(gone, kept))
    data = table(kind=cycle("a", "b"), heel=cycle("flat", "high"), colour=cycle("r", "r", "s"))
    for options in ({"exclude": ["kind"]}, {"attributes": ["heel", "colour"]}):
        reduced, notices = complete_schema(schema, data, np.arange(ROWS), **options)
        assert reduced.rules == (kept,)
        assert reduced.attribute("heel").prompts == (("", ("{value} heels",)),)
        assert [(one.code, one.column) for one in notices] == [("rules-gone", None), ("prompts-gone", "heel")]
        assert "'kind'" in notices[0].message
        assert str(gone) in notices[0].message
        assert "2 of 3 prompts" in notices[1].message
    assert complete_schema(schema, data, np.arange(ROWS), exclude=["colour"])[0].rules == (gone,)
    assert complete_schema(schema, data, np.arange(ROWS)) == (schema, [])


def chain_of_three() -> Table:
    return table(fine=["g", "c"] * 5, middle=["a", "r"] * 5, top=["f", "v"] * 5)
