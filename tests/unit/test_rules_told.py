"""Rules between attributes are told: what breaks them in a table, and what they did to answers."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.cli import run
from facetwise.data import broken_rules, encode, read_table, rules_kept
from facetwise.decisions import Policy, broken, count_rules, decide
from facetwise.schema import VALUE, Attribute, Kind, Labels, Rule, Schema, schema_to_yaml
from made_table import TINY, write_table

FRUIT = Attribute(column="fruit", id="a00", kind=Kind.CATEGORICAL, classes=("apple", "lime"))
COLOUR = Attribute(column="colour", id="a01", kind=Kind.CATEGORICAL, classes=("red", "green"))
GREEN = Rule(given=(("fruit", ("lime",)),), column="colour", classes=("green",))
NO_RED = Rule(given=(("fruit", ("lime",)),), column="colour", classes=("red",), never=True)


def _schema(*rules: Rule) -> Schema:
    return Schema(images=("image",), attributes=(FRUIT, COLOUR), rules=rules)


def _decided(schema: Schema, policy: Policy | None = None, given: Labels | None = None):
    """Apple and red; lime and, nearly as probably green, red; lime and green; lime that does not apply to a colour."""
    scores = np.array(
        [[0.9, 0.1, 0.9, 0.1], [0.1, 0.9, 0.6, 0.4], [0.1, 0.9, 0.2, 0.8], [0.1, 0.9, 0.6, 0.4]], np.float32
    )
    applies = np.array([[1, 1], [1, 1], [1, 1], [1, 0.1]], np.float32)
    if given is not None:
        scores[1] = [0, 1, 1, 0]
    return decide(schema, scores, applies, policy=policy, given=given)


@pytest.mark.parametrize("declared", [True, False])
def test_repairs_are_counted_by_rule(declared: bool) -> None:
    schema, policy = (_schema(GREEN), Policy()) if declared else (_schema(), Policy(rules=(GREEN,)))
    decisions = _decided(schema, policy)
    assert decisions.index[:, 1].tolist() == [0, 1, 1, 0]
    [one] = count_rules(schema, decisions, policy=policy)
    assert (one.rule, one.declared, one.repaired, one.left) == (GREEN, declared, 1, 0)
    assert count_rules(_schema(), _decided(_schema())) == []


def test_what_is_known_and_breaks_a_rule_is_left_and_counted() -> None:
    index = np.array([[-1, -1], [1, 0], [-1, -1], [-1, -1]], np.int32)
    given = Labels(
        state=np.where(index >= 0, VALUE, 0).astype(np.int8), index=index, members=Labels.no_members(4, 4),
        number=np.full(index.shape, np.nan),
    )  # fmt: skip
    schema = _schema(GREEN, NO_RED)
    decisions = _decided(schema, given=given)
    assert broken(schema, [GREEN], decisions.index, decisions.state == VALUE)[:, 0].tolist() == [
        False,
        True,
        False,
        False,
    ]
    told = count_rules(schema, decisions, given=given)
    assert [(one.rule, one.repaired, one.left) for one in told] == [(GREEN, 0, 1), (NO_RED, 0, 1)]


def test_a_table_is_held_against_declared_and_mined_rules() -> None:
    fruit = ["lime"] * 300 + ["apple"] * 300
    colour = ["green"] * 299 + ["red"] + ["red"] * 250 + ["green"] * 49 + [""]
    table = read_table({"image": [f"{n}.png" for n in range(600)], "fruit": fruit, "colour": colour})
    schema = _schema(GREEN)
    labels, _ = encode(schema, table)
    found = rules_kept(schema, table, labels)
    one = found[0]
    assert (one.rule, one.declared, one.support, one.broken, one.rows) == (GREEN, True, 300, 1, (300,))
    # What is declared is not told a second time as mined.
    assert [one.rule for one in found].count(GREEN) == 1
    [notice] = broken_rules(schema, table, labels)
    assert (notice.column, notice.rows) == ("colour", (300,))
    assert "broken by 1 of the 300 rows" in notice.message
    bare, _ = encode(_schema(), table)
    mined = rules_kept(_schema(), table, bare)
    assert not any(one.declared for one in mined)
    exceptions = [one for one in mined if one.broken]
    assert exceptions == mined[: len(exceptions)]
    assert any(one.rows == (300,) for one in exceptions)
    assert broken_rules(_schema(), table, bare) == []
    # Of a long table some rows are looked at, and they are named by their own numbers.
    some = rules_kept(_schema(), table, bare, most=599)
    assert {one.rows for one in some if one.broken} <= {one.rows for one in exceptions}


def test_what_is_said_of_a_mined_rule_is_what_its_rows_say() -> None:
    """Support, exceptions and rows come from where the rule was mined; one by one they are the same."""
    generator = np.random.default_rng(0)
    kind = generator.integers(0, 4, 900)
    columns = {"image": [f"{n}.png" for n in range(900)], "kind": [f"k{code}" for code in kind]}
    for number, noise in enumerate((0.0, 0.01, 0.03)):
        code = np.where(generator.random(900) < noise, generator.integers(0, 3, 900), kind % 3)
        columns[f"c{number}"] = [
            "" if empty else f"v{one}" for one, empty in zip(code, generator.random(900) < 0.2, strict=True)
        ]
    table = read_table(columns)
    schema = fw.inspect(columns).schema
    labels, _ = encode(schema, table)
    found = rules_kept(schema, table, labels)
    assert {one.rule.never for one in found} == {False, True}
    assert {bool(one.broken) for one in found} == {False, True}
    for one in found:
        sides = [one.rule, replace(one.rule, never=not one.rule.never)]
        wrong, right = broken(schema, sides, labels.index, labels.state == VALUE).T
        assert (one.support, one.broken) == (wrong.sum() + right.sum(), wrong.sum())
        assert one.rows == tuple((np.flatnonzero(wrong)[:5] + 1).tolist())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A table whose size follows from its colour but in three rows, and a schema that says so."""
    folder = tmp_path_factory.mktemp("rules")
    table, features = write_table(folder)
    frame = pl.read_csv(table)
    colour, size = frame["colour"].to_list(), frame["size"].to_list()
    red = [row for row, one in enumerate(colour) if one == "red"]
    for row in red[3:]:
        size[row] = "S"
    for row in red[:3]:
        size[row] = "L"
    frame.with_columns(pl.Series("size", size)).write_csv(table)
    schema = fw.inspect(table).schema
    rule = Rule(given=(("colour", ("red",)),), column="size", classes=("S",))
    (folder / "own.yaml").write_text(schema_to_yaml(replace(schema, rules=(rule,))), encoding="utf-8")
    return table, features, folder / "own.yaml"


def _say(*words: object) -> str:
    """What a command of this process prints."""
    sink = io.StringIO()
    with redirect_stdout(sink):
        assert run([str(word) for word in words]) == 0
    return sink.getvalue()


def test_inspect_tells_rows_that_break_a_declared_rule(made: tuple[Path, Path, Path]) -> None:
    table, _, schema = made
    found = fw.inspect(table, schema=schema)
    one = found.rules[0]
    assert (str(one.rule), one.declared, one.broken, len(one.rows)) == ("colour red → size S", True, 3, 3)
    said = json.loads(_say("inspect", table, "--schema", schema, "--json"))
    assert said["rules"][0]["rule"] == {"if": {"colour": ["red"]}, "then": {"size": ["S"]}}
    assert said["rules"][0]["rows"] == list(one.rows)
    assert said["schema"] == str(schema)
    told = _say("inspect", table, "--schema", schema)
    assert "colour red → size S" in told
    assert "Schema written" not in told


def test_inspect_shows_what_is_left_out_where_it_shows_the_kind(tmp_path: Path) -> None:
    lines = [
        f"{n}.png,{'red' if n % 2 else 'blue'},{('1 inch', '2 inches')[n % 2] if n < 4 else ''}" for n in range(60)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["image,colour,heel", *lines]), encoding="utf-8")
    told = _say("inspect", tmp_path / "t.csv", "--out", tmp_path / "s.yaml").splitlines()
    (heel,) = [line for line in told if line.startswith("heel")]
    (colour,) = [line for line in told if line.startswith("colour")]
    assert "left out" in heel
    assert "left out" not in colour
    assert any("'heel': It is left out" in line for line in told)


def test_predict_tells_what_was_repaired(made: tuple[Path, Path, Path]) -> None:
    table, features, schema = made
    trained = fw.train(table, features=features, schema=schema, out=table.parent / "run", settings=TINY)
    rows = np.load(features)
    answers = trained.predict_features(rows)
    loose = trained.predictor()
    loose.bundle = replace(trained.bundle, schema=replace(trained.bundle.schema, rules=()))
    free = loose(rows)
    colours, sizes = (
        np.array(trained.schema.attribute(name).classes)[free.index[:, trained.schema.index[name]]]
        for name in ("colour", "size")
    )
    wrong = int(((colours == "red") & (sizes != "S")).sum())
    assert wrong > 0
    [one] = answers.rules
    assert (one.repaired, one.left) == (wrong, 0)
