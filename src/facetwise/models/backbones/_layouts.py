"""Published files of weights whose names are not timm's: DINOv2's, DINOv3's and the classifiers that nobody needs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from facetwise.errors import UnavailableError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["timm_names"]


def timm_names(state: Mapping[str, Tensor], network: nn.Module, *, source: str) -> dict[str, Tensor]:
    """The tensors under timm's names, position embeddings interpolated to the network's size.

    timm recognises the layouts of the networks it has taken over, each in the file of its architecture; that is used.
    Known here besides: DINOv3's files hold a bias for queries, keys and values with a mask that zeroes the keys' part,
    and timm makes such networks with (`_qkvb`) and without it. timm drops the bias in silence where the network has
    none; here it must be zero then.

    Args:
        state: names and tensors of a file.
        network: made by timm.
        source: the file, for the message.

    Raises:
        UnavailableError: the file belongs to another network.
    """
    state = dict(state)
    if "storage_tokens" in state:
        _check_bias(state, network, source)
    # timm keeps the translation beside each architecture and offers no other way to it than downloading.
    translate: Any = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if translate is None:
        return state
    try:
        return translate(state, network)
    except (KeyError, AttributeError, RuntimeError, ValueError, AssertionError) as error:
        first = str(error).strip().split("\n")[0][:200]
        raise UnavailableError(
            f"the weights belong to the network {type(network).__name__} as it is built here. "
            f"Found a tensor that it cannot place ({first}) in {source}. "
            "Fix: name the network that the weights belong to"
        ) from error


def _check_bias(state: dict[str, Tensor], network: nn.Module, source: str) -> None:
    if "blocks.0.attn.q_bias" in network.state_dict():
        return
    for name in [name for name in state if name.endswith("attn.qkv.bias")]:
        query, _, value = state.pop(name).chunk(3)
        if query.any() or value.any():
            raise UnavailableError(
                f"the network has every tensor that the weights have. Found {name} in {source}, and a network without. "
                "Fix: use the name of this network that ends in _qkvb"
            )
