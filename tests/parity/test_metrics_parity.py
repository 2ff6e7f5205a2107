"""Every metric against scikit-learn or a brute-force loop, and what must not change it, on random masked tables."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from facetwise.decisions import Decisions
from facetwise.metrics import Evaluation, evaluate
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Parent, Schema

ONE_CLASS = (Kind.CATEGORICAL, Kind.BINARY, Kind.ORDINAL)
# Details in which the order of the classes shows.
ORDERED = ("confusions", "confusion", "intervals")


@dataclass(frozen=True)
class Made:
    """A random table: schema, truth, decisions, training labels."""

    schema: Schema
    truth: Labels
    decisions: Decisions
    train: Labels

    def evaluate(self, **options: bool) -> Evaluation:
        return evaluate(self.schema, self.truth, self.decisions, train=self.train, **options)


def names(count: int) -> tuple[str, ...]:
    return tuple(f"class {number}" for number in range(count))


def make_schema(num_classes: int, with_category: bool) -> Schema:
    things = names(4)
    some = things[:2] if with_category else None
    unsure = things[2:3] if with_category else ()
    parent = Parent(column="sort", of=dict(zip(things, ("class 0", "class 0", "class 1", "class 1"), strict=True)))
    kinds: list[dict[str, Any]] = [
        {"column": "colour", "kind": Kind.CATEGORICAL, "classes": names(num_classes)},
        {"column": "sort", "kind": Kind.CATEGORICAL, "classes": names(2)},
        {"column": "is soft", "kind": Kind.BINARY, "classes": ("no", "yes")},
        {"column": "tags", "kind": Kind.MULTILABEL, "classes": names(num_classes)},
        {"column": "price", "kind": Kind.NUMERIC},
        {"column": "thing", "kind": Kind.CATEGORICAL, "classes": things, "parent": parent},
        {"column": "heel", "kind": Kind.ORDINAL, "classes": names(num_classes + 1), "applies_to": some},
        {"column": "collar", "kind": Kind.CATEGORICAL, "classes": names(3), "applies_to": some, "undecided": unsure},
        {"column": "laces", "kind": Kind.BINARY, "classes": ("no", "yes"), "own_applicability": True},
    ]
    attributes = tuple(Attribute(id=f"a{place:02d}", **fields) for place, fields in enumerate(kinds))
    groups = {"look": ("colour", "tags", "price"), "shoe": ("heel", "laces")}
    category = "thing" if with_category else None
    return Schema(images=("image",), attributes=attributes, category=category, groups=groups)


def make_labels(schema: Schema, items: int, known: float, rng: np.random.Generator) -> Labels:
    shape, layout = (items, len(schema.attributes)), schema.layout()
    chance = [1 - known, 0.8 * known, 0.2 * known]
    state = rng.choice([UNKNOWN, VALUE, NOT_APPLICABLE], size=shape, p=chance).astype(np.int8)
    always = [schema.index[column] for column in ("thing", "colour")]
    state[:, always] = np.where(state[:, always] == NOT_APPLICABLE, VALUE, state[:, always])
    index = np.full(shape, -1, dtype=np.int32)
    members = np.zeros((items, layout.num_scores), dtype=np.uint8)
    number = np.full(shape, np.nan)
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        rows = state[:, place] == VALUE
        if attribute.kind is Kind.NUMERIC:
            number[rows, place] = rng.integers(0, 5, size=rows.sum())
        elif attribute.kind is Kind.MULTILABEL:
            members[:, block.scores] = (rng.random((items, len(attribute.classes))) < 0.3) & rows[:, None]
        else:
            index[rows, place] = rng.integers(0, len(attribute.classes), size=rows.sum())
    return Labels(state=state, index=index, members=members, number=number)


def make_decisions(schema: Schema, truth: Labels, rng: np.random.Generator) -> Decisions:
    """Right about half of the time; scores in steps, so that there are ties."""
    guess = make_labels(schema, len(truth), 1.0, rng)
    keep = rng.random(truth.state.shape) < 0.5
    index = np.where(keep & (truth.index >= 0), truth.index, guess.index)
    for place in schema.of_kind(*ONE_CLASS):
        index[:, place] = np.where(index[:, place] < 0, 0, index[:, place])
    number = np.where(keep & np.isfinite(truth.number), truth.number, 0.5)
    scores = (rng.integers(0, 8, size=truth.members.shape) / 8).astype(np.float32)
    mostly = rng.choice([0, VALUE, NOT_APPLICABLE], size=truth.state.shape, p=[0.1, 0.7, 0.2])
    members = np.where(rng.random(truth.members.shape) < 0.7, truth.members, guess.members)
    return Decisions(
        scores=scores,
        applies=np.ones(truth.state.shape, dtype=np.float32),
        state=np.where(keep & (truth.state != UNKNOWN), truth.state, mostly).astype(np.int8),
        index=index.astype(np.int32),
        members=members.astype(np.uint8),
        number=number,
        confidence=np.ones(truth.state.shape, dtype=np.float32),
    )


def made(seed: int, items: int, known: float, num_classes: int, with_category: bool) -> Made:
    rng = np.random.default_rng(seed)
    schema = make_schema(num_classes, with_category)
    truth = make_labels(schema, items, known, rng)
    return Made(schema, truth, make_decisions(schema, truth, rng), make_labels(schema, 25, 0.9, rng))


tables = st.builds(
    made,
    seed=st.integers(0, 2**32 - 1),
    items=st.integers(0, 40),
    known=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    num_classes=st.integers(1, 7),
    with_category=st.booleans(),
)
thorough = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
with_floors = settings(thorough, max_examples=10)  # twelve measurements each


def flat(data: Any, path: str = "") -> dict[str, Any]:
    """Nested dictionaries and lists as one, so that `approx` can compare them in any order."""
    if isinstance(data, list):
        data = {str(place): each for place, each in enumerate(data)}
    if not isinstance(data, dict):
        return {path: data}
    return {key: value for name, each in data.items() for key, value in flat(each, f"{path}/{name}").items()}


def same(first: Evaluation, second: Evaluation, ignore: Callable[[str], bool]) -> None:
    one, other = ({k: v for k, v in flat(e.to_dict()).items() if not ignore(k)} for e in (first, second))
    assert one == pytest.approx(other)


@thorough
@given(tables)
def test_one_class_equals_scikit_learn(table: Made) -> None:
    evaluation = table.evaluate(floors=False)
    for place in table.schema.of_kind(*ONE_CLASS):
        attribute = table.schema.attributes[place]
        measured = evaluation.attributes[attribute.column]
        rows = table.truth.state[:, place] == VALUE
        true, guess = table.truth.index[rows, place], table.decisions.index[rows, place]
        assert measured.labelled == len(true)
        if not len(true):
            assert {measured.accuracy, measured.macro_f1, measured.macro_f1_all, measured.decided_macro_f1} == {None}
            continue
        decided = np.where(table.decisions.state[rows, place] == VALUE, guess, -1)
        every = list(range(len(attribute.classes)))

        def f1(prediction: np.ndarray, average: str | None, labels: list[int] | None = None, true=true) -> Any:
            return oracle.f1_score(true, prediction, labels=labels, average=average, zero_division=0)

        assert measured.accuracy == pytest.approx(oracle.accuracy_score(true, guess))
        assert measured.macro_f1 == pytest.approx(f1(guess, "macro"))
        assert measured.macro_f1_all == pytest.approx(f1(guess, "macro", every))
        assert measured.micro_f1 == pytest.approx(f1(guess, "micro"))
        assert measured.weighted_f1 == pytest.approx(f1(guess, "weighted"))
        recall = oracle.recall_score(true, guess, labels=np.unique(true), average="macro", zero_division=0)
        assert measured.mean_class_accuracy == pytest.approx(recall)
        assert measured.decided_accuracy == pytest.approx(oracle.accuracy_score(true, decided))
        seen = sorted({*true.tolist(), *decided.tolist()} - {-1})
        assert measured.decided_macro_f1 == pytest.approx(f1(decided, "macro", seen))
        per_class = oracle.precision_recall_fscore_support(true, guess, labels=every, zero_division=0)
        assert measured.per_class is not None
        for name, *expected in zip(attribute.classes, *per_class, strict=True):
            told = [measured.per_class[name][key] or 0 for key in ("precision", "recall", "f1", "support")]
            assert told == pytest.approx(expected)
        if attribute.kind is Kind.BINARY:
            assert (measured.f1 or 0) == pytest.approx(f1(guess, None, every)[1])
        if attribute.kind is Kind.ORDINAL:
            assert measured.mae == pytest.approx(oracle.mean_absolute_error(true, guess))
            if len({*true.tolist(), *guess.tolist()}) > 1:
                kappa = oracle.cohen_kappa_score(true, guess, labels=every, weights="quadratic")
                assert measured.quadratic_kappa == pytest.approx(kappa)
            else:
                assert measured.quadratic_kappa is None


@thorough
@given(tables)
def test_sets_scores_and_numbers_equal_scikit_learn(table: Made) -> None:
    evaluation, schema = table.evaluate(floors=False), table.schema
    blocks = schema.layout().blocks
    for place in schema.of_kind(Kind.BINARY):
        rows, column = table.truth.state[:, place] == VALUE, blocks[place].score_start + 1
        positive = table.truth.index[rows, place] == 1
        expected = (
            oracle.average_precision_score(positive, table.decisions.scores[rows, column]) if any(positive) else None
        )
        assert evaluation.attributes[schema.attributes[place].column].average_precision == pytest.approx(expected)

    place, measured = schema.index["tags"], evaluation.attributes["tags"]
    rows, own = table.truth.state[:, place] == VALUE, blocks[schema.index["tags"]].scores
    true, guess = table.truth.members[rows, own], table.decisions.members[rows, own]
    decided = guess * (table.decisions.state[rows, place] == VALUE)[:, None]
    seen = np.flatnonzero((true | guess).any(axis=0))
    # One column more keeps scikit-learn from reading a single label as a binary problem.
    wide, wide_guess, wide_decided = (np.pad(matrix, ((0, 0), (0, 1))) for matrix in (true, guess, decided))
    every = list(range(true.shape[1]))

    def f1(prediction: np.ndarray, average: str, labels: Any = every) -> float:
        return oracle.f1_score(wide, prediction, labels=list(labels), average=average, zero_division=0)

    if len(seen):
        assert measured.macro_f1 == pytest.approx(f1(wide_guess, "macro", seen))
        assert measured.macro_f1_all == pytest.approx(f1(wide_guess, "macro"))
        assert measured.micro_f1 == pytest.approx(f1(wide_guess, "micro"))
        assert (measured.weighted_f1 or 0) == pytest.approx(f1(wide_guess, "weighted"))
        either = np.flatnonzero((true | decided).any(axis=0))
        expected = f1(wide_decided, "macro", either) if len(either) else None
        assert measured.decided_macro_f1 == pytest.approx(expected)
    scores = table.decisions.scores[rows, own]
    precisions = [oracle.average_precision_score(true[:, k], scores[:, k]) for k in every if true[:, k].any()]
    assert measured.map == pytest.approx(np.mean(precisions) if precisions else None)
    assert measured.exact_match == pytest.approx((true == guess).all(axis=1).mean() if len(true) else None)

    place, measured = schema.index["price"], evaluation.attributes["price"]
    rows = table.truth.state[:, place] == VALUE
    numbers, told = table.truth.number[rows, place], table.decisions.number[rows, place]
    if not len(numbers):
        assert {measured.mae, measured.rmse, measured.r2, measured.mae_over_floor} == {None}
        return
    median = np.median(table.train.number[table.train.state[:, place] == VALUE, place])
    mae = oracle.mean_absolute_error(numbers, told)
    floor = oracle.mean_absolute_error(numbers, np.full(len(numbers), median))
    assert measured.mae == pytest.approx(mae)
    assert measured.rmse == pytest.approx(oracle.root_mean_squared_error(numbers, told))
    assert measured.mae_over_floor == pytest.approx(mae / floor if floor else None)
    assert measured.r2 == pytest.approx(oracle.r2_score(numbers, told) if np.ptp(numbers) > 0 else None)


def harmonic_by_hand(pairs: list[tuple[set, set]]) -> float | None:
    """Of (true classes, given classes) per labelled cell."""
    classes = set().union(*(true | guess for true, guess in pairs))
    if not classes:
        return None
    hits = {k: sum(k in true and k in guess for true, guess in pairs) for k in classes}
    either = {k: sum((k in true) + (k in guess) for true, guess in pairs) for k in classes}
    macro = sum(2 * hits[k] / either[k] for k in classes) / len(classes)
    micro = 2 * sum(hits.values()) / sum(either.values())
    return 0.0 if macro + micro == 0 else 2 * micro * macro / (micro + macro)


def mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


@thorough
@given(tables)
def test_nested_exact_match_and_applicability_equal_brute_force(table: Made) -> None:
    evaluation, schema, truth, decisions = table.evaluate(floors=False), table.schema, table.truth, table.decisions
    width = range(len(schema.attributes))

    def classes(source: Labels | Decisions, item: int, place: int) -> set:
        if schema.attributes[place].kind is Kind.MULTILABEL:
            return set(np.flatnonzero(source.members[item, schema.layout().blocks[place].scores]))
        return {int(source.index[item, place])}

    def cells(place: int, items: list[int]) -> list[tuple[set, set]]:
        labelled = [i for i in items if truth.state[i, place] == VALUE]
        return [(classes(truth, i, place), classes(decisions, i, place)) for i in labelled]

    with_classes = [place for place in width if schema.attributes[place].kind is not Kind.NUMERIC]
    everyone = list(range(len(truth)))
    if schema.category is None:
        expected = mean([harmonic_by_hand(cells(place, everyone)) for place in with_classes])
        assert evaluation.categories == {}
    else:
        parts, above = [], schema.index[schema.category]
        for code, name in enumerate(names(4)):
            mine = [i for i in everyone if truth.state[i, above] == VALUE and truth.index[i, above] == code]
            own = [
                place
                for place in with_classes
                if schema.attributes[place].column not in ("thing", "sort")
                and schema.attributes[place].applicability(name) is not False
            ]
            figures = {schema.attributes[p].column: harmonic_by_hand(cells(p, mine)) for p in own}
            parts.append(mean(list(figures.values())))
            told = evaluation.categories[name]
            assert told["items"] == len(mine)
            assert told["attributes"] == pytest.approx(figures)
            assert told["nested_harmonic_mean"] == pytest.approx(parts[-1])
            some = [i for i in mine if any(truth.state[i, p] == VALUE for p in with_classes)]
            right = [i for i in some if all(t == g for p in with_classes for t, g in cells(p, [i]))]
            assert told["exact_match"] == pytest.approx(len(right) / len(some) if some else None)
        expected = mean(parts)
    assert evaluation.overall["nested_harmonic_mean"] == pytest.approx(expected)

    some = [i for i in everyone if any(truth.state[i, p] == VALUE for p in with_classes)]
    right = [i for i in some if all(t == g for p in with_classes for t, g in cells(p, [i]))]
    assert evaluation.overall["exact_match"] == pytest.approx(len(right) / len(some) if some else None)

    pooled = {VALUE: [0, 0], NOT_APPLICABLE: [0, 0]}
    for place, attribute in enumerate(schema.attributes):
        pairs = [
            (truth.state[i, place], decisions.state[i, place]) for i in everyone if truth.state[i, place] != UNKNOWN
        ]
        told = evaluation.attributes[attribute.column].applicability
        if NOT_APPLICABLE not in {true for true, _ in pairs}:
            assert told is None
            continue
        assert told is not None
        assert told["cells"] == len(pairs)
        assert told["accuracy"] == pytest.approx(mean([float(true == guess) for true, guess in pairs]))
        for state, key in ((VALUE, "f1_applicable"), (NOT_APPLICABLE, "f1_not_applicable")):
            twice = 2 * sum(true == guess == state for true, guess in pairs)
            either = sum(int(true == state) + int(guess == state) for true, guess in pairs)
            assert told[key] == pytest.approx(twice / either if either else None)
            pooled[state][0] += twice
            pooled[state][1] += either
    f1 = {state: twice / either if either else None for state, (twice, either) in pooled.items()}
    assert evaluation.overall["applicability_f1"] == pytest.approx(mean(list(f1.values())))


def counts_items(path: str) -> bool:
    """Coverage is a share of all items, labelled or not."""
    return path == "/items" or path.endswith("/coverage")


@with_floors
@given(tables, st.integers(0, 2**32 - 1))
def test_masking_equals_removal(table: Made, seed: int) -> None:
    rng, truth = np.random.default_rng(seed), table.truth
    gone = rng.random(len(truth)) < 0.3
    state = np.where(gone[:, None], UNKNOWN, truth.state).astype(np.int8)
    masked = replace(table, truth=replace(truth, state=state))
    rows = np.flatnonzero(~gone)
    removed = replace(table, truth=truth.take(rows), decisions=table.decisions.take(rows))
    same(
        masked.evaluate(),
        removed.evaluate(),
        lambda path: counts_items(path) or path.startswith("/floors/random") or "/intervals/" in path,
    )
    # What is decided about an unknown cell is nobody's business.
    other = make_decisions(table.schema, truth, rng)
    unknown = truth.state == UNKNOWN
    mixed = replace(
        table.decisions,
        index=np.where(unknown, other.index, table.decisions.index),
        state=np.where(unknown, other.state, table.decisions.state),
    )
    same(table.evaluate(floors=False), replace(table, decisions=mixed).evaluate(floors=False), counts_items)


@with_floors
@given(tables, st.integers(0, 2**32 - 1))
def test_order_of_rows_attributes_and_classes_changes_nothing(table: Made, seed: int) -> None:
    rng, schema = np.random.default_rng(seed), table.schema
    evaluation = table.evaluate()
    rows = rng.permutation(len(table.truth))
    shuffled = replace(table, truth=table.truth.take(rows), decisions=table.decisions.take(rows))
    # Which items a resample draws, and which of equally frequent mistakes comes first, is a matter of order.
    same(evaluation, shuffled.evaluate(), lambda path: path.startswith("/floors/random") or "/intervals/" in path)

    places = rng.permutation(len(schema.attributes))
    attributes, columns, renamed = [], [], []
    for place in places:
        attribute, block = schema.attributes[place], schema.layout().blocks[place]
        order = np.arange(block.score_stop - block.score_start)
        if attribute.kind in (Kind.CATEGORICAL, Kind.MULTILABEL):
            order = rng.permutation(order)
            attribute = replace(attribute, classes=tuple(attribute.classes[k] for k in order))
        attributes.append(attribute)
        columns += (block.score_start + order).tolist()
        renamed.append(np.append(np.argsort(order), -1))  # the last one is for -1: no class
    other = replace(schema, attributes=tuple(attributes))

    def permuted(source: Any) -> Any:
        fields = {name: getattr(source, name)[:, places] for name in ("state", "number")}
        index = source.index[:, places]
        fields["index"] = np.stack([renamed[p][index[:, p]] for p in range(len(places))], axis=1).astype(np.int32)
        for name in ("members", "scores", "chances"):
            if hasattr(source, name):
                fields[name] = getattr(source, name)[:, columns]
        return replace(source, **fields)

    again = Made(other, permuted(table.truth), permuted(table.decisions), permuted(table.train)).evaluate()
    # Of two equally frequent training classes the majority floor takes the schema's first.
    same(
        evaluation, again,
        lambda path: path.startswith("/floors/majority") or any(f"/{name}/" in path for name in ORDERED),
    )  # fmt: skip
    for column, metrics in evaluation.attributes.items():
        if metrics.confusion is not None:
            (names, square), (others, counts) = (m.confusion_matrix() for m in (metrics, again.attributes[column]))
            moved = [others.index(name) for name in names]
            np.testing.assert_array_equal(square, counts[np.ix_(moved, [*moved, -1])])


@pytest.mark.parametrize(("with_category", "known"), [(False, 0.0), (True, 0.0), (False, 0.7), (True, 0.7)])
def test_plain_data_goes_through_json(with_category: bool, known: float) -> None:
    evaluation = made(3, 30, known, 4, with_category).evaluate()
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    assert Evaluation.from_dict(json.loads(text)) == evaluation
    assert evaluation.attributes["colour"].macro_f1 == json.loads(text)["attributes"]["colour"]["macro_f1"]
