"""A category that is known reaches the model: in training its label, at inference what the user gives."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import facetwise as fw
from facetwise.decisions import Neighbours
from facetwise.errors import Interrupted
from facetwise.models import Beside, FacetModel, build_model
from facetwise.schema import UNKNOWN, VALUE, Labels, alone
from facetwise.training import read_checkpoint
from facetwise.training._micro_batches import reduced_in_parts
from facetwise.training.mixing import MixUp
from made_export import made_predictor
from made_facets import even_weights, made_objective, made_schema
from made_training import PER_EPOCH, WIDTH, outcome_of, small_config, small_part, stop_after, train_small

ITEMS, LOOKS = 600, 8
ADAPTER = {"adapters": [{"name": "category", "embedding": 8, "known": True}]}
QUERIES = {
    "trunk": {"name": "query", "width": 16, "heads": 2, "hidden": 32, "tokens": 2, "learnable": True, "dropout": 0.0,
              "per_category": True, "known": True},
    "depth": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A picture shows a sign and not the sort of the item; the finish is the sign, turned round for one sort."""
    folder, rng = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    sort, sign = rng.integers(2, size=ITEMS), rng.integers(2, size=ITEMS)
    looks = rng.normal(0.0, 0.3, (ITEMS, LOOKS)) + np.where(sign[:, None] == 1, 1.0, -1.0)
    np.save(folder / "looks.npy", looks.astype(np.float32))
    pl.DataFrame(
        {
            "image": [f"{row}.jpg" for row in range(ITEMS)],
            "sort": np.array(["boot", "coat"])[sort],
            "finish": np.array(["dull", "satin"])[sort ^ sign],
        }
    ).write_csv(folder / "table.csv")
    return {"folder": folder}


def _trained(shop: dict[str, Any], name: str, **options: Any) -> Any:
    return fw.train(
        shop["folder"] / "table.csv", features=shop["folder"] / "looks.npy", out=shop["folder"] / name,
        category="sort", epochs=30, batch_size=32, input_dropout=0.0, learning_rate=5e-3, patience=30,
        near_duplicates=False, **options,
    )  # fmt: skip


def _only_the_sort(run: Any, labels: Labels) -> Labels:
    place = run.schema.index["sort"]
    state, index = np.full_like(labels.state, UNKNOWN), np.full_like(labels.index, -1)
    state[:, place], index[:, place] = labels.state[:, place], labels.index[:, place]
    members = Labels.no_members(len(labels), labels.members.shape[1])
    return replace(labels, state=state, index=index, members=members)


@pytest.mark.parametrize(("name", "options"), [("adapter", ADAPTER), ("queries", QUERIES)])
def test_what_the_picture_does_not_show_is_told_by_the_category(
    shop: dict[str, Any], name: str, options: dict[str, Any]
) -> None:
    run = _trained(shop, name, **options)
    prepared, predictor, place = run.prepared, run.predictor(), run.schema.index["finish"]
    rows = prepared.split.rows("test")
    truth, features = prepared.labels.take(rows), prepared.features[rows]
    given, block = _only_the_sort(run, truth), run.schema.layout().blocks[place]

    def right(scores: np.ndarray) -> float:
        return float((scores[:, block.scores].argmax(axis=1) == truth.index[:, place]).mean())

    told, untold = predictor.scores(features, given=given)[0], predictor.scores(features)[0]
    assert right(told) > 0.95
    assert right(untold) < 0.7, "the picture alone does not show it"
    # The score that selects, and the one of the test, are of pictures alone.
    assert run.metrics["attributes"]["finish"]["accuracy"] < 0.7
    best = read_checkpoint(run.path / "checkpoints" / "best_score").facts
    assert best["metrics"]["attributes"]["finish"]["accuracy"] < 0.75

    # Who is not told is answered as if nobody were.
    state = given.state.copy()
    state[::2, run.schema.index["sort"]] = UNKNOWN
    half = predictor.scores(features, given=replace(given, state=state))[0]
    np.testing.assert_allclose(half[::2], untold[::2], atol=1e-6)
    np.testing.assert_allclose(half[1::2], told[1::2], atol=1e-6)


def test_without_the_option_a_given_category_does_not_reach_the_network(shop: dict[str, Any]) -> None:
    run = _trained(shop, "deaf", adapters=[{"name": "category", "embedding": 8}], neighbours=False)
    rows = run.prepared.split.rows("test")
    given = _only_the_sort(run, run.prepared.labels.take(rows))
    block = run.schema.layout().blocks[run.schema.index["finish"]]
    told, untold = (run.predictor().scores(run.prepared.features[rows], given=one)[0] for one in (given, None))
    assert np.array_equal(told[:, block.scores], untold[:, block.scores])


SCHEMA = made_schema()


def _told_model(**options: Any) -> FacetModel:
    return build_model(
        SCHEMA, levels=[WIDTH // 2, WIDTH // 2], adapters=[("category", {"embedding": 3, "known": True, **options})],
        trunk_options={"width": 8, "layers": 1, "dropout": 0.0}, input_dropout=0.0, seed=3,
    )  # fmt: skip


def _heard(model: FacetModel, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor | None]:
    """What the model is told of the category, call by call."""
    told, forward = list[torch.Tensor | None](), model.forward

    def listening(features: torch.Tensor, category: torch.Tensor | None = None) -> Any:
        told.append(category)
        return forward(features, category)

    monkeypatch.setattr(model, "forward", listening)
    return told


@pytest.mark.parametrize("size", [5, 36])
def test_parts_of_a_batch_are_told_their_own_labels(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    part, model = small_part(1), _told_model()
    told = _heard(model, monkeypatch)
    with torch.no_grad():
        reduced_in_parts(
            model, made_objective(SCHEMA), part.numbers(), part.told(), even_weights(SCHEMA, torch.float32), size=size
        )
    place = SCHEMA.index[SCHEMA.category]
    expected = np.where(part.labels.state[:, place] == VALUE, part.labels.index[:, place], -1)
    assert (expected == -1).any()
    assert np.array_equal(torch.cat(told).numpy(), expected)


@pytest.mark.parametrize("size", [5, 36])
def test_a_mixed_item_has_two_categories_and_is_told_none(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    part, model = small_part(1), _told_model()
    told = _heard(model, monkeypatch)
    features, targets = MixUp().mix(part.numbers(), part.told(), np.random.default_rng(0))
    with torch.no_grad():
        reduced_in_parts(
            model, made_objective(SCHEMA), features, targets, even_weights(SCHEMA, torch.float32), size=size
        )
    assert told
    assert all(category is None for category in told)


def test_validation_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _told_model().eval()
    told = _heard(model, monkeypatch)
    small_part(2).logits(model)
    assert told == [None]


def test_what_came_later_reads_what_pictures_alone_say() -> None:
    """It has learned beside a model that was told nothing."""
    model, bare = _told_model().eval(), alone(SCHEMA, "a12")
    width, old = model.trunk.width, model.num_logits
    part = build_model(bare, levels=[WIDTH // 2, WIDTH // 2, width], trunk_options={"width": 8}, seed=4).eval()
    part.beside = Beside(width=width)
    model.grow([part], range(old + part.num_logits))
    features = small_part(1).numbers()
    told, untold = model(features, torch.zeros(len(features), dtype=torch.long)).logits, model(features).logits
    assert not torch.equal(told[:, :old], untold[:, :old])
    assert torch.equal(told[:, old:], untold[:, old:])


def test_a_class_that_the_network_does_not_know_is_not_told() -> None:
    """A class may have been learnt from a few pictures after the training."""
    predictor = made_predictor(adapters=[("category", {"known": True})])[0]
    place, count = SCHEMA.index[SCHEMA.category], len(SCHEMA.category_attribute.classes)
    labels = small_part(1).labels
    state, index = labels.state.copy(), labels.index.copy()
    state[:3, place], index[:3, place], state[3, place] = VALUE, [0, count, count - 1], UNKNOWN
    told = predictor._known_category(replace(labels, state=state, index=index))
    assert told[:4].tolist() == [0, -1, count - 1, -1]
    assert predictor._known_category(None) is None
    state[:, place] = UNKNOWN
    assert predictor._known_category(replace(labels, state=state, index=index)) is None


def test_neighbours_are_those_of_the_picture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, features = made_predictor(adapters=[("category", {"known": True})])
    sought, votes = list[np.ndarray](), Neighbours.votes

    def noted(self: Neighbours, *given: Any, **options: Any) -> np.ndarray:
        sought.append(given[2])
        return votes(self, *given, **options)

    monkeypatch.setattr(Neighbours, "votes", noted)
    labels = small_part(1).labels
    predictor.scores(features[: len(labels)])
    predictor.scores(features[: len(labels)], given=labels)
    assert np.array_equal(sought[0], sought[1])


@pytest.mark.parametrize("balancing", ["equal", "upgrad"])
def test_a_run_that_is_continued_withholds_the_same_labels(tmp_path: Path, balancing: str) -> None:
    config = small_config(dropout=0.0, input_dropout=0.0, balancing=balancing)
    train_small(tmp_path / "straight", config=config, model=_told_model())
    for steps in (1, PER_EPOCH + 1):
        with pytest.raises(Interrupted):
            train_small(
                tmp_path / "stopped", config=config, model=_told_model(),
                stop=stop_after(steps, lambda stop: stop.ask(15)),
            )  # fmt: skip
    train_small(tmp_path / "stopped", config=config, model=_told_model())
    straight = outcome_of(tmp_path / "straight")
    assert outcome_of(tmp_path / "stopped") == straight
    train_small(tmp_path / "all", config=config, model=_told_model(withheld=0.0))
    assert outcome_of(tmp_path / "all")["last"] != straight["last"], "otherwise nothing was withheld"


def test_small_parts_withhold_nothing_else(tmp_path: Path) -> None:
    """On the way back a part is computed again, with the draw of the first time: the gradients are of one function."""
    ends = []
    for size in (0, 5):
        config = small_config(dropout=0.0, input_dropout=0.0, micro_batch=size, epochs=1)
        train_small(tmp_path / str(size), config=config, model=_told_model(withheld=0.0))
        ends.append(read_checkpoint(tmp_path / str(size) / "checkpoints" / "last").tensors)
    for key in ends[0]:
        np.testing.assert_allclose(ends[1][key], ends[0][key], rtol=1e-3, atol=2e-5, err_msg=key)
