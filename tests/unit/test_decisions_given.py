"""What is known about an item conditions the rest: exactly as Bayes' rule on the tree says, and nothing else."""

import itertools

import numpy as np
import pytest

from facetwise.decisions import NumberScale, contradictions, decide, scores_from_logits
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Labels, Schema, Transform
from made_facets import COARSE, FINE, made_schema

SCHEMA = made_schema()
SCALES = {
    "a07": NumberScale(transform=Transform.LOG, mean=0.0, deviation=1.0),
    "a08": NumberScale(transform=Transform.NONE, mean=0.0, deviation=1.0),
}


def nothing_known(schema: Schema, items: int) -> Labels:
    shape = (items, len(schema.attributes))
    return Labels(
        state=np.full(shape, UNKNOWN, np.int8),
        index=np.full(shape, -1, np.int32),
        members=np.zeros((items, schema.layout().num_scores), np.uint8),
        number=np.full(shape, np.nan),
    )


def know(given: Labels, item: int, column: str, name: str) -> None:
    place = SCHEMA.index[column]
    given.state[item, place] = VALUE
    given.index[item, place] = SCHEMA.attributes[place].classes.index(name)


def of(scores: np.ndarray, column: str) -> np.ndarray:
    return scores[:, SCHEMA.layout().blocks[SCHEMA.index[column]].scores]


@pytest.fixture(scope="module")
def logits() -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 2.0, (6, SCHEMA.layout().num_logits))


def test_nothing_known_changes_nothing(logits: np.ndarray) -> None:
    plain = scores_from_logits(SCHEMA, SCALES, logits)
    held = scores_from_logits(SCHEMA, SCALES, logits, given=nothing_known(SCHEMA, len(logits)))
    for before, after in zip(plain, held, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-7)


def test_a_known_parent_leaves_its_children_in_their_old_proportions(logits: np.ndarray) -> None:
    given = nothing_known(SCHEMA, len(logits))
    know(given, 0, "department", "shoes")
    plain, _ = scores_from_logits(SCHEMA, SCALES, logits)
    held, _ = scores_from_logits(SCHEMA, SCALES, logits, given=given)
    classes = SCHEMA.attribute("coarse").classes
    inside = np.array([COARSE[name] == "shoes" for name in classes])
    before, after = of(plain, "coarse")[0], of(held, "coarse")[0]
    assert after[~inside].max() == 0.0
    np.testing.assert_allclose(after[inside], before[inside] / before[inside].sum(), rtol=1e-5)
    np.testing.assert_array_equal(of(held, "colour"), of(plain, "colour"))
    np.testing.assert_array_equal(held[1:], scores_from_logits(SCHEMA, SCALES, logits[1:])[0])


def test_a_known_child_fixes_every_ancestor(logits: np.ndarray) -> None:
    given = nothing_known(SCHEMA, len(logits))
    for item, name in enumerate(FINE):
        know(given, item, "fine", name)
    held, _ = scores_from_logits(SCHEMA, SCALES, logits, given=given)
    decisions = decide(SCHEMA, held, np.ones((len(logits), len(SCHEMA.attributes))))
    for item, name in enumerate(FINE):
        expected = {"fine": name, "coarse": FINE[name], "department": COARSE[FINE[name]]}
        for column, wanted in expected.items():
            place = SCHEMA.index[column]
            assert SCHEMA.attributes[place].classes[decisions.index[item, place]] == wanted
            assert of(held, column)[item].max() == pytest.approx(1.0)


def test_a_known_category_decides_what_applies(logits: np.ndarray) -> None:
    given = nothing_known(SCHEMA, len(logits))
    know(given, 0, "department", "shoes")
    know(given, 1, "department", "clothes")
    _, applies = scores_from_logits(SCHEMA, SCALES, logits, given=given)
    heel, fabric = SCHEMA.index["heel height"], SCHEMA.index["fabric"]
    np.testing.assert_allclose(applies[0, [heel, fabric]], [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(applies[1, [heel, fabric]], [0.0, 1.0], atol=1e-6)


def test_finest_known_cell_wins_over_a_contradicting_coarser_one(logits: np.ndarray) -> None:
    given = nothing_known(SCHEMA, len(logits))
    know(given, 0, "coarse", "heel")
    know(given, 0, "department", "clothes")
    held, _ = scores_from_logits(SCHEMA, SCALES, logits, given=given)
    assert of(held, "coarse")[0].argmax() == SCHEMA.attribute("coarse").classes.index("heel")
    assert np.isfinite(held).all()


def test_a_known_class_without_any_mass_stays_finite() -> None:
    logits = np.zeros((1, SCHEMA.layout().num_logits))
    block = SCHEMA.layout().blocks[SCHEMA.index["fine"]]
    logits[0, block.start] = 2000.0  # everything on "polo"
    given = nothing_known(SCHEMA, 1)
    know(given, 0, "department", "bags")
    held, _ = scores_from_logits(SCHEMA, SCALES, logits, given=given)
    assert of(held, "department")[0].tolist() == [0.0, 0.0, 1.0]


def test_every_state_of_every_kind_is_held(logits: np.ndarray) -> None:
    given = nothing_known(SCHEMA, len(logits))
    know(given, 0, "waterproof", "yes")
    know(given, 0, "size", "M")
    price, season, heel = SCHEMA.index["price"], SCHEMA.index["season"], SCHEMA.index["heel height"]
    given.state[0, [price, season]], given.number[0, price] = VALUE, 499.0
    block = SCHEMA.layout().blocks[season]
    given.members[0, block.score_start + 1] = 1
    given.state[0, heel] = NOT_APPLICABLE
    held, applies = scores_from_logits(SCHEMA, SCALES, logits, given=given)
    decisions = decide(SCHEMA, held, applies)
    assert decisions.number[0, price] == pytest.approx(499.0)
    assert decisions.members[0, block.scores].tolist() == [0, 1, 0]
    assert decisions.index[0, [SCHEMA.index["waterproof"], SCHEMA.index["size"]]].tolist() == [1, 1]
    assert decisions.state[0, heel] == NOT_APPLICABLE
    known = given.state[0] == VALUE
    assert (decisions.state[0, known] == VALUE).all()


def test_contradictions_name_the_cells_that_the_image_speaks_against() -> None:
    logits = np.zeros((2, SCHEMA.layout().num_logits))
    colour = SCHEMA.layout().blocks[SCHEMA.index["colour"]]
    logits[:, colour.start] = 20.0  # red
    given = nothing_known(SCHEMA, 2)
    know(given, 0, "colour", "blue")
    know(given, 1, "colour", "red")
    for item, (column, name) in itertools.product(range(2), [("waterproof", "yes"), ("size", "M")]):
        know(given, item, column, name)
    found = contradictions(SCHEMA, *scores_from_logits(SCHEMA, SCALES, logits), given)
    assert [(int(i), SCHEMA.attributes[a].column) for i, a in np.argwhere(found)] == [(0, "colour")]
