"""Rules between attributes: found where planted, repaired to the most probable consistent answer, stored."""

from itertools import product

import numpy as np
import pytest

from facetwise.decisions import (
    Policy,
    _mine_rules,
    broken,
    decide,
    mine_rules,
    policy_from_dict,
    policy_to_dict,
    repair,
)
from facetwise.errors import SchemaError
from facetwise.schema import VALUE, Attribute, Kind, Labels, Parent, Rule, Schema, schema_from_dict, schema_to_dict

FRUIT = Attribute(column="fruit", id="a00", kind=Kind.CATEGORICAL, classes=("apple", "plum", "lime"))
COLOUR = Attribute(column="colour", id="a01", kind=Kind.CATEGORICAL, classes=("red", "blue", "green", "white"))
SIZE = Attribute(column="size", id="a02", kind=Kind.ORDINAL, classes=("s", "m", "l"))
RULES = (
    Rule(given=(("fruit", ("lime",)),), column="colour", classes=("green",)),
    Rule(given=(("fruit", ("apple",)), ("colour", ("red",))), column="size", classes=("l",), never=True),
    Rule(given=(("colour", ("blue", "white")),), column="fruit", classes=("plum",)),
)


def _schema(**more: object) -> Schema:
    return Schema(images=("image",), attributes=(FRUIT, COLOUR, SIZE), **more)  # ty: ignore[invalid-argument-type]


def _labels(index: np.ndarray) -> Labels:
    state = np.where(index >= 0, VALUE, 0).astype(np.int8)
    return Labels(
        state=state, index=index.astype(np.int32), members=Labels.no_members(len(index), 10),
        number=np.full(index.shape, np.nan),
    )  # fmt: skip


def _chances(seed: int, count: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.dirichlet(np.ones(width), count) for width in (3, 4, 3)], axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_repair_is_the_most_probable_consistent_assignment(seed: int) -> None:
    schema, chances = _schema(), _chances(seed, 40)
    parts = [chances[:, block.scores] for block in schema.layout().blocks]
    index = np.stack([part.argmax(axis=1) for part in parts], axis=1)
    valued = np.ones(index.shape, dtype=bool)
    told = repair(schema, RULES, index, valued, chances)
    assert broken(schema, RULES, index, valued).any()
    assert not broken(schema, RULES, told.index, valued).any()
    assert not len(told.given_up)
    every = np.array(list(product(range(3), range(4), range(3))))
    kept = every[~broken(schema, RULES, every, np.ones(every.shape, dtype=bool)).any(axis=1)]
    for row in range(40):
        best = max(np.log([part[row, k] for part, k in zip(parts, one, strict=True)]).sum() for one in kept)
        own = np.log([part[row, k] for part, k in zip(parts, told.index[row], strict=True)]).sum()
        assert own == pytest.approx(best)


def test_rows_that_break_nothing_and_cells_that_do_not_apply_stay() -> None:
    schema, chances = _schema(), _chances(9, 30)
    index = np.stack([chances[:, block.scores].argmax(axis=1) for block in schema.layout().blocks], axis=1)
    nothing = np.zeros(index.shape, dtype=bool)
    np.testing.assert_array_equal(repair(schema, RULES, index, nothing, chances).index, index)
    valued = np.ones(index.shape, dtype=bool)
    fine = ~broken(schema, RULES, index, valued).any(axis=1)
    np.testing.assert_array_equal(repair(schema, RULES, index, valued, chances).index[fine], index[fine])


def test_known_cells_never_change_and_a_contradiction_of_them_is_given_up() -> None:
    schema = _schema()
    given = _labels(np.array([[2, -1, -1], [2, 0, -1]]))
    chances = np.tile([0.1, 0.1, 0.8, 0.9, 0.04, 0.03, 0.03, 0.4, 0.3, 0.3], (2, 1))
    told = repair(schema, RULES, np.array([[2, 0, 0], [2, 0, 0]]), np.ones((2, 3), dtype=bool), chances, given=given)
    assert told.index.tolist() == [[2, 2, 0], [2, 0, 0]]
    assert told.given_up.tolist() == [1]


def test_a_child_and_its_parent_change_together() -> None:
    kind = Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=("stone", "citrus"))
    parent = Parent(column="kind", of={"apple": "stone", "plum": "stone", "lime": "citrus"})
    fruit = Attribute(column="fruit", id="a01", kind=Kind.CATEGORICAL, classes=FRUIT.classes, parent=parent)
    colour = Attribute(column="colour", id="a02", kind=Kind.CATEGORICAL, classes=COLOUR.classes)
    schema = Schema(images=("image",), attributes=(kind, fruit, colour))
    rule = Rule(given=(("colour", ("red",)),), column="fruit", classes=("apple", "plum"))
    chances = np.array([[0.45, 0.55, 0.25, 0.2, 0.55, 0.97, 0.01, 0.01, 0.01]])
    told = repair(schema, (rule,), np.array([[1, 2, 0]]), np.ones((1, 3), dtype=bool), chances)
    assert told.index.tolist() == [[0, 0, 0]]


def test_decide_keeps_the_rules_of_the_schema_and_of_the_policy() -> None:
    scores = np.array([[0.1, 0.2, 0.7, 0.6, 0.1, 0.25, 0.05, 0.5, 0.3, 0.2]], dtype=np.float32)
    applies = np.ones((1, 3), dtype=np.float32)
    assert decide(_schema(), scores, applies).index.tolist() == [[2, 0, 0]]
    for told in (
        decide(_schema(rules=RULES[:1]), scores, applies),
        decide(_schema(), scores, applies, policy=Policy(rules=RULES[:1])),
    ):
        assert told.index.tolist() == [[2, 2, 0]]
        assert told.confidence[0, 1] == pytest.approx(0.25)


def test_planted_rules_are_mined_and_others_are_not() -> None:
    draw = np.random.default_rng(0)
    index = np.stack([draw.integers(0, 3, 2000), draw.integers(0, 4, 2000), draw.integers(0, 3, 2000)], axis=1)
    index[index[:, 0] == 2, 1] = 2  # lime → green
    index[(index[:, 1] == 3) & (index[:, 2] == 2), 2] = 0  # white → never l
    index[draw.random(index.shape) < 0.1] = -1
    found = {str(one.rule): one for one in mine_rules(_schema(), _labels(index))}
    assert set(found) == {"fruit lime → colour green", "colour white → never size l"}
    lime = found["fruit lime → colour green"]
    assert lime.support == ((index[:, 0] == 2) & (index[:, 1] >= 0)).sum()
    assert lime.broken == 0
    one = np.flatnonzero((index[:, 0] == 2) & (index[:, 1] >= 0))[0]
    index[one, 1] = 0
    assert "fruit lime → colour green" not in {str(one.rule) for one in mine_rules(_schema(), _labels(index))}
    assert "fruit lime → colour green" in {
        str(one.rule) for one in mine_rules(_schema(), _labels(index), most_broken=1)
    }


def test_a_rare_class_is_not_excluded_by_every_other() -> None:
    """Three of a hundred rows are white whatever the fruit; of limes one in a thousand is red, not a third."""
    draw = np.random.default_rng(0)
    index = np.stack([draw.integers(0, 3, 9000), draw.integers(0, 3, 9000), draw.integers(0, 3, 9000)], axis=1)
    index[draw.random(9000) < 0.03, 1] = 3
    index[(index[:, 0] == 2) & (index[:, 1] == 0) & (draw.random(9000) > 0.003), 1] = 1
    found = [str(one.rule) for one in mine_rules(_schema(), _labels(index), most_broken=len(index))]
    assert found == ["fruit lime → never colour red"]


@pytest.mark.parametrize("widths", [[3, 90, 2, 40], [3, 5], [90, 40], [7], [33]])
def test_pairs_of_classes_are_counted_alike_however_wide(widths: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mine_rules, "BLOCK", 128)
    draw = np.random.default_rng(0)
    codes = [draw.integers(-1, width, 500) for width in widths]
    hot = np.concatenate(
        [np.eye(width)[own] * (own >= 0)[:, None] for width, own in zip(widths, codes, strict=True)], axis=1
    )
    np.testing.assert_array_equal(_mine_rules._counts(codes, widths), hot.T @ hot)


def test_classes_of_few_rows_change_no_rule_of_the_others() -> None:
    """They count among the values of their attribute, and are in no rule themselves."""
    draw = np.random.default_rng(0)
    classes = (*(f"c{code}" for code in range(4)), *(f"rare {code}" for code in range(30)))
    many = Attribute(column="colour", id="a01", kind=Kind.CATEGORICAL, classes=classes)
    index = np.stack([draw.integers(0, 3, 3000), draw.integers(0, 4, 3000), draw.integers(0, 3, 3000)], axis=1)
    index[index[:, 0] == 2, 1] = 2
    index[draw.random(3000) < 0.3, 1] = -1
    before = {str(one.rule): one for one in mine_rules(_schema(), _labels(index))}
    assert set(before) == {"fruit lime → colour green"}
    rare = np.flatnonzero((index[:, 0] == 0) & (index[:, 1] >= 0))[:300]
    index[rare, 1] = 4 + np.arange(300) // 10
    schema = Schema(images=("image",), attributes=(FRUIT, many, SIZE))
    [found] = mine_rules(schema, _labels(index))
    lime = before["fruit lime → colour green"]
    assert str(found.rule) == "fruit lime → colour c2"
    assert (found.support, found.broken) == (lime.support, 0)
    asked = {str(one.rule) for one in mine_rules(schema, _labels(index), fewest=5, least=0.6)}
    assert {f"colour rare {code} → fruit apple" for code in range(30)} <= asked


def test_rules_travel_with_schema_and_policy() -> None:
    schema = _schema(rules=RULES)
    assert schema_from_dict(schema_to_dict(schema)).rules == RULES
    assert policy_from_dict(_schema(), policy_to_dict(Policy(rules=RULES))).rules == RULES
    old = {key: value for key, value in policy_to_dict(Policy()).items() if key != "rules"}
    assert policy_from_dict(_schema(), old).rules == ()
    with pytest.raises(ValueError, match="not about the schema's attributes"):
        policy_from_dict(_schema(), {**old, "rules": [{"if": {"fruit": ["kiwi"]}, "then": {"colour": ["green"]}}]})


def test_wrong_rules_are_all_named() -> None:
    data = schema_to_dict(_schema())
    data["rules"] = [
        {"if": {"fruit": ["lime"]}},
        {"when": {}, "then": {"colour": ["red"]}},
        {"if": {"fruit": [1]}, "then": {"colour": ["red"]}},
    ]
    with pytest.raises(SchemaError) as caught:
        schema_from_dict(data, place="schema.yaml")
    assert [f"rules[{n}]" in str(caught.value) for n in range(3)] == [True] * 3
    data["rules"] = [
        {"if": {"fruits": ["lime"]}, "then": {"colour": ["gren"]}},
        {"if": {"fruit": ["lime"]}, "never": {"fruit": ["plum"]}},
    ]
    with pytest.raises(SchemaError) as caught:
        schema_from_dict(data)
    said = str(caught.value)
    assert "did you mean fruit?" in said
    assert "did you mean green" in said
    assert "on both sides" in said
