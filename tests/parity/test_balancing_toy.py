"""Two quadratics that pull apart, L_1 = ½ a ‖x - p‖² + 1 and L_2 = ½ b ‖x - q‖² + 1: where each method comes to rest.

Between p and q the gradients oppose each other: every point of that segment is Pareto stationary.
"""

import numpy as np
import pytest

from facetwise.objectives import BALANCERS
from facetwise.objectives.balancing import GramianBalancer

P, Q = np.array([0.0, 0.0]), np.array([1.0, 0.0])
STARTS = [np.array([0.3, 0.8]), np.array([0.8, -0.5])]
both_starts = pytest.mark.parametrize("start", STARTS, ids=["left", "right"])


def rest(
    name: str,
    start: np.ndarray,
    *,
    a: float = 1.0,
    b: float = 1.0,
    steps: int = 1500,
    rate: float = 0.02,
    **options: object,
) -> np.ndarray:
    """Where gradient descent with the method's weights ends."""
    balancer = BALANCERS[name](names=["first", "second"], seed=0, **options)
    point, places = start.copy(), np.arange(2)
    for _ in range(steps):
        rows = np.stack([a * (point - P), b * (point - Q)])
        losses = 0.5 * np.array([a * (point - P) @ (point - P), b * (point - Q) @ (point - Q)]) + 1.0
        if isinstance(balancer, GramianBalancer):
            weights = balancer.weigh(rows @ rows.T, losses, places).shared
        else:
            weights = balancer.weigh(losses, places)
        point = point - rate * weights @ rows
    return point


@both_starts
def test_weighted_sums_rest_at_the_weighted_mean(start: np.ndarray) -> None:
    np.testing.assert_allclose(rest("equal", start, a=3.0), [1 / 4, 0], atol=1e-9)
    weights = {"first": 1.0, "second": 9.0}
    np.testing.assert_allclose(rest("fixed", start, a=3.0, weights=weights), [9 / 12, 0], atol=1e-9)


@both_starts
@pytest.mark.parametrize("c", [0.2, 0.6])
def test_cagrad_rests_where_equal_weighting_does(start: np.ndarray, c: float) -> None:
    """Liu et al. (2021, theorem 3.2): with c < 1 it minimises the average loss, by another way."""
    np.testing.assert_allclose(rest("cagrad", start, a=3.0, c=c), [1 / 4, 0], atol=2e-2)


@both_starts
def test_mgda_goes_straight_to_the_segment(start: np.ndarray) -> None:
    """With one curvature the shortest gradient is x minus its projection on the segment."""
    np.testing.assert_allclose(rest("mgda", start), [start[0], 0.0], atol=1e-9)


@both_starts
@pytest.mark.parametrize("name", ["nash_mtl", "fairgrad", "imtl_g"])
def test_bisectors_keep_the_difference_of_distances(name: str, start: np.ndarray) -> None:
    """With two tasks these methods follow the bisector of the gradients, along a hyperbola around p and q."""
    options = {"normalise": False} if name == "imtl_g" else {}
    end = rest(name, start, rate=0.002, steps=3000, **options)
    kept = [np.linalg.norm(point - P) - np.linalg.norm(point - Q) for point in (start, end)]
    assert kept[1] == pytest.approx(kept[0], abs=0.01)
    assert abs(end[1]) < 0.03


@pytest.mark.parametrize("name", ["nash_mtl", "fairgrad", "imtl_g"])
@pytest.mark.parametrize("angle", [0.3, 1.5, 2.8])
def test_two_tasks_are_weighted_by_the_inverse_of_their_lengths(name: str, angle: float) -> None:
    rows = np.array([[2.0, 0.0], [5.0 * np.cos(angle), 5.0 * np.sin(angle)]])
    balancer = BALANCERS[name](names=["first", "second"], seed=0)
    found = balancer.weigh(rows @ rows.T, np.ones(2), np.arange(2)).shared
    np.testing.assert_allclose(found, [2 * 5 / 7, 2 * 2 / 7], rtol=1e-8)


@both_starts
@pytest.mark.parametrize("name", ["upgrad", "pcgrad", "gradvac", "imtl"])
def test_others_rest_on_the_segment(name: str, start: np.ndarray) -> None:
    end = rest(name, start, a=2.0, rate=0.005, steps=2000)
    assert -0.02 <= end[0] <= 1.02
    assert abs(end[1]) < 0.03


@both_starts
def test_upgrad_lets_nobody_lose(start: np.ndarray) -> None:
    """At no step does a loss rise."""
    point = start
    for _ in range(40):
        further = rest("upgrad", point, a=2.0, steps=10, rate=0.005)
        for target in (P, Q):
            assert np.linalg.norm(further - target) <= np.linalg.norm(point - target) + 1e-4
        point = further


@both_starts
def test_gradnorm_without_rates_evens_the_lengths(start: np.ndarray) -> None:
    """α = 0: w_1 ‖g_1‖ = w_2 ‖g_2‖, the bisector again; it rests on the segment."""
    end = rest("gradnorm", start, a=3.0, alpha=0.0, rate=0.01)
    assert 0.0 < end[0] < 1.0
    assert abs(end[1]) < 0.02


@both_starts
@pytest.mark.parametrize("name", ["gls", "uncertainty", "imtl_l", "stch", "famo"])
def test_methods_that_want_the_inverse_losses(name: str, start: np.ndarray) -> None:
    """Weights ∝ 1 / L_k: g_1 / L_1 + g_2 / L_2 = 0. So for STCH in its warm-up, and FAMO before it has looked again."""
    options = {"uncertainty": {"learning_rate": 0.05}, "imtl_l": {"learning_rate": 0.05}}.get(name, {})
    end = rest(name, start, a=3.0, **options)
    assert abs(end[1]) < 1e-6
    first, second = 1.5 * end[0] ** 2 + 1.0, 0.5 * (1 - end[0]) ** 2 + 1.0
    assert 3.0 * end[0] / first == pytest.approx((1 - end[0]) / second, abs=1e-3)


@both_starts
def test_stch_ends_with_equal_shares_of_the_reference(start: np.ndarray) -> None:
    """μ → 0 minimises the larger of L_k / z_k, z the losses of the first step: in the end both are equal."""
    end = rest("stch", start, warmup_epochs=0, mu=0.01, rate=0.002, steps=4000)
    ratios = [(0.5 * (end - t) @ (end - t) + 1.0) / (0.5 * (start - t) @ (start - t) + 1.0) for t in (P, Q)]
    assert ratios[0] == pytest.approx(ratios[1], abs=0.02)
