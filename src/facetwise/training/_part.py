"""One side of the split, as the model reads it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from facetwise.errors import RunError
from facetwise.inference import logits_of
from facetwise.models import FacetModel
from facetwise.objectives import Targets
from facetwise.schema import Labels
from facetwise.training._pictures import Pictures
from facetwise.training._streamed import LaterTargets, Streamed
from facetwise.training.together import ALONE, World

__all__ = ["Part"]

# Pictures per pass where nothing is learned.
AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Part:
    """One side of the split, ready for the model: features standardised, labels coded twice.

    Args:
        features: Of the items; their pictures, where the backbone learns too; or features that stay on disk.
        targets: Their labels as tensors.
        labels: Their labels as arrays.
        rows: Their 0-based rows in the table, so that a message can name them; counted through where not given.
    """

    features: Float[Tensor, "item *view features"] | Pictures | Streamed
    targets: Targets | LaterTargets
    labels: Labels
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device) -> "Part":
        """The same rows on another device."""
        return Part(
            features=self.features.to(device), targets=self.targets.to(device), labels=self.labels, rows=self.rows
        )

    def numbers(self, most: int | None = None) -> Float[Tensor, "item *view features"]:
        """The features, of a part that has them; of so many items at most, the first ones.

        Raises:
            RunError: All of features that stay on disk.
        """
        if isinstance(self.features, Streamed):
            if most is None:
                raise RunError(
                    "this reads all features at once. Found features that stay on disk. "
                    "Fix: features_in: memory, on a machine that has it"
                )
            return self.features[torch.arange(min(most, len(self)))]
        assert isinstance(self.features, Tensor), "pictures are features when the backbone has learned"
        return self.features[:most]

    def first(self, most: int) -> "Part":
        """The first so many items, their features in memory."""
        rows = torch.arange(min(most, len(self)))
        targets, labels = self.targets.take(rows.to(self.features.device)), self.labels.take(rows.numpy())
        kept = None if self.rows is None else self.rows[: len(rows)]
        return Part(features=self.numbers(most), targets=targets, labels=labels, rows=kept)

    def told(self) -> Targets:
        """The targets of all items."""
        return self.targets.whole() if isinstance(self.targets, LaterTargets) else self.targets

    def arranged(self, batches: Sequence[np.ndarray], *, keep: bool, seed: int, epoch: int) -> Sequence[np.ndarray]:
        """The batches of an epoch as they are read: in the sampler's order, or in one that a disk reads well.

        Args:
            batches: Of the sampler.
            keep: Whether the sampler insists on its order.
            seed, epoch: What another order depends on.
        """
        if keep or not isinstance(self.features, Streamed):
            return batches
        return self.features.blocks.arrange(batches, seed=seed, epoch=epoch)

    def stream(self, batches: Sequence[np.ndarray], *, epoch: int) -> Iterator[tuple[Int[Tensor, " item"], Tensor]]:
        """Places of each batch in turn, and what the model reads of them."""
        if isinstance(self.features, Pictures):
            yield from self.features.stream(batches, epoch=epoch)
            return
        if isinstance(self.features, Streamed):
            yield from self.features.stream(batches)
            return
        for places in batches:
            rows = torch.from_numpy(places).to(self.features.device)
            yield rows, self.features[rows]

    def logits(self, model: FacetModel, world: World = ALONE) -> np.ndarray:
        """(item, logit) of all rows, without gradients; each rank computes its share, and has all of them."""
        if world.size == 1 or len(self) < world.size:
            return self._logits(model, slice(0, len(self)))
        mine, most = world.share(len(self)), -(-len(self) // world.size)
        with world.exchanging():
            own = self._logits(model, mine, blocks=-(-most // AT_ONCE))
        found = np.zeros((len(self), own.shape[1]), dtype=own.dtype)
        found[mine] = own
        return world.sum(torch.from_numpy(found)).numpy()

    def _logits(self, model: FacetModel, rows: slice, *, blocks: int = 0) -> np.ndarray:
        """Of some rows, pictures in so many blocks: of a sharded backbone each is an exchange, and all ranks take part.

        With no number given, as few blocks as hold 64 pictures each.
        """
        if isinstance(self.features, Tensor):
            return logits_of(model, self.features[rows].cpu().numpy())
        if isinstance(self.features, Streamed):
            return logits_of(model, self.features.rows[rows])
        model.eval()
        places = np.arange(len(self))[rows]
        pieces = np.array_split(places, blocks or max(1, -(-len(places) // AT_ONCE)))
        with torch.no_grad():  # not inference mode, whose tensors a sharded backbone could never learn from
            found = [model(pixels).logits.float().cpu().numpy() for _, pixels in self.features.stream(pieces)]
        return np.concatenate(found)

    def table_rows(self, places: Tensor) -> np.ndarray:
        """Rows of the table of some items."""
        chosen = places.cpu().numpy()
        return chosen if self.rows is None else self.rows[chosen]
