"""A class learnt from a few pictures: the others' scores stay to the bit where none of them is in sight."""

from dataclasses import replace

import numpy as np
import pytest

from facetwise.data import Table, encode
from facetwise.decisions import add_class, add_neighbours, before_learning, gather, with_learnt
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Parent, Schema

KIND = Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=("stone", "citrus"))
PARENT = Parent(column="kind", of={"plum": "stone", "lime": "citrus"})
FRUIT = Attribute(column="fruit", id="a01", kind=Kind.CATEGORICAL, classes=("plum", "lime"), parent=PARENT)
RIPE = Attribute(column="ripe", id="a02", kind=Kind.BINARY, classes=("no", "yes"))
RIPE_FIRST = Attribute(column="ripe", id="a01", kind=Kind.BINARY, classes=("no", "yes"))
OLD = Schema(images=("image",), attributes=(KIND, FRUIT, RIPE))


def test_there_and_back() -> None:
    new = add_class(OLD, "fruit", "peach", parent="stone")
    assert new.attribute("fruit").classes == ("plum", "lime", "peach")
    assert before_learning(new, {"a01": 1}) == OLD


def test_what_a_learnt_category_has_is_left_to_the_picture() -> None:
    """Nothing says that a stone has no skin: "not applicable" would be made up. What the others lack stays so."""
    skin = Attribute(column="skin", id="a02", kind=Kind.BINARY, classes=("no", "yes"), applies_to=("citrus",))
    peel = replace(skin, column="peel", id="a03", undecided=("stone",))
    old = Schema(images=("image",), attributes=(KIND, RIPE_FIRST, skin, peel), category="kind")
    new = add_class(add_class(old, "kind", "berry", parent=None), "kind", "nut", parent=None)
    for name in ("berry", "nut"):
        assert [one.applicability(name) for one in new.attributes] == [True, True, None, None]
    assert before_learning(new, {"a00": 2}) == old
    table = Table.of({
        "image": ["a.png", "b.png", "c.png"], "kind": ["stone", "nut", "nut"], "ripe": ["", "", ""],
        "skin": ["", "", "N/A"], "peel": ["", "", ""],
    })  # fmt: skip
    states = encode(replace(new, not_applicable=("N/A",)), table)[0].state
    assert states.tolist() == [
        [VALUE, UNKNOWN, NOT_APPLICABLE, UNKNOWN],
        [VALUE, UNKNOWN, UNKNOWN, UNKNOWN],
        [VALUE, UNKNOWN, NOT_APPLICABLE, UNKNOWN],
    ]


@pytest.mark.parametrize(("column", "parent"), [("ripe", None), ("kind", None), ("fruit", None), ("fruit", "berry")])
def test_what_cannot_be_learnt(column: str, parent: str | None) -> None:
    with pytest.raises(ValueError, match="Found"):
        add_class(OLD, column, "peach", parent=parent)


def test_neighbours_decide_what_is_new_and_the_network_the_rest() -> None:
    draw = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 6), 40, axis=0)[:80] + 0.05 * draw.standard_normal((80, 6))
    index = np.stack([np.repeat([0, 1], 40), np.repeat([0, 1], 40), np.zeros(80, int)], axis=1).astype(np.int32)
    labels = Labels(
        state=np.full((80, 3), VALUE, np.int8),
        index=index,
        members=Labels.no_members(80, 6),
        number=np.full((80, 3), np.nan),
    )
    old = gather(OLD, vectors, labels, [f"{n}.png" for n in range(80)], seed=0)
    new = add_class(OLD, "fruit", "peach", parent="stone")
    peaches = np.tile(np.eye(3, 6)[2], (25, 1)) + 0.05 * draw.standard_normal((25, 6))
    more = add_neighbours(OLD, new, old, "fruit", "peach", peaches, [f"peach{n}.png" for n in range(25)])
    assert len(more) == 105
    asked = np.concatenate([vectors[:2], peaches[:2]])
    scores = np.tile([0.7, 0.3, 0.7, 0.3, 0.4, 0.6], (4, 1))
    told = with_learnt(OLD, new, scores, more.votes(new, {}, asked), {"a01": 1})
    np.testing.assert_array_equal(told[:2], np.insert(scores[:2], 4, 0.0, axis=1))
    np.testing.assert_allclose(told[2:, 2:5], [[0, 0, 1]] * 2, atol=1e-6)
    np.testing.assert_allclose(told[2:, :2], [[1, 0]] * 2, atol=1e-6)
    np.testing.assert_array_equal(told[:, 5:], scores[:, 4:])
    assert (more.labels.index[80:, :2] == [0, 2]).all()
    assert not (more.labels.state[80:, 2]).any()


def test_scores_stay_a_distribution() -> None:
    new = add_class(add_class(OLD, "fruit", "peach", parent="stone"), "fruit", "lemon", parent="citrus")
    draw = np.random.default_rng(1)
    scores = np.concatenate([draw.dirichlet(np.ones(2), 9) for _ in range(3)], axis=1)
    votes = np.concatenate([draw.dirichlet(np.ones(width), 9) for width in (2, 4, 2)], axis=1)
    told = with_learnt(OLD, new, scores, votes, {"a01": 2})
    for block in new.layout().blocks:
        np.testing.assert_allclose(told[:, block.scores].sum(axis=1), 1.0)
