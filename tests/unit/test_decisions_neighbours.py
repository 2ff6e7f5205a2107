"""Training rows that look alike vote beside the network: against loops, scikit-learn, and what must not change."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.neighbors import NearestNeighbors

from facetwise.decisions import Neighbours, NumberScale, blend, fit_shares, gather, scores_from_logits
from facetwise.decisions import _neighbours as module
from facetwise.inference._neighbours_file import neighbours_from_tensors, neighbours_to_tensors
from facetwise.schema import UNKNOWN, VALUE, Attribute, Kind, Labels, Schema, Transform

SCHEMA = Schema(
    attributes=(
        Attribute(id="a00", column="colour", kind=Kind.CATEGORICAL, classes=("red", "blue", "green")),
        Attribute(id="a01", column="zip", kind=Kind.BINARY, classes=("no", "yes")),
        Attribute(id="a02", column="tags", kind=Kind.MULTILABEL, classes=("new", "old")),
        Attribute(id="a03", column="price", kind=Kind.NUMERIC),
        Attribute(id="a04", column="rare", kind=Kind.CATEGORICAL, classes=("x", "y")),
    ),
    images=("image",),
)
SCALES = {"a03": NumberScale(transform=Transform.NONE, mean=5.0, deviation=2.0)}
WIDTH = 6
LAYOUT = SCHEMA.layout()


def _made(rows: int, seed: int = 0) -> tuple[np.ndarray, Labels]:
    """Clusters: the first class of every attribute lies elsewhere than the others."""
    rng = np.random.default_rng(seed)
    index = np.full((rows, 5), -1, np.int32)
    for place, classes in ((0, 3), (1, 2), (4, 2)):
        index[:, place] = rng.integers(0, classes, rows)
    members = np.zeros((rows, LAYOUT.num_scores), np.uint8)
    members[:, LAYOUT.blocks[2].scores] = rng.random((rows, 2)) < 0.3
    number = np.full((rows, 5), np.nan)
    number[:, 3] = index[:, 0] * 2.0 + rng.normal(0, 0.1, rows)
    state = np.where(rng.random((rows, 5)) < 0.8, VALUE, UNKNOWN).astype(np.int8)
    state[:, 4] = np.where(np.arange(rows) % 17 == 0, VALUE, UNKNOWN)
    index[state != VALUE] = -1
    spots = np.random.default_rng(99).normal(0, 1, (3, WIDTH))
    colour = np.where(index[:, 0] >= 0, index[:, 0], 0)
    return (spots[colour] + rng.normal(0, 0.6, (rows, WIDTH))).astype(np.float32), Labels(
        state=state, index=index, members=members, number=number
    )


def _neighbours(rows: int = 400, *, seed: int = 0) -> Neighbours:
    features, labels = _made(rows, seed)
    return gather(SCHEMA, features, labels, [f"{row}.jpg" for row in range(rows)], seed=0)


def _by_loop(neighbours: Neighbours, queries: np.ndarray) -> np.ndarray:
    keys = neighbours.keys.astype(np.float64)
    found = np.full((len(queries), LAYOUT.num_scores), np.nan)
    for item, query in enumerate(queries - neighbours.centre):
        cosine = keys @ (query / np.linalg.norm(query))
        for place, (attribute, block) in enumerate(zip(SCHEMA.attributes, LAYOUT.blocks, strict=True)):
            near = [row for row in np.argsort(-cosine) if neighbours.labels.state[row, place] == VALUE]
            rows = near[:20]
            beyond = cosine[near[20]] if len(near) > 20 else -np.inf
            say = np.exp(cosine[rows] / 0.07) * np.clip((cosine[rows] - beyond) / 1e-3, 1e-5, 1.0)
            weight = neighbours.weight[block.scores]
            if attribute.kind is Kind.NUMERIC:
                found[item, block.score_start] = say @ neighbours.labels.number[rows, place] / say.sum()
            elif attribute.kind is Kind.MULTILABEL:
                for number, column in enumerate(range(block.score_start, block.score_stop)):
                    yes = say @ (neighbours.labels.members[rows, column] == 1) * weight[number]
                    found[item, column] = yes / (yes + say @ (neighbours.labels.members[rows, column] == 0))
            else:
                own = neighbours.labels.index[rows, place]
                told = np.array([max(say[own == number], default=0.0) for number in range(len(weight))])
                found[item, block.scores] = told / told.sum()
    return found


@pytest.mark.parametrize("looked_up", [5, 200])
@pytest.mark.parametrize("block", [1, 2**25])
def test_votes_equal_a_loop(monkeypatch: pytest.MonkeyPatch, looked_up: int, block: int) -> None:
    """Whether an attribute's voters are among the nearest of all or have to be looked up, and in blocks of one."""
    monkeypatch.setattr(module, "LOOKED_UP", looked_up)
    monkeypatch.setattr(module, "BLOCK", block)
    neighbours, (queries, _) = _neighbours(), _made(12, seed=1)
    votes = neighbours.votes(SCHEMA, SCALES, queries)
    np.testing.assert_allclose(votes, _by_loop(neighbours, queries), rtol=1e-4, atol=1e-5)
    only = neighbours.votes(SCHEMA, SCALES, queries, only={"a01"})
    own = LAYOUT.blocks[1].scores
    np.testing.assert_array_equal(only[:, own], votes[:, own])
    assert np.isnan(only).sum() == only.size - len(queries) * 2


def test_votes_equal_the_nearest_of_each_class_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all rows vote: one search per class, and a softmax over what it finds."""
    monkeypatch.setattr(module, "VOTERS", 1000)
    neighbours, (queries, _) = _neighbours(), _made(30, seed=1)
    block, known = LAYOUT.blocks[0], neighbours.labels.state[:, 0] == VALUE
    nearest = []
    for number in range(block.score_stop - block.score_start):
        keys = neighbours.keys[known & (neighbours.labels.index[:, 0] == number)].astype(np.float32)
        search = NearestNeighbors(n_neighbors=1, metric="cosine", algorithm="brute").fit(keys)
        nearest.append(1.0 - search.kneighbors(queries - neighbours.centre)[0][:, 0])
    np.testing.assert_allclose(
        neighbours.votes(SCHEMA, SCALES, queries)[:, block.scores],
        softmax(np.stack(nearest, axis=1) / 0.07, axis=1),
        atol=1e-3,  # our keys have sixteen bits
    )


def _on_a_circle(angles: np.ndarray, classes: list[int]) -> Neighbours:
    """Rows at angles, labelled with classes of the first attribute and with nothing else."""
    rows = len(angles)
    index = np.full((rows, 5), -1, np.int32)
    index[:, 0] = classes
    labels = Labels(
        state=np.where(index >= 0, VALUE, UNKNOWN).astype(np.int8), index=index,
        members=np.zeros((rows, LAYOUT.num_scores), np.uint8), number=np.full((rows, 5), np.nan),
    )  # fmt: skip
    keys = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return Neighbours(
        centre=np.zeros(2, np.float32), keys=keys, labels=labels, images=("",) * rows, say=np.ones(rows, np.float32),
        weight=np.ones(LAYOUT.num_scores),
    )  # fmt: skip


def test_the_nearest_row_of_a_class_speaks_for_it() -> None:
    """Nineteen rows of one class do not outvote one of another that is nearer."""
    angles = np.linspace(0.1, 0.3, 20)
    voting = _on_a_circle(angles, [1] + [0] * 19)
    votes = voting.votes(SCHEMA, SCALES, np.array([[1.0, 0.0]], np.float32))[0, LAYOUT.blocks[0].scores]
    gap = (np.cos(angles[1]) - np.cos(angles[0])) / 0.07
    np.testing.assert_allclose(votes, [np.exp(gap) / (1 + np.exp(gap)), 1 / (1 + np.exp(gap)), 0.0], atol=1e-4)


def test_nothing_jumps_where_two_rows_change_places() -> None:
    """The 20th and the 21st neighbour are equally far away, and labelled differently."""
    voting = _on_a_circle(np.concatenate([np.linspace(0.0, 0.3, 19), [0.4, 0.4]]), [0] * 20 + [1])
    keys = voting.keys
    told = []
    for nearer in (19, 20):
        moved = keys.copy()
        moved[nearer] = [np.cos(0.4 - 1e-6), np.sin(0.4 - 1e-6)]
        told.append(replace(voting, keys=moved).votes(SCHEMA, SCALES, keys[:1])[0, LAYOUT.blocks[0].scores])
    np.testing.assert_allclose(told[0], told[1], atol=3e-4)  # without the margin they are 0.2 apart


def test_the_share_is_found_where_neighbours_know_and_not_where_the_network_does() -> None:
    """The network knows nothing at first; colour and price lie in clusters."""
    neighbours, (queries, labels) = _neighbours(600), _made(500, seed=1)
    scores = scores_from_logits(SCHEMA, SCALES, np.zeros((500, LAYOUT.num_logits)))[0].astype(np.float64)
    votes = neighbours.votes(SCHEMA, SCALES, queries)
    shares = fit_shares(SCHEMA, SCALES, scores, votes, labels)
    assert shares["a00"] == shares["a03"] == 0.6
    # A network that is always right leaves no room.
    sure = scores.copy()
    for place in (0, 1):
        rows = labels.state[:, place] == VALUE
        sure[np.ix_(rows, np.arange(LAYOUT.num_scores)[LAYOUT.blocks[place].scores])] = np.where(
            labels.index[rows, place, None] == np.arange(3 if place == 0 else 2), 0.999, 0.0005
        )
    assert not {"a00", "a01"} & set(fit_shares(SCHEMA, SCALES, sure, votes, labels))


def test_what_is_known_rules_votes_out() -> None:
    own = LAYOUT.blocks[0].scores
    scores = scores_from_logits(SCHEMA, SCALES, np.zeros((2, LAYOUT.num_logits)))[0].astype(np.float64)
    scores[0, own], scores[1, own] = [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]
    votes = np.full_like(scores, np.nan)
    votes[:, own] = [[0.8, 0.2, 0.0], [0.9, 0.1, 0.0]]
    unknown = blend(SCHEMA, scores, votes, {"a00": 0.5}, SCALES)
    np.testing.assert_allclose(unknown[:, own], [[0.4, 0.35, 0.25], [0.45, 0.05, 0.5]])
    blended = blend(SCHEMA, scores, votes, {"a00": 0.5}, SCALES, known=True)
    np.testing.assert_allclose(blended[0, own], [0.0, 0.75, 0.25])
    np.testing.assert_allclose(blended[1, own], [0.0, 0.0, 1.0])
    rest = np.setdiff1d(np.arange(LAYOUT.num_scores), np.arange(LAYOUT.num_scores)[own])
    np.testing.assert_array_equal(blended[:, rest], scores[:, rest])


def test_of_too_many_rows_every_class_keeps_some() -> None:
    features, labels = _made(3000)
    index = labels.index.copy()
    index[:, 0] = np.where(np.arange(3000) < 7, 2, index[:, 0] % 2)
    index[labels.state != VALUE] = -1
    few = gather(SCHEMA, features, replace(labels, index=index), [""] * 3000, seed=0, most=100)
    assert len(few) < 400
    assert (few.labels.index[:, 0] == 2).sum() == (index[:, 0] == 2).sum()
    assert (few.labels.state[:, 4] == VALUE).sum() >= 20


def test_a_file_brings_them_back_and_damage_is_found() -> None:
    neighbours = replace(_neighbours(60), shares={"a00": 0.3})
    tensors = neighbours_to_tensors(neighbours)
    back, (queries, _) = neighbours_from_tensors(SCHEMA, tensors, {"a00": 0.3}), _made(5, seed=2)
    np.testing.assert_array_equal(back.votes(SCHEMA, SCALES, queries), neighbours.votes(SCHEMA, SCALES, queries))
    assert back.images == neighbours.images
    index = tensors["index"].copy()
    index[0, 0] = 3
    broken = [
        (tensors | {"index": index}, {}),
        (tensors | {"state": tensors["state"][:-1]}, {}),
        (tensors | {"centre": tensors["centre"] * np.nan}, {}),
        (tensors | {"images": np.frombuffer(b"[]", np.uint8)}, {}),
        (tensors, {"a00": 2.0}),
        (tensors, {"nobody": 0.5}),
        (tensors, [0.5]),
    ]
    for damaged, shares in broken:
        with pytest.raises(ValueError, match="neighbours"):
            neighbours_from_tensors(SCHEMA, damaged, shares)
    with pytest.raises(KeyError):
        neighbours_from_tensors(SCHEMA, {name: each for name, each in tensors.items() if name != "keys"}, {})


def test_the_nearest_stand_as_evidence() -> None:
    neighbours = _neighbours(50)
    found = neighbours.nearest(neighbours.keys[7:9].astype(np.float32) + neighbours.centre, 3)
    assert found.rows[:, 0].tolist() == [7, 8]
    assert (np.diff(found.cosine, axis=1) <= 0).all()
    assert neighbours.images[found.rows[0, 0]] == "7.jpg"
