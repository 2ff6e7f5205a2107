"""CNN-MTL on cached features: L and S in turn, until neither gains anything."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from facetwise.errors import UserError
from facetwise.models.factorisation._adam import AdamHalf
from facetwise.models.factorisation._blocks import solve_combination, solve_latent
from facetwise.models.factorisation._factorisation import Factorisation
from facetwise.models.factorisation._penalties import Penalties
from facetwise.models.factorisation._problem import Power, Problem
from facetwise.models.factorisation._start import first_factors

__all__ = ["Balance", "factorise"]

# Mean losses so far (round, attribute) to a weight per attribute.
Balance = Callable[[np.ndarray], np.ndarray]

# Steps of each half per round, at most: neither half is worth solving to the end while the other still moves.
_COMBINATION_STEPS, _LATENT_STEPS = 40, 15
# With Adam: one and one per round in the public code; so many, as a round of Adam gains little.
_ADAM_STEPS = 10


def factorise(
    features: np.ndarray | Sequence[np.ndarray],
    labels: np.ndarray,
    *,
    latent: int | None = None,
    groups: Sequence[int] | None = None,
    weights: Sequence[float] | None = None,
    balance: Balance | None = None,
    group_norm: float = 1.0,
    l1_combination: float = 0.0,
    frobenius_combination: float = 0.0,
    l1_latent: float = 0.1,
    frobenius_latent: float = 1.0,
    ridge: float = 0.0,
    power: Power = 2,
    smoothing: float = 0.1,
    intercept: bool = True,
    solver: Literal["fista", "adam"] = "fista",
    rounds: int = 40,
    tolerance: float = 5e-4,
    learning_rate: float = 1e-3,
    start: Factorisation | None = None,
    seed: int = 0,
) -> Factorisation:
    r"""Factors L, S and intercepts b of the weights W = L S of binary attributes that share latent tasks by groups.

    min Σ_a w_a Σ_i ℓ(Y_ia (x_iaᵀ L s_a + b_a)) + μ Σ_k Σ_g ‖s_k^g‖₂ + γ‖L‖₁ + λ‖L‖²_F
    (+ γ_S‖S‖₁ + λ_S‖S‖²_F + ρ‖L S‖²_F),
    i an item, a an attribute, k a latent task, g a group, s_k^g the entries of row k of S in group g.

    ℓ is the squared hinge ½ max(0, 1 - t)² (power 1: the hinge, see `Problem`). Attributes of one group learn to read
    the same latent tasks; groups compete for them, and blocks that lose are exactly 0: `sharing()` says which.

    `fista` solves S and L in turn by accelerated proximal gradient with restart, every proximal map exact; the scale
    between L and S, which alternation finds slowly, is set in closed form after each round. The objective never rises.
    `adam` is the alternating Adam of the public code with the proximal map after each step; its objective may rise, and
    the best round is what is returned.

    Standardise features first: one penalty serves them all. Everything is float64, and the same on every run.

    Source: Abdulnabi et al. (2015), "Multi-task CNN model for attribute prediction", whose solver smooths the group
    norm (needed where groups overlap; here they do not). The public code of the same name has the plain hinge, no
    penalty, no groups and no proximal map; the intercepts are ours (`intercept=False` is as published).

    Args:
        features: (item, feature), or one such array per attribute (one network fine-tuned for each).
        labels: (item, attribute): 1, -1, or NaN for unknown.
        latent: Latent tasks; as many as attributes if not given.
        groups: Group number of each attribute; every attribute alone if not given.
        weights: w, one per attribute; 1 if not given.
        balance: Weights of the next round from the mean losses so far (round, attribute), times `weights`; a round that
            is weighed anew is another objective, and only within a round it never rises. One of the published ways:
            `facetwise.objectives.round_weights("dwa")`.
        group_norm: μ.
        l1_combination: γ_S, of the reading of the paper that has l1 on S.
        frobenius_combination: λ_S.
        l1_latent: γ.
        frobenius_latent: λ.
        ridge: ρ; with every other penalty 0 the attributes are independent.
        power: 2: squared hinge; 1: hinge, its corner smoothed.
        smoothing: Width of the smoothed corner.
        intercept: Whether attributes have an intercept, never penalised.
        solver: fista or adam.
        rounds: At most so many times S and L.
        tolerance: It ends after a round that gains less than this share of the objective.
        learning_rate: Of Adam.
        start: Where to begin: an earlier result for the same attributes, with as many latent tasks.
        seed: Of the latent tasks beyond the number of attributes.

    Raises:
        UserError: Arrays or options that cannot be.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(80, 6))
        >>> y = np.sign(x @ rng.normal(size=(6, 1)) @ rng.normal(size=(1, 4)))
        >>> found = factorise(x, y, latent=2, groups=[0, 0, 1, 1])
        >>> found.latent.shape, found.combination.shape, found.objective[-1] < found.objective[0]
        ((6, 2), (2, 4), True)
        >>> bool((found.predict(x) == y).mean() > 0.95)
        True
    """
    problem = Problem(features, labels, weights=weights, power=power, smoothing=smoothing, ridge=ridge)
    penalties = Penalties(
        groups=_numbered(groups, problem.num_attributes),
        group_norm=group_norm,
        l1_combination=l1_combination,
        frobenius_combination=frobenius_combination,
        l1_latent=l1_latent,
        frobenius_latent=frobenius_latent,
    )
    count = problem.num_attributes if latent is None else latent
    _check(penalties, latent=count, rounds=rounds, tolerance=tolerance, learning_rate=learning_rate, solver=solver)
    if start is None:
        basis, combination, intercepts = first_factors(problem, penalties, latent=count, seed=seed)
    else:
        basis, combination, intercepts = start.latent, start.combination, start.intercepts
        expected = ((problem.num_features, count), (count, problem.num_attributes))
        if (basis.shape, combination.shape) != expected:
            raise UserError(f"`start` has L and S of shapes {expected}. Found {basis.shape} and {combination.shape}")
    state = _State(problem, penalties, basis, combination, intercepts if intercept else np.zeros_like(intercepts))
    turn = (
        _fista_round(intercept=intercept)
        if solver == "fista"
        else _adam_round(penalties, learning_rate, intercept=intercept)
    )
    converged = _alternate(state, turn, balance=balance, rounds=rounds, tolerance=tolerance)
    best = state if solver == "fista" else state.best()
    return Factorisation(
        latent=best.basis,
        combination=best.combination,
        intercepts=best.intercepts,
        groups=penalties.groups,
        objective=tuple(state.objective),
        losses=np.array(state.losses),
        converged=converged,
    )


class _State:
    """The factors, and the course of the objective."""

    def __init__(
        self,
        problem: Problem,
        penalties: Penalties,
        basis: np.ndarray,
        combination: np.ndarray,
        intercepts: np.ndarray,
    ) -> None:
        self.problem, self.penalties = problem, penalties
        self.basis, self.combination, self.intercepts = basis, combination, intercepts
        self.at = self.scores()
        self.objective = [self.cost()]
        self.losses: list[np.ndarray] = [self.by_attribute()]
        self._best: tuple[float, np.ndarray, np.ndarray, np.ndarray] | None = None

    def scores(self) -> np.ndarray:
        """f (item, attribute), computed; `at` is what it was when last computed."""
        return self.problem.score(self.basis @ self.combination, self.intercepts)

    def penalty(self) -> float:
        """What the factors cost."""
        return float((self.penalties.of_latent(self.basis) + self.penalties.of_combination(self.combination)).sum())

    def cost(self) -> float:
        """The objective."""
        return self.problem.loss(self.at) + self.penalty()

    def by_attribute(self) -> np.ndarray:
        """Mean loss over labelled cells (attribute)."""
        return self.problem.each(self.at).sum(axis=0) / self.problem.labelled.sum(axis=0)

    def remember(self) -> None:
        """Keep the factors if they are the best so far."""
        if self._best is None or self.objective[-1] < self._best[0]:
            self._best = (self.objective[-1], self.basis, self.combination, self.intercepts)

    def best(self) -> "_State":
        """The best factors that were remembered."""
        if self._best is not None:
            _, self.basis, self.combination, self.intercepts = self._best
        return self


def _alternate(
    state: _State, turn: Callable[[_State], None], *, balance: Balance | None, rounds: int, tolerance: float
) -> bool:
    """Rounds until one gains less than the tolerance; whether that happened."""
    given = state.problem.weights
    state.remember()
    for _ in range(rounds):
        if balance is not None:
            state.problem.weigh(given * np.asarray(balance(np.array(state.losses)), float))
        before = state.cost() if balance is not None else state.objective[-1]
        turn(state)
        state.losses.append(state.by_attribute())
        state.remember()
        if 0 <= before - state.objective[-1] <= tolerance * abs(before):
            return True
    return False


def _fista_round(*, intercept: bool) -> Callable[[_State], None]:
    """S, then L, then the scale between them."""

    def turn(state: _State) -> None:
        problem, penalties = state.problem, state.penalties
        first = np.vstack([state.combination, state.intercepts])
        found = solve_combination(problem, penalties, state.basis, first, intercept=intercept, steps=_COMBINATION_STEPS)
        state.combination, state.intercepts, state.at = found.point[:-1], found.point[-1], found.scores
        state.objective.append(found.objective + float(penalties.of_latent(state.basis).sum()))
        found = solve_latent(
            problem, penalties, state.combination, state.basis, intercepts=state.intercepts, steps=_LATENT_STEPS
        )  # fmt: skip
        state.basis, state.combination = penalties.balance(found.point, state.combination)
        state.at = found.scores  # the scale between the factors leaves them alone
        state.objective.append(state.cost())

    return turn


def _adam_round(penalties: Penalties, rate: float, *, intercept: bool) -> Callable[[_State], None]:
    """Steps on S and b, then steps on L."""
    member = penalties.groups[:, None] == np.arange(penalties.groups.max() + 1)

    def by_block(squares: np.ndarray) -> np.ndarray:
        means = squares[:-1] @ (member / member.sum(axis=0))
        return np.vstack([means[:, penalties.groups], squares[-1:]])

    of_combination, of_latent = AdamHalf(rate, by_block), AdamHalf(rate, lambda squares: squares)

    def turn(state: _State) -> None:
        problem = state.problem
        projected = problem.project(state.basis)[..., :-1]
        for _ in range(_ADAM_STEPS):
            slope = problem.slope(state.at)
            if problem.shared:
                read = projected.T @ slope
            else:
                read = (projected.transpose(0, 2, 1) @ slope.T[:, :, None])[:, :, 0].T
            free = problem.slope_of_intercepts(slope) if intercept else np.zeros_like(state.intercepts)
            moved = of_combination.move(
                np.vstack([state.combination, state.intercepts]),
                np.vstack([read, free]),
                lambda point, step: np.vstack([penalties.shrink_combination(point[:-1], step[:-1]), point[-1:]]),
            )
            state.combination, state.intercepts = moved[:-1], moved[-1]
            state.at = state.scores()
        state.objective.append(state.cost())
        for _ in range(_ADAM_STEPS):
            gradient = problem.pull(problem.slope(state.at)) @ state.combination.T
            state.basis = of_latent.move(state.basis, gradient, penalties.shrink_latent)
            state.at = state.scores()
        state.objective.append(state.cost())

    return turn


def _numbered(groups: Sequence[int] | None, attributes: int) -> np.ndarray:
    """Group numbers without gaps."""
    if groups is None:
        return np.arange(attributes)
    given = np.asarray(groups)
    if given.shape != (attributes,) or given.dtype.kind not in "iu":
        raise UserError(f"`groups` are {attributes} whole numbers, one per attribute. Found {list(groups)}")
    return np.unique(given, return_inverse=True)[1]


def _check(
    penalties: Penalties, *, latent: int, rounds: int, tolerance: float, learning_rate: float, solver: str
) -> None:
    names = ("group_norm", "l1_combination", "frobenius_combination", "l1_latent", "frobenius_latent")
    wrong = [
        f"`{name}` should be a finite number of at least 0. Found {name} = {getattr(penalties, name)}"
        for name in names
        if not 0 <= getattr(penalties, name) < np.inf
    ]
    wrong += [f"`latent` should be at least 1. Found latent = {latent}"] if latent < 1 else []
    wrong += [f"`rounds` should be at least 0. Found rounds = {rounds}"] if rounds < 0 else []
    wrong += [f"`tolerance` should be at least 0. Found tolerance = {tolerance}"] if not tolerance >= 0 else []
    rate = learning_rate
    wrong += [f"`learning_rate` should be above 0. Found learning_rate = {rate}"] if not rate > 0 else []
    wrong += [f"`solver` should be fista or adam. Found {solver!r}"] if solver not in ("fista", "adam") else []
    if wrong:
        raise UserError("\n".join(wrong))
