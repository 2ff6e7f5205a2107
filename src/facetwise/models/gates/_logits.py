"""The linear layer inside a gate."""

from collections.abc import Sequence

from facetwise.models._bank import LinearBank

__all__ = ["gate_logits"]


def gate_logits(
    *,
    features: int,
    names: Sequence[str],
    owner: Sequence[int],
    outputs: int,
    seed: int,
    deviation: float = 3.0**-0.5,
) -> LinearBank:
    """One linear layer per gate, all in one product.

    On standardised features the outputs have the given deviation. The default makes the weights those of `nn.Linear`,
    1 / √(3 features): gates start soft, and differ between attributes.
    """
    return LinearBank(
        names=names, inputs=features, outputs=outputs, seed=seed, deviation=deviation * features**-0.5, owner=owner
    )
