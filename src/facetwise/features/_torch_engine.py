"""Backbones on a GPU: torch in bfloat16, channels last. On a CPU too, when asked, in float32."""

import threading

import numpy as np

from facetwise.errors import UnavailableError
from facetwise.models.backbones import Backbone

__all__ = ["TorchEngine"]


class TorchEngine:
    """Torch on one device. Every batch is filled up to the same size, because torch may choose other kernels, with
    other roundings, for other sizes.

    Args:
        backbone: what to run.
        device: as torch calls it (cuda, cuda:1, mps, cpu).
    """

    batch_size = 64  # Small beside a GPU's memory (the maps of 64 pictures are about 1 GB), and it keeps the GPU busy.

    def __init__(self, backbone: Backbone, *, device: str) -> None:
        import torch

        try:
            self._device = torch.device(device)
            torch.empty(0, device=self._device)
        except (RuntimeError, AssertionError) as error:
            raise UnavailableError(f"`device` should be one that torch has here. Found {device!r}: {error}") from error
        network = backbone.describer().eval().requires_grad_(requires_grad=False)
        self._network = network.to(self._device).to(memory_format=torch.channels_last)
        self._lock = threading.Lock()

    @staticmethod
    def name_on(device: str) -> str:
        """The engine's name on a device, without making one: a cache key needs it.

        >>> TorchEngine.name_on("cuda:1"), TorchEngine.name_on("cpu")
        ('torch-cuda-bfloat16', 'torch-cpu-float32')
        """
        kind = device.split(":")[0]
        return f"torch-{kind}-{'bfloat16' if kind == 'cuda' else 'float32'}"

    @staticmethod
    def installed_version() -> str:
        """The major version of torch, without loading it."""
        from importlib.metadata import version

        return version("torch").split(".")[0]

    @property
    def name(self) -> str:
        return self.name_on(self._device.type)

    @property
    def version(self) -> str:
        return self.installed_version()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        starts = range(0, len(pixels), self.batch_size)
        rows = [self._run(pixels[start : start + self.batch_size]) for start in starts]
        return np.concatenate(rows)

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        import torch

        full = np.zeros((self.batch_size, *pixels.shape[1:]), dtype=np.uint8)
        full[: len(pixels)] = pixels
        on_gpu = self._device.type == "cuda"
        with (
            self._lock,
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=on_gpu),
        ):
            rows = self._network(torch.from_numpy(full).to(self._device))
        return rows.float().cpu().numpy()[: len(pixels)]
