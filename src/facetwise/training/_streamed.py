"""The features of one side of the split, left on disk and read by blocks while the model learns."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from facetwise.decisions import NumberScale
from facetwise.features import StoredRows
from facetwise.objectives import Targets, make_targets
from facetwise.schema import VALUE, Labels, Schema
from facetwise.training._blocks import Blocks

__all__ = ["LaterTargets", "Streamed", "targets_of"]


class Streamed:
    """Rows that are read in blocks, the next buffer while one is learned from.

    Args:
        rows: Standardised whenever they are read.
        device: Where batches go.
    """

    def __init__(self, rows: StoredRows, device: torch.device) -> None:
        self.rows, self.device = rows, device

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def blocks(self) -> Blocks:
        """How they are cut and mixed."""
        return Blocks.of(self.rows)

    def to(self, device: torch.device) -> "Streamed":
        """The same rows for another device."""
        return Streamed(self.rows, device)

    def __getitem__(self, places: Int[Tensor, " item"]) -> Float[Tensor, "item features"]:
        """Some rows, read now."""
        found = self.rows.finish(self.rows.raw(places.cpu().numpy()))
        return torch.from_numpy(found).to(self.device)

    def stream(self, batches: Sequence[np.ndarray]) -> Iterator[tuple[Int[Tensor, " item"], Tensor]]:
        """Places and features of each batch in turn."""
        with ThreadPoolExecutor(1, thread_name_prefix="facetwise-features") as pool:
            chunks = self.blocks.chunks(batches)
            coming = None
            while True:
                chunk = next(chunks, None)
                begun = None if chunk is None else (chunk, pool.submit(self._read, chunk))
                if coming is not None:
                    own, (wanted, held) = coming[0], coming[1].result()
                    for places in own:
                        found = self.rows.finish(held[np.searchsorted(wanted, places)])
                        yield torch.from_numpy(places).to(self.device), torch.from_numpy(found).to(self.device)
                    del held
                if begun is None:
                    return
                coming = begun

    def _read(self, chunk: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        wanted = np.unique(np.concatenate(chunk))
        return wanted, self.rows.raw(wanted)


class LaterTargets:
    """Labels that become tensors when a batch asks for them: those of all rows would be as large as a memory.

    Args:
        schema: The vocabulary.
        labels: Coded cells.
        scales: Per numeric attribute id how it is standardised.
        weights: (item,) how much each counts; None where all count alike.
        device: Where they go.
    """

    def __init__(
        self,
        schema: Schema,
        labels: Labels,
        scales: dict[str, NumberScale],
        weights: np.ndarray | None,
        device: torch.device | None = None,
    ) -> None:
        self.schema, self.labels, self.scales, self.weights = schema, labels, scales, weights
        self.device = device or torch.device("cpu")

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "LaterTargets":
        """The same targets for another device."""
        return LaterTargets(self.schema, self.labels, self.scales, self.weights, device)

    def take(self, rows: Int[Tensor, " item"]) -> Targets:
        """The targets of some items."""
        places = rows.cpu().numpy()
        weights = None if self.weights is None else self.weights[places]
        return targets_of(self.schema, self.labels.take(places), self.scales, weights).to(self.device)

    def whole(self) -> Targets:
        """Those of all items."""
        return targets_of(self.schema, self.labels, self.scales, self.weights).to(self.device)


def targets_of(schema: Schema, labels: Labels, scales: dict[str, NumberScale], weights: np.ndarray | None) -> Targets:
    """Labels to tensors, numbers standardised."""
    standardised = np.full(labels.number.shape, np.nan)
    for place, attribute in enumerate(schema.attributes):
        if attribute.id in scales:
            valued = labels.state[:, place] == VALUE
            standardised[valued, place] = scales[attribute.id].standardise(labels.number[valued, place])
    return make_targets(schema, labels, standardised, weights=weights)
