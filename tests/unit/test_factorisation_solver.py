"""W = L S: the course of the objective, planted groups, masks, and what the public code of CNN-MTL gets wrong."""

from pathlib import Path

import numpy as np
import pytest

from facetwise.errors import BundleError, ConfigError, UserError, WriteError
from facetwise.models.factorisation import (
    Factorisation,
    Penalties,
    Problem,
    factorise,
    search_factorisation,
    separate_weights,
    solve_latent,
)
from facetwise.objectives import BALANCERS, round_weights


def made(items: int = 120, unknown: float = 0.2, seed: int = 0):
    """Two groups of attributes, each with two latent tasks of its own."""
    rng = np.random.default_rng(seed)
    groups = np.array([0, 0, 0, 0, 1, 1, 1])
    latent = rng.normal(size=(12, 4))
    combination = rng.normal(size=(4, 7)) * (np.arange(4)[:, None] // 2 == groups)
    features = rng.normal(size=(items, 12))
    labels = np.sign(features @ latent @ combination)
    return features, np.where(rng.random(labels.shape) < unknown, np.nan, labels), labels, groups


def rises(course) -> np.ndarray:
    course = np.array(course)
    return np.diff(course) / np.abs(course[:-1])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"power": 1},
        {"intercept": False},
        {"group_norm": 0.0, "l1_latent": 0.0, "frobenius_latent": 0.0},
        {"group_norm": 0.0, "l1_combination": 0.5, "frobenius_combination": 0.1},
        {"latent": 12},
        {"ridge": 0.3},
        {"ridge": 0.3, "power": 1, "intercept": False},
        {"weights": [1, 2, 0.5, 1, 1, 0, 3]},
        {"group_norm": 1e6},
    ],
    ids=str,
)
def test_the_objective_never_rises(options: dict) -> None:
    features, labels, _, groups = made()
    found = factorise(features, labels, groups=groups, **{"tolerance": 0.0, "rounds": 30, **options})
    assert rises(found.objective).max() < 1e-12
    assert found.objective[-1] <= found.objective[0]
    assert len(found.objective) == 1 + 2 * (len(found.losses) - 1)


def test_the_last_objective_is_that_of_what_is_returned() -> None:
    features, labels, _, groups = made()
    found = factorise(features, labels, groups=groups, group_norm=0.7, l1_latent=0.2, frobenius_latent=0.3)
    known = ~np.isnan(labels)
    gap = np.maximum(1 - np.where(known, labels, 0) * found.scores(features), 0)
    lengths = sum(np.linalg.norm(found.combination[:, groups == g], axis=1).sum() for g in (0, 1))
    basis = found.latent
    expected = 0.5 * (gap[known] ** 2).sum() + 0.7 * lengths + 0.2 * np.abs(basis).sum() + 0.3 * (basis**2).sum()
    assert found.objective[-1] == pytest.approx(expected, rel=1e-10)


def test_a_ridge_alone_is_every_attribute_alone() -> None:
    features, labels, _, groups = made()
    problem = Problem(features, labels, ridge=0.8)
    alone, intercepts = separate_weights(problem, ridge=0.8, steps=2000)
    found = factorise(
        features, labels, groups=groups, group_norm=0.0, l1_latent=0.0, frobenius_latent=0.0, ridge=0.8,
        rounds=100, tolerance=1e-9,
    )  # fmt: skip
    assert found.objective[-1] == pytest.approx(problem.loss(problem.score(alone, intercepts)), rel=1e-3)
    np.testing.assert_allclose(found.weights, alone, atol=0.01)
    # The weights are of size 1, and those of sharing are others.
    shared = factorise(features, labels, groups=groups, group_norm=5.0, ridge=0.8)
    assert np.abs(shared.weights - alone).max() > 0.1


def test_planted_groups_are_found() -> None:
    features, labels, whole, groups = made(items=400)
    found = factorise(features, labels, groups=groups, latent=6, group_norm=10.0, rounds=300, tolerance=1e-7)
    share = found.sharing(attributes=list("abcdefg"), group_names=["left", "right"])
    assert len(share.unused) == 2, "four latent tasks were planted, six were offered"
    lengths = np.delete(share.lengths, share.unused, axis=0)
    assert (lengths.min(axis=1) < 0.02 * lengths.max(axis=1)).all(), f"each belongs to one group\n{share}"
    assert sorted(lengths.argmax(axis=1)) == [0, 0, 1, 1]
    assert share.zero_groups
    assert (found.predict(features) == whole).mean() > 0.95
    mixed = factorise(features, labels, groups=[0, 1, 0, 1, 0, 1, 0], latent=6, group_norm=10.0, rounds=300)
    assert mixed.objective[-1] > 1.1 * found.objective[-1], "wrong groups cost more"


def test_the_report_names_who_shares() -> None:
    features, labels, _, groups = made()
    share = factorise(features, labels, groups=groups, group_norm=5.0).sharing(
        attributes=list("abcdefg"), group_names=["left", "right"]
    )
    told = share.to_dict()
    assert told["groups"] == {"left": ["a", "b", "c", "d"], "right": ["e", "f", "g"]}
    for k, line in enumerate(told["latent"]):
        assert set(line["groups"]) == {name for g, name in enumerate(("left", "right")) if share.lengths[k, g] > 0}
        assert line["attributes"] == [name for a, name in enumerate("abcdefg") if share.used[k, a]]
    assert len(str(share).splitlines()) == 1 + 2 + 7 - len(share.unused)


def test_unknown_cells_equal_removal() -> None:
    """Rows without any label may be anything; an attribute's unknown cells may have any features of its own."""
    features, labels, _, groups = made()
    labels[:20] = np.nan
    one = factorise(features, labels, groups=groups)
    two = factorise(features[20:], labels[20:], groups=groups)
    assert one.objective == two.objective
    assert np.array_equal(one.weights, two.weights)
    own = [features.copy() for _ in groups]
    for a, each in enumerate(own):
        each[np.isnan(labels[:, a])] = 1e3
    problem, other = Problem([features] * 7, labels), Problem(own, labels)
    matrix = np.random.default_rng(0).normal(size=(12, 7))
    assert problem.loss(problem.score(matrix)) == other.loss(other.score(matrix))
    slopes = [each.pull(each.slope(each.score(matrix))) for each in (problem, other)]
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-12)


def test_an_array_per_attribute_equals_one_for_all() -> None:
    features, labels, _, groups = made()
    one, many = (factorise(x, labels, groups=groups) for x in (features, [features] * 7))
    np.testing.assert_allclose(one.objective, many.objective, rtol=1e-8)
    np.testing.assert_allclose(one.scores(features), many.scores([features] * 7), atol=1e-5)


def test_the_same_on_every_run_whatever_the_seed_of_others() -> None:
    features, labels, _, groups = made()
    one = factorise(features, labels, groups=groups, latent=10, seed=3)
    np.random.seed(99)
    two = factorise(features, labels, groups=groups, latent=10, seed=3)
    assert one.objective == two.objective
    assert np.array_equal(one.latent, two.latent)


def test_adam_descends_to_nearly_the_same() -> None:
    features, labels, _, groups = made()
    exact = factorise(features, labels, groups=groups, tolerance=1e-6, rounds=200)
    adam = factorise(features, labels, groups=groups, solver="adam", learning_rate=0.01, rounds=100, tolerance=0.0)
    assert adam.objective[-1] < adam.objective[0]
    assert exact.objective[-1] <= min(adam.objective) < 1.1 * exact.objective[-1]


def test_weights_move_between_rounds_on_request() -> None:
    features, labels, _, groups = made()
    seen = []

    def balance(losses: np.ndarray) -> np.ndarray:
        seen.append(losses.shape)
        ratio = losses[-1] / losses[-2] if len(losses) > 1 else np.ones(7)
        share = np.exp(ratio / 2.0)
        return 7 * share / share.sum()

    found = factorise(features, labels, groups=groups, balance=balance, rounds=5, tolerance=0.0)
    assert seen[:3] == [(1, 7), (2, 7), (3, 7)]
    assert (found.losses[-1] < found.losses[0]).all() or found.losses[-1].mean() < found.losses[0].mean()


def test_a_balancer_of_the_table_weighs_the_rounds() -> None:
    """Against dynamic weight average written by hand: w = K softmax(L(t) / L(t - 1) / T)."""
    features, labels, _, groups = made()

    def by_hand(losses: np.ndarray) -> np.ndarray:
        ratio = losses[-1] / losses[-2] if len(losses) > 1 else np.ones(7)
        share = np.exp(ratio / 2.0)
        return 7 * share / share.sum()

    options = {"groups": groups, "rounds": 5, "tolerance": 0.0}
    expected = factorise(features, labels, balance=by_hand, **options)
    for name in ("dwa", "DWA"):
        found = factorise(features, labels, balance=round_weights(name), **options)
        np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-10)
    plain, sharper = (factorise(features, labels, balance=one, **options)
                      for one in (None, round_weights("dwa", temperature=0.2)))  # fmt: skip
    assert np.abs(plain.losses - expected.losses).max() > 1e-6, "weights matter"
    assert np.abs(sharper.losses - expected.losses).max() > 1e-6, "options arrive"


@pytest.mark.parametrize("name", BALANCERS)
def test_every_balancer_weighs_rounds_or_says_who_can(name: str) -> None:
    losses = np.array([[1.0, 2.0, 0.5], [0.9, 1.0, 0.5], [0.8, 0.9, 0.5]])
    if name in ("equal", "fixed", "random", "dwa", "gls", "stch"):
        balance = round_weights(name)
        weights = balance(losses)
        assert weights.sum() == pytest.approx(3.0)
        assert np.array_equal(balance(losses), weights), "it remembers nothing"
        assert balance(losses[:1]).shape == (3,)
    else:
        with pytest.raises(
            ConfigError, match=r"needs nothing but losses.*choose one of equal, fixed, .*dwa, gls, stch"
        ):
            round_weights(name)


def test_a_balancer_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="dwa"):
        round_weights("dwaa")
    with pytest.raises(ConfigError, match="temperature"):
        round_weights("dwa", temprature=3.0)
    with pytest.raises(ConfigError, match="weight belongs to an attribute"):
        round_weights("fixed", attributes=["a", "b"], weights={"c": 2.0})(np.ones((1, 2)))
    weights = round_weights("fixed", attributes=["a", "b"], weights={"b": 3.0})(np.ones((1, 2)))
    np.testing.assert_allclose(weights, [0.5, 1.5])


def test_the_scale_between_the_factors_costs_least() -> None:
    rng = np.random.default_rng(0)
    penalties = Penalties(groups=np.array([0, 0, 1]), group_norm=0.7, l1_latent=0.3, frobenius_latent=0.2)
    latent, combination = rng.normal(size=(5, 4)) * 30, rng.normal(size=(4, 3))
    combination[2] = 0.0
    new = penalties.balance(latent, combination)
    np.testing.assert_allclose(new[0] @ new[1], latent @ combination)

    def cost(c: float) -> float:
        return float((penalties.of_latent(new[0] * c) + penalties.of_combination(new[1] / c))[[0, 1, 3]].sum())

    assert min(cost(0.99), cost(1.01)) > cost(1.0)
    assert np.array_equal(new[0][:, 2], latent[:, 2]), "nothing to balance"


def test_saved_and_read(tmp_path: Path) -> None:
    features, labels, _, groups = made()
    found = factorise(features, labels, groups=groups, rounds=2)
    found.save(tmp_path / "factors.safetensors")
    again = Factorisation.read(tmp_path / "factors.safetensors")
    assert np.array_equal(again.scores(features), found.scores(features))
    assert again.objective == found.objective
    with pytest.raises(BundleError):
        Factorisation.read(tmp_path / "none.safetensors")
    with pytest.raises(WriteError):
        found.save(tmp_path / "no" / "folder.safetensors")
    more = factorise(features, labels, groups=groups, start=again, rounds=2)
    assert more.objective[0] == pytest.approx(found.objective[-1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": "zero"}, r"2 \* labels - 1"),
        ({"labels": "empty"}, "every attribute has a label"),
        ({"features": "nan"}, "finite"),
        ({"features": "short"}, "one row per row of the labels"),
        ({"features": "few"}, "one per attribute"),
        ({"groups": [0, 1]}, "`groups` are 7"),
        ({"weights": [1.0]}, "`weights` are 7"),
        ({"power": 3}, "`power` is 1 or 2"),
        ({"solver": "sgd"}, "fista or adam"),
        ({"group_norm": -1.0, "latent": 0}, r"(?s)group_norm.*latent"),
    ],
)
def test_what_cannot_be_is_refused(change: dict, said: str) -> None:
    features, labels, _, _ = made()
    x, y = features.copy(), labels.copy()
    match change.get("labels"), change.get("features"):
        case "zero", _:
            y[y < 0] = 0
        case "empty", _:
            y[:, 2] = np.nan
        case _, "nan":
            x[0, 0] = np.nan
        case _, "short":
            x = x[1:]
        case _, "few":
            x = [x, x]
    options = {key: value for key, value in change.items() if key not in ("labels", "features")}
    with pytest.raises(UserError, match=said):
        factorise(x, y, **options)


def test_cnn_mtl_002_the_hinge_is_squared() -> None:
    """The public code of CNN-MTL has the plain hinge; the paper's objective squares it."""
    problem = Problem(np.zeros((1, 1)), np.array([[1.0]]))
    assert problem.loss(np.array([[-2.0]])) == pytest.approx(4.5)
    assert problem.loss(np.array([[1.0]])) == 0.0


def test_cnn_mtl_002_there_are_penalties_proximal_maps_and_groups() -> None:
    """The public code of CNN-MTL has none of them: nothing is ever exactly 0."""
    features, labels, _, groups = made()
    found = factorise(features, labels, groups=groups, latent=7, group_norm=5.0, l1_latent=1.0)
    assert (found.latent == 0).any()
    assert found.sharing().zero_groups
    one = factorise(features, labels, groups=[0] * 7, latent=7, group_norm=5.0, l1_latent=1.0)
    blocks = one.combination != 0
    assert (blocks.all(axis=1) | ~blocks.any(axis=1)).all(), "a group comes and goes as one"


def test_a_latent_task_nobody_uses_is_swept_away() -> None:
    features, labels, _, groups = made()
    problem = Problem(features, labels)
    penalties = Penalties(groups=groups, frobenius_latent=0.1)
    combination = np.vstack([np.zeros(7), np.ones(7)])
    found = solve_latent(problem, penalties, combination, np.ones((12, 2)), steps=50)
    assert np.abs(found.point[:, 0]).max() < 1e-6
    assert np.abs(found.point[:, 1]).max() > 1e-3


def test_the_search_begins_with_every_attribute_alone_and_takes_what_does_best() -> None:
    features, labels, whole, groups = made(items=300, unknown=0.5)
    held = slice(150, 300)
    truth = whole[held].copy()
    truth[:, 3] = np.nan  # decides nothing
    truth[::4, 0] = np.nan
    found, tried = search_factorisation(features[:150], labels[:150], features[held], truth, groups=groups)
    alone = [trial for trial in tried if set(trial.options) == {"ridge"}]
    assert len(alone) == 7
    assert alone == tried[:7]
    right = np.where(np.isnan(truth), np.nan, found.predict(features[held]) == truth)
    reached = np.nanmean(np.delete(right, 3, axis=1), axis=0).mean()
    assert reached == pytest.approx(max(trial.accuracy for trial in tried))  # far above its standard error
    assert reached > max(trial.accuracy for trial in alone), "planted latent tasks are worth sharing"
    # Attributes that have nothing to do with each other stay alone.
    rng = np.random.default_rng(1)
    apart = rng.normal(size=(300, 12))
    own = np.sign(apart @ rng.normal(size=(12, 7)) + rng.normal(size=(300, 7)))
    _, others = search_factorisation(apart[:150], own[:150], apart[150:], own[150:], groups=groups)
    kept = search_factorisation(apart[:150], own[:150], apart[150:], own[150:], groups=groups)[0]
    best = max(others[:7], key=lambda trial: trial.accuracy)
    assert np.mean(kept.predict(apart[150:]) == own[150:]) == pytest.approx(best.accuracy)
    chosen = max(tried, key=lambda trial: trial.accuracy)
    again = factorise(
        features[:150], labels[:150], groups=groups,
        **{"group_norm": 0.0, "l1_latent": 0.0, "frobenius_latent": 0.0, **chosen.options},
    )  # fmt: skip
    np.testing.assert_array_equal(again.weights, found.weights)


def test_the_search_needs_labels_that_decide() -> None:
    features, labels, _, _ = made()
    with pytest.raises(UserError, match="rows held out decide"):
        search_factorisation(features, labels, features, np.full_like(labels, np.nan))
