"""Every line of SAMPLERS: a function of seed and epoch, every labelled row reachable, batches of the right rows."""

import inspect
from itertools import pairwise

import numpy as np
import pytest

from facetwise.data.samplers import SAMPLERS, Sampler
from facetwise.errors import ConfigError
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Labels, Schema
from made_facets import forget, made_labels, made_schema

ITEMS = 120
SCHEMA = made_schema()
LABELS = made_labels(SCHEMA, ITEMS, seed=6)
every_sampler = pytest.mark.parametrize("name", SAMPLERS)
DEPARTMENT = SCHEMA.index["department"]


def _sampler(name: str, labels: Labels = LABELS, seed: int = 0, schema: Schema = SCHEMA, **options: object) -> Sampler:
    return SAMPLERS[name](schema=schema, labels=labels, seed=seed, **options)


def _only(column: str, codes: list[int], classes: int | None = None) -> tuple[Schema, Labels]:
    """Rows with one categorical attribute of the given classes, -1 where it is unknown."""
    [attribute] = [a for a in SCHEMA.attributes if a.column == column]
    schema = Schema(images=("image",), category=None, attributes=(attribute,))
    index = np.array(codes, dtype=np.int32)[:, None]
    state = np.where(index >= 0, VALUE, UNKNOWN).astype(np.int8)
    width = schema.layout().num_scores
    members = np.zeros((len(codes), width), dtype=np.uint8)
    return schema, Labels(state=state, index=index, members=members, number=np.full(index.shape, np.nan))


@every_sampler
def test_is_described(name: str) -> None:
    assert "Source:" in (SAMPLERS[name].__doc__ or "")
    options = list(inspect.signature(SAMPLERS[name]).parameters.values())
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)
    assert [option.name for option in options[:3]] == ["schema", "labels", "seed"]
    assert all(option.default is not inspect.Parameter.empty for option in options[3:])


@every_sampler
def test_the_order_depends_on_seed_and_epoch_only(name: str) -> None:
    orders = {(seed, epoch): _sampler(name, seed=seed).order(epoch) for seed in range(3) for epoch in range(3)}
    for (seed, epoch), order in orders.items():
        one = _sampler(name, seed=seed)
        one.order(7)  # what was asked before does not matter
        np.random.default_rng(1).random(5)
        assert (one.order(epoch) == order).all()
        assert order.dtype == np.int64
        assert order.min() >= 0
        assert order.max() < ITEMS
    assert len({tuple(order) for order in orders.values()}) == 9


@every_sampler
@pytest.mark.parametrize("size", [1, 7, 32, 1000])
def test_batches_hold_the_rows_of_the_order(name: str, size: int) -> None:
    sampler = _sampler(name)
    counts = set()
    for epoch in range(3):
        batches = sampler.batches(epoch, size)
        assert all(0 < len(batch) <= size for batch in batches)
        assert sorted(np.concatenate(batches)) == sorted(sampler.order(epoch))
        counts.add(len(batches))
    assert len(counts) == 1, "every epoch has as many steps"


@every_sampler
def test_every_labelled_row_is_reached(name: str) -> None:
    sampler = _sampler(name)
    seen = np.unique(np.concatenate([sampler.order(epoch) for epoch in range(60)]))
    labelled = np.flatnonzero((LABELS.state == VALUE).any(axis=1))
    assert set(labelled) <= set(seen)


@every_sampler
def test_labels_are_left_alone(name: str) -> None:
    before = [array.copy() for array in (LABELS.state, LABELS.index, LABELS.members)]
    _sampler(name).batches(0, 16)
    for old, new in zip(before, (LABELS.state, LABELS.index, LABELS.members), strict=True):
        assert (old == new).all()


@every_sampler
def test_one_row(name: str) -> None:
    one = LABELS.take(np.flatnonzero((LABELS.state == VALUE).all(axis=1) | (LABELS.state[:, 0] == VALUE))[:1])
    sampler = _sampler(name, one)
    assert sampler.order(0).tolist() == [0]
    assert [batch.tolist() for batch in sampler.batches(0, 4)] == [[0]]


@every_sampler
def test_no_label_at_all(name: str) -> None:
    nothing = forget(SCHEMA, LABELS, np.arange(ITEMS))
    order = _sampler(name, nothing).order(0)
    assert len(order) in (0, ITEMS)


def test_uniform_is_the_order_of_the_training_loop() -> None:
    for seed in range(3):
        for epoch in range(3):
            wanted = np.random.default_rng((seed, epoch)).permutation(ITEMS)
            assert (_sampler("uniform", seed=seed).order(epoch) == wanted).all()


def test_class_aware_gives_every_class_of_every_attribute_its_turn() -> None:
    """400 : 40 : 4 : 0 rows come equally often; the class without rows is left out."""
    schema, labels = _only("colour", [0] * 400 + [1] * 40 + [2] * 4)
    sampler = _sampler("class_aware", labels, schema=schema)
    for epoch in range(3):
        counts = np.bincount(labels.index[sampler.order(epoch), 0])
        assert counts.tolist() == [148, 148, 148]
    rows, times = np.unique(sampler.order(0)[labels.index[sampler.order(0), 0] == 1], return_counts=True)
    assert len(rows) == 40
    assert times.max() - times.min() <= 1


def test_class_aware_takes_attributes_in_turn() -> None:
    """Attributes labelled on different rows get equal shares, however many classes or rows they have."""
    labels = made_labels(SCHEMA, 300, seed=2, unknown=0.0)
    state = np.full_like(labels.state, UNKNOWN)
    colour, size = SCHEMA.index["colour"], SCHEMA.index["size"]
    state[:290, colour], state[290:, size] = VALUE, VALUE
    order = _sampler(
        "class_aware", Labels(state=state, index=labels.index, members=labels.members, number=labels.number)
    ).order(0)
    assert ((order < 290).sum(), (order >= 290).sum()) == (150, 150)
    chosen = _sampler("class_aware", labels, attributes=["size"]).order(0)
    assert np.ptp(np.bincount(labels.index[chosen, size])) <= 1


def test_class_aware_knows_every_kind() -> None:
    """Multilabel classes, numbers and 'not applicable' are groups too; rows without any of them are not drawn."""
    state = np.full((6, len(SCHEMA.attributes)), UNKNOWN, dtype=np.int8)
    places = {column: SCHEMA.index[column] for column in ("season", "price", "print")}
    state[0, places["season"]] = state[1, places["season"]] = state[2, places["price"]] = VALUE
    state[3, places["print"]] = NOT_APPLICABLE
    state[4, DEPARTMENT] = NOT_APPLICABLE  # the category decides for others, never about itself
    members = np.zeros((6, SCHEMA.layout().num_scores), dtype=np.uint8)
    members[0, SCHEMA.layout().blocks[places["season"]].score_start + 1] = 1
    labels = Labels(state=state, index=np.full(state.shape, -1, np.int32), members=members, number=np.ones(state.shape))
    drawn = np.concatenate([_sampler("class_aware", labels).order(epoch) for epoch in range(30)])
    assert set(drawn) == {0, 1, 2, 3}
    assert np.bincount(drawn)[[0, 1]].sum() == pytest.approx(len(drawn) / 3, abs=1)


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999])
def test_effective_number_draws_by_its_weights(beta: float) -> None:
    counts = np.array([400, 40, 4])
    schema, labels = _only("colour", np.repeat([0, 1, 2], counts).tolist() + [-1] * 6)
    sampler = _sampler("effective_number", labels, schema=schema, beta=beta)
    weight = (1 - beta) / (1 - beta**counts)
    chance = weight * counts / (weight * counts).sum()
    drawn = np.concatenate([sampler.order(epoch) for epoch in range(100)])
    assert (drawn < 444).all(), "rows without a label are not drawn"
    shares = np.bincount(labels.index[drawn, 0]) / len(drawn)
    np.testing.assert_allclose(shares, chance, atol=5 * np.sqrt(0.25 / len(drawn)))


def test_effective_number_takes_the_mean_over_the_labelled_attributes() -> None:
    labels = made_labels(SCHEMA, 50, seed=8)
    sampler = _sampler("effective_number", labels, beta=0.99)
    wanted = []
    for row in range(50):
        values = []
        for place, (attribute, block) in enumerate(zip(SCHEMA.attributes, SCHEMA.layout().blocks, strict=True)):
            state = labels.state[:, place]
            groups = {"number": state == VALUE}
            if attribute.classes and labels.index[:, place].max() >= 0:
                groups = {n: (state == VALUE) & (labels.index[:, place] == n) for n in range(len(attribute.classes))}
            elif attribute.classes:
                own = labels.members[:, block.scores] > 0
                groups = {n: (state == VALUE) & own[:, n] for n in range(len(attribute.classes))}
                groups["none"] = (state == VALUE) & ~own.any(axis=1)
            if block.applicability is not None:
                groups["not applicable"] = state == NOT_APPLICABLE
            sizes = {key: group.sum() for key, group in groups.items() if group.any()}
            weight = {key: (1 - 0.99) / (1 - 0.99**size) for key, size in sizes.items()}
            mean = sum(weight[key] * sizes[key] for key in sizes) / sum(sizes.values())
            mine = [weight[key] / mean for key in sizes if groups[key][row]]
            if mine:
                values.append(np.mean(mine))
        wanted.append(np.mean(values) if values else 0.0)
    np.testing.assert_allclose(sampler.chance, np.array(wanted) / sum(wanted), rtol=1e-9)


@pytest.mark.parametrize("arrangement", ["mixed", "sequential"])
def test_category_pure_batches_have_one_category(arrangement: str) -> None:
    sampler = _sampler("category_pure", arrangement=arrangement)
    category = np.where(LABELS.state[:, DEPARTMENT] == VALUE, LABELS.index[:, DEPARTMENT], 3)
    for epoch in range(4):
        batches = sampler.batches(epoch, 8)
        codes = [set(category[batch]) for batch in batches]
        assert all(len(code) == 1 for code in codes)
        assert sorted(np.concatenate(batches)) == list(range(ITEMS)), "every row once, unknown categories too"
        sizes = {code: [len(b) for b, c in zip(batches, codes, strict=True) if c == {code}] for code in range(4)}
        assert all(max(size) - min(size) <= 1 for size in sizes.values()), "no small rest"
        assert len(batches) == sum(-(-(category == code).sum() // 8) for code in range(4))
        found = [code for [code] in codes]
        changes = sum(a != b for a, b in pairwise(found))
        if arrangement == "sequential":
            assert changes == 3
        else:
            turns = min(len(size) for size in sizes.values())
            assert all(len(set(found[4 * n : 4 * n + 4])) == 4 for n in range(turns)), "in turn until one runs out"
    assert sampler.batches(0, 8)[0].tolist() != sampler.batches(1, 8)[0].tolist(), "the first epoch is shuffled, too"


def test_a_category_without_rows_has_no_batch() -> None:
    kept = LABELS.take(np.flatnonzero(LABELS.index[:, DEPARTMENT] == 1))
    for name in ("category_pure", "category_proportional"):
        assert sorted(np.concatenate(_sampler(name, kept).batches(0, 4))) == list(range(len(kept)))


@pytest.mark.parametrize("size", [10, 24])
def test_category_proportional_batches_look_like_the_whole(size: int) -> None:
    sampler = _sampler("category_proportional")
    category = np.where(LABELS.state[:, DEPARTMENT] == VALUE, LABELS.index[:, DEPARTMENT], 3)
    share = np.bincount(category, minlength=4) / ITEMS
    for epoch in range(4):
        for batch in sampler.batches(epoch, size):
            assert (np.abs(np.bincount(category[batch], minlength=4) - share * len(batch)) < 2).all()
        assert sorted(sampler.order(epoch)) == list(range(ITEMS))


def test_a_sampler_by_category_needs_one() -> None:
    schema, labels = _only("colour", [0, 1])
    for name in ("category_pure", "category_proportional"):
        with pytest.raises(ConfigError, match="category"):
            _sampler(name, labels, schema=schema)


def test_wrong_options_are_named() -> None:
    with pytest.raises(ConfigError, match="did you mean colour"):
        _sampler("class_aware", attributes=["color"])
    with pytest.raises(ConfigError, match="beta"):
        _sampler("effective_number", beta=1.0)
    with pytest.raises(ConfigError, match="arrangement"):
        _sampler("category_pure", arrangement="random")
