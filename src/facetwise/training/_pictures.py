"""The pictures of one side of the split, decoded when a batch needs them."""

import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

from facetwise.errors import ImageError, RunError
from facetwise.features import available_cores
from facetwise.images import decode, fit, quiet_decoder, read_bytes, to_box
from facetwise.models.backbones import Preprocessing
from facetwise.training.augmentation import Augmenter

__all__ = ["Pictures"]

# Pictures that are augmented are cut from a somewhat larger square: 256 for 224, as in Krizhevsky et al. (2012).
MARGIN = 8 / 7
# Decoded pictures stay in memory up to this: 7,000 of 224 pixels. Decoding is most of the work of a small backbone.
KEPT_BYTES = 1 << 30
# Batches that are read ahead while one is learned from.
AHEAD = 2
# Separates the draws of augmentation from those of other things with the same numbers.
STREAM = 0xA06


class Pictures:
    """Rows of pixels that are decoded by the room `images`, as for extraction, and augmented if asked.

    What is drawn for an item depends on the seed, the epoch and the item's row in the table only: not on threads, on
    the order, or on a restart.

    Args:
        paths: One picture per item.
        boxes: (item, 4) the part that counts, -1 four times for the whole picture; None: whole pictures.
        rows: (item,) row in the table.
        preprocessing: What the backbone reads.
        device: Where batches go.
        workers: Threads; 0 is one per core.
        seed: Of the augmentation.
        augmenter: Changes pictures of training batches; None changes nothing.
    """

    def __init__(
        self,
        *,
        paths: Sequence[Path],
        boxes: np.ndarray | None,
        rows: np.ndarray,
        preprocessing: Preprocessing,
        device: torch.device,
        workers: int = 0,
        seed: int = 0,
        augmenter: Augmenter | None = None,
    ) -> None:
        self.paths, self.boxes, self.rows, self.preprocessing = list(paths), boxes, rows, preprocessing
        self.device, self.workers, self.seed, self.augmenter = device, workers or available_cores(), seed, augmenter
        self._kept: dict[tuple[int, int], np.ndarray] = {}
        self._bytes, self._lock = 0, threading.Lock()

    def __len__(self) -> int:
        return len(self.paths)

    def to(self, device: torch.device) -> "Pictures":
        """The same pictures for another device."""
        self.device = device
        return self

    def __getitem__(self, places: Int[Tensor, " item"]) -> UInt8[Tensor, "item rows columns 3"]:
        """Pictures as they are, without augmentation."""
        return next(pixels for _, pixels in self.stream([places.cpu().numpy()]))

    def stream(
        self, batches: Sequence[np.ndarray], *, epoch: int | None = None
    ) -> Generator[tuple[Int[Tensor, " item"], UInt8[Tensor, "item rows columns 3"]]]:
        """Places and pixels of each batch in turn, the next ones decoded meanwhile.

        Args:
            batches: Places of the items.
            epoch: Of the augmentation; None for pictures as they are.

        Raises:
            RunError: A picture that could be read before cannot be read any more.
        """
        with quiet_decoder(), ThreadPoolExecutor(self.workers, thread_name_prefix="facetwise-pictures") as pool:
            begun: deque[list[Future[np.ndarray]]] = deque()
            try:
                for number, places in enumerate(batches):
                    for coming in batches[number + len(begun) : number + 1 + AHEAD]:
                        begun.append([pool.submit(self._picture, int(place), epoch) for place in coming])
                    pixels = np.stack([each.result() for each in begun.popleft()])
                    yield torch.from_numpy(places).to(self.device), torch.from_numpy(pixels).to(self.device)
            finally:
                for future in (future for futures in begun for future in futures):
                    future.cancel()

    def _picture(self, place: int, epoch: int | None) -> np.ndarray:
        size = self.preprocessing.size
        if epoch is None or self.augmenter is None:
            return self._fitted(place, size)
        draw = np.random.default_rng((STREAM, self.seed, epoch, int(self.rows[place])))
        changed = self.augmenter(self._fitted(place, round(size * MARGIN)), draw)
        if changed.shape != (size, size, 3):
            changed = fit(Image.fromarray(changed), size=size, mode="squash")
        return changed

    def _fitted(self, place: int, size: int) -> np.ndarray:
        if (kept := self._kept.get((place, size))) is not None:
            return kept
        path, box = self.paths[place], None if self.boxes is None else to_box(self.boxes[place])
        try:
            pixels = fit(decode(read_bytes(path), box=box), size=size, mode=self.preprocessing.fit)
        except ImageError as error:
            raise RunError(
                f"a picture of the training stays readable. Found row {int(self.rows[place]) + 1}, "
                f"{path.name}: {error}. "
                "Fix: put it back, or train again without it"
            ) from error
        with self._lock:
            if self._bytes + pixels.nbytes <= KEPT_BYTES:
                self._kept[place, size] = pixels
                self._bytes += pixels.nbytes
        return pixels
