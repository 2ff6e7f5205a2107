"""Class weights over the epochs against the published schedules, written out."""

import numpy as np
import pytest

from facetwise.errors import ConfigError
from facetwise.objectives import REWEIGHTING, REWEIGHTING_ALIASES

COUNTS = np.array([1000, 100, 10])


def _run(name: str, epochs: int, counts: np.ndarray = COUNTS, **options: object) -> np.ndarray:
    """(epoch, class) weights, scaled as the papers do: their sum is the number of classes."""
    rule = REWEIGHTING[name](**options)
    rows = [rule.weights(counts, progress=epoch / epochs, epoch=epoch) for epoch in range(epochs)]
    return np.array([len(counts) * row / row.sum() for row in rows])


def _effective(beta: float) -> np.ndarray:
    """The authors' code: (1 - β) / (1 - β^n), scaled to sum to the number of classes."""
    weights = (1.0 - beta) / (1.0 - np.power(beta, COUNTS))
    return weights / weights.sum() * len(COUNTS)


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999, 0.9999])
def test_class_balanced(beta: float) -> None:
    np.testing.assert_allclose(_run("class_balanced", 3, beta=beta), [_effective(beta)] * 3, rtol=1e-9)


def test_class_balanced_keeps_its_digits() -> None:
    """At β = 1 - 10⁻¹², where 1 - β^n loses four of its digits, the weights are inverse frequencies."""
    near, limit = _run("class_balanced", 1, beta=1 - 1e-12), _run("class_balanced", 1, beta=1.0)
    np.testing.assert_allclose(near, limit, rtol=1e-8)
    np.testing.assert_allclose(limit[0], 3 * (1 / COUNTS) / (1 / COUNTS).sum(), rtol=1e-12)


def test_deferred_as_in_the_paper() -> None:
    """160 of 200 epochs, β 0.9999."""
    for found in (_run("drw", 200), _run("drw", 200, defer_until=160)):
        assert (found[:160] == 1).all()
        np.testing.assert_allclose(found[160:], [_effective(0.9999)] * 40, rtol=1e-9)


def test_deferred_as_in_the_system_code() -> None:
    """Uniform before epoch 5, then β 0.999."""
    name, options = REWEIGHTING_ALIASES["drw_early"]
    found = _run(name, 50, **options)
    assert (found[:5] == 1).all()
    np.testing.assert_allclose(found[5:], [_effective(0.999)] * 45, rtol=1e-9)


def test_influence_balanced_reweighting_is_inverse_frequency_from_its_start() -> None:
    """Epoch 100 of 200, where the influence-balanced phase begins."""
    name, options = REWEIGHTING_ALIASES["IBReweight"]
    found = _run(name, 200, **options)
    assert (found[:100] == 1).all()
    inverse = (1 / COUNTS) / (1 / COUNTS).sum() * 3
    np.testing.assert_allclose(found[100:], [inverse] * 100, rtol=1e-12)


def test_class_balanced_reweighting_begins_at_once() -> None:
    name, options = REWEIGHTING_ALIASES["CBReweight"]
    np.testing.assert_allclose(_run(name, 2, **options), [_effective(0.9999)] * 2, rtol=1e-9)


@pytest.mark.parametrize("start", [10, 0.5])
def test_a_ramp_goes_over_linearly(start: float) -> None:
    rule = REWEIGHTING["drw"](defer_until=start, beta=0.999, ramp=0.25)
    rows = np.array([rule.weights(COUNTS, progress=epoch / 20, epoch=epoch) for epoch in range(20)])
    even, full = np.ones(3), REWEIGHTING["class_balanced"](beta=0.999).weights(COUNTS, progress=0.0)
    for epoch, row in enumerate(rows):
        share = min(1.0, max(0.0, (epoch - 10) / 5))
        np.testing.assert_allclose(row, (1 - share) * even + share * full, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("class_balanced", {"beta": 1.5}),
        ("drw", {"defer_until": 1.5}),
        ("drw", {"defer_until": -1}),
        ("drw", {"defer_until": True}),
        ("drw", {"ramp": -0.1}),
    ],
)
def test_impossible_options_are_refused(name: str, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        REWEIGHTING[name](**options)
