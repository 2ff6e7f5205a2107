"""A balancer for whoever has losses and no backward pass: weights of the next round from the losses so far."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from facetwise.errors import Complaint, ConfigError, nearest
from facetwise.objectives.balancing import BALANCER_ALIASES, BALANCERS, LossBalancer

__all__ = ["round_weights"]


def round_weights(
    name: str, *, attributes: Sequence[str] | None = None, seed: int = 0, **options: Any
) -> Callable[[np.ndarray], np.ndarray]:
    """Losses so far (round, attribute) to weights of the next round (attribute), by a line of `BALANCERS`.

    A round counts as an epoch of one step. What is given back remembers nothing: the same losses give the same weights.
    It is what `facetwise.models.factorisation.factorise` takes as `balance`.

    Args:
        name: A balancer whose weights come from the losses alone: without gradients and without anything learned, which
            a solver of a few dozen rounds would not learn.
        attributes: Their names, where the balancer goes by them; else they are numbered.
        seed: Of balancers that draw.
        options: The balancer's own.

    Raises:
        ConfigError: No such balancer or option, or one that needs more than losses.

    >>> balance = round_weights("dwa")
    >>> balance(np.array([[1.0, 1.0], [0.5, 0.9]])).round(3)  # the second falls slowly
    array([0.9, 1.1])
    """
    line, preset = BALANCER_ALIASES.get(name, (name, {}))
    chosen = BALANCERS.get(line)
    able = {key: one for key, one in BALANCERS.items() if issubclass(one, LossBalancer) and not one.learns}
    if chosen is None or line not in able:
        rule = "weights by rounds come from a balancer that needs nothing but losses"
        fix = nearest(name, able) if chosen is None else f"choose one of {', '.join(able)}"
        raise ConfigError([Complaint(place="balance", rule=rule, found=repr(name), fix=fix)])
    given: dict[str, Any] = {**preset, **options}
    known = [one for one in inspect.signature(able[line]).parameters if one not in ("names", "seed")]
    if wrong := [one for one in options if one not in known]:
        rule = f"this is an option of {line}"
        raise ConfigError(
            [Complaint(place=f"balance: {one}", rule=rule, found=repr(one), fix=nearest(one, known)) for one in wrong]
        )

    def balance(losses: np.ndarray) -> np.ndarray:
        rounds, count = losses.shape
        names = [str(number) for number in range(count)] if attributes is None else list(attributes)
        balancer = able[line](names=names, seed=seed, **given)
        places = np.arange(count)
        for number, row in enumerate(losses):
            balancer.begin_epoch(number)
            balancer.weigh(np.asarray(row, float), places)
        # The next round begins where the last one ended.
        balancer.begin_epoch(rounds)
        return balancer.weigh(np.asarray(losses[-1], float), places)

    return balance
