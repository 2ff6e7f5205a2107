"""Parents and children that agree: against brute force, with known cells, with abstention, through the bundle."""

import itertools

import numpy as np
import pytest

from facetwise.decisions import Policy, decide, policy_from_dict, policy_to_dict
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Parent, Schema

FINE = ("gala", "fuji", "navel", "blood", "beet")
OF_FINE = dict(zip(FINE, ("apple", "apple", "orange", "orange", "root"), strict=True))
OF_COARSE = {"apple": "fruit", "orange": "fruit", "root": "vegetable"}
ABSTAINED = 0
ITEMS = 200


def _schema() -> Schema:
    made = (
        Attribute(column="kind", id="a02", kind=Kind.CATEGORICAL, classes=("fruit", "vegetable")),
        Attribute(
            column="fine", id="a01", kind=Kind.CATEGORICAL, classes=FINE, parent=Parent(column="coarse", of=OF_FINE)
        ),
        Attribute(column="organic", id="a03", kind=Kind.BINARY, classes=("no", "yes")),
        Attribute(
            column="coarse", id="a00", kind=Kind.CATEGORICAL, classes=("apple", "orange", "root"),
            parent=Parent(column="kind", of=OF_COARSE),
        ),
    )  # fmt: skip
    return Schema(images=("image",), attributes=made)


SCHEMA = _schema()
KIND, FINE_AT, COARSE = (SCHEMA.index[name] for name in ("kind", "fine", "coarse"))
BLOCKS = SCHEMA.layout().blocks


def _scores(seed: int = 0, items: int = ITEMS) -> tuple[np.ndarray, np.ndarray]:
    """Each attribute by itself, as neighbours and calibration make them: sums along the hierarchy need not hold."""
    rng = np.random.default_rng(seed)
    scores = np.zeros((items, SCHEMA.layout().num_scores))
    for block in BLOCKS:
        width = block.score_stop - block.score_start
        scores[:, block.scores] = rng.dirichlet(np.full(width, 0.7), size=items)
    return scores, np.ones((items, len(SCHEMA.attributes)))


def _agree(index: np.ndarray) -> np.ndarray:
    """(item, link) bool: the child's class belongs to the parent's."""
    fine = [("apple", "orange", "root").index(OF_FINE[name]) for name in FINE]
    coarse = [("fruit", "vegetable").index(OF_COARSE[name]) for name in ("apple", "orange", "root")]
    return np.stack(
        [np.array(fine)[index[:, FINE_AT]] == index[:, COARSE], np.array(coarse)[index[:, COARSE]] == index[:, KIND]], 1
    )


def test_off_is_the_default_and_decides_each_by_itself() -> None:
    scores, applies = _scores()
    plain, off = decide(SCHEMA, scores, applies), decide(SCHEMA, scores, applies, policy=Policy(hierarchy="off"))
    for name in plain.__slots__:
        np.testing.assert_array_equal(getattr(plain, name), getattr(off, name))
    assert not _agree(plain.index).all(), "children contradict their parents; otherwise the tests below show nothing"


def test_together_is_the_most_probable_agreement() -> None:
    scores, applies = _scores()
    found = decide(SCHEMA, scores, applies, policy=Policy(hierarchy="consistent"))
    assert _agree(found.index).all()
    for row in range(ITEMS):
        best = max(
            itertools.product(range(2), range(5), range(3)),
            key=lambda one: (
                OF_FINE[FINE[one[1]]] == ("apple", "orange", "root")[one[2]]
                and OF_COARSE[("apple", "orange", "root")[one[2]]] == ("fruit", "vegetable")[one[0]],
                scores[row, BLOCKS[KIND].score_start + one[0]]
                * scores[row, BLOCKS[FINE_AT].score_start + one[1]]
                * scores[row, BLOCKS[COARSE].score_start + one[2]],
            ),
        )
        assert tuple(found.index[row, [KIND, FINE_AT, COARSE]]) == best
    picked = scores[np.arange(ITEMS), BLOCKS[FINE_AT].score_start + found.index[:, FINE_AT]]
    np.testing.assert_allclose(found.confidence[:, FINE_AT], picked, rtol=1e-6)
    other = SCHEMA.index["organic"]
    np.testing.assert_array_equal(found.index[:, other], decide(SCHEMA, scores, applies).index[:, other])


def test_an_unsure_child_leaves_the_answer_to_its_parent() -> None:
    scores, applies = _scores()
    found = decide(SCHEMA, scores, applies, policy=Policy(hierarchy="roll_up"))
    left = found.state[:, FINE_AT] == ABSTAINED
    assert 0.2 < left.mean() < 0.9
    assert (found.confidence[left, FINE_AT] < 0.5).all()
    assert (found.confidence[~left, FINE_AT] >= 0.5).all()
    both = left & (found.state[:, COARSE] == ABSTAINED)
    assert both.any()
    assert (found.state[:, KIND] == VALUE).all(), "nothing is above it to answer in its place"
    # Without its child a parent is decided by its own evidence.
    own = scores[:, BLOCKS[KIND].scores].argmax(axis=1)
    np.testing.assert_array_equal(found.index[both, KIND], own[both])
    agree = _agree(found.index)
    assert agree[~left, 0].all()
    assert agree[found.state[:, COARSE] == VALUE, 1].all(), "answers that are given agree"


def test_what_is_asked_of_the_child_decides_when_it_is_unsure() -> None:
    scores, applies = _scores()
    strict, loose = ({"a01": least} for least in (0.9, 0.05))
    few = decide(SCHEMA, scores, applies, policy=Policy(hierarchy="roll_up", least=strict)).state[:, FINE_AT] == VALUE
    many = decide(SCHEMA, scores, applies, policy=Policy(hierarchy="roll_up", least=loose)).state[:, FINE_AT] == VALUE
    assert few.sum() < many.sum()
    assert (many | ~few).all()


@pytest.mark.parametrize("hierarchy", ["consistent", "roll_up"])
def test_a_child_that_is_given_implies_its_parent(hierarchy: str) -> None:
    scores, applies = _scores()
    policy = Policy(hierarchy=hierarchy, least={"a00": 0.95, "a02": 0.95})
    found = decide(SCHEMA, scores, applies, policy=policy)
    said = found.state[:, FINE_AT] == VALUE
    assert said.any()
    assert (found.state[np.ix_(said, [COARSE, KIND])] == VALUE).all()
    silent = found.state[:, KIND] == ABSTAINED
    assert silent.any() == (hierarchy == "roll_up"), "where no child answers, what is asked of the parent holds"


def test_known_cells_decide_and_are_never_taken_back() -> None:
    scores, applies = _scores()
    state = np.full((ITEMS, 4), UNKNOWN, dtype=np.int8)
    index = np.full((ITEMS, 4), -1, dtype=np.int32)
    rng = np.random.default_rng(1)
    state[:100, COARSE], index[:100, COARSE] = VALUE, rng.integers(3, size=100)
    state[100:150, FINE_AT], index[100:150, FINE_AT] = VALUE, rng.integers(5, size=50)
    state[150:160, [FINE_AT, COARSE]], index[150:160, FINE_AT], index[150:160, COARSE] = VALUE, 0, 2  # contradict
    given = Labels(
        state=state, index=index, members=np.zeros(scores.shape, np.uint8), number=np.full((ITEMS, 4), np.nan)
    )
    found = decide(SCHEMA, scores, applies, policy=Policy(hierarchy="roll_up"), given=given)
    known = state == VALUE
    np.testing.assert_array_equal(found.index[known], index[known])
    assert (found.state[known] == VALUE).all()
    agree = _agree(found.index)
    assert agree[100:150].all()
    valued = found.state[:100, FINE_AT] == VALUE
    assert agree[:100][valued, 0].all()
    assert not agree[150:160, 0].any(), "cells that contradict each other stay as they are"


def test_what_does_not_apply_has_no_part_in_it() -> None:
    scores, applies = _scores()
    applies[:80, FINE_AT] = 0.1
    found = decide(SCHEMA, scores, applies, policy=Policy(hierarchy="consistent"))
    assert (found.state[:80, FINE_AT] == NOT_APPLICABLE).all()
    agree = _agree(found.index)
    assert agree[:80, 1].all()
    assert agree[80:].all()
    alone = decide(SCHEMA, np.delete(scores, np.s_[:0], 0), applies, policy=Policy(hierarchy="consistent"))
    np.testing.assert_array_equal(alone.index, found.index)


def test_without_a_hierarchy_nothing_changes() -> None:
    schema = Schema(
        images=("image",), attributes=tuple(a for a in SCHEMA.attributes if a.column in ("kind", "organic"))
    )
    scores = np.random.default_rng(0).dirichlet(np.ones(2), size=(50, 2)).reshape(50, 4)
    first = decide(schema, scores, np.ones((50, 2)))
    again = decide(schema, scores, np.ones((50, 2)), policy=Policy(hierarchy="roll_up"))
    for name in first.__slots__:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_it_is_kept_with_the_bundle_and_older_bundles_are_off() -> None:
    data = policy_to_dict(Policy(hierarchy="roll_up"))
    assert policy_from_dict(SCHEMA, data).hierarchy == "roll_up"
    del data["hierarchy"]
    assert policy_from_dict(SCHEMA, data) == Policy()
    with pytest.raises(ValueError, match="sideways"):
        policy_from_dict(SCHEMA, {**data, "hierarchy": "sideways"})
