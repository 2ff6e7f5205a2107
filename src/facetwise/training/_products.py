"""How exact the matrix products of a training are."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from facetwise.config import Config
from facetwise.objectives import BALANCERS
from facetwise.training._batch_size import LARGE
from facetwise.training.finetuning import FINETUNING
from facetwise.training.together import ALONE, World

__all__ = ["has_quick_bfloat16", "in_bfloat16", "matrix_products"]

# What a processor says of itself where its bfloat16 products are quick.
_QUICK = ("avx512_bf16", "amx_bf16")


@contextmanager
def matrix_products(config: Config) -> Generator[None]:
    """Float32 products as exact as the configuration wants them, while cached features are learned from.

    On a processor with AVX-512 a step takes 0.83 times as long with `medium`, and the products are float32 all the
    same.

    A backbone that learns has an option of its own for what it computes in (`precision`), and its products stay exact.
    Torch keeps this for the whole process, so what was set before is set again at the end.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(before if FINETUNING[config.finetune.name].tunes else config.matmul_precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def has_quick_bfloat16() -> bool:
    """Whether this machine's processor multiplies bfloat16 more quickly than float32."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in _QUICK)


def in_bfloat16(config: Config, rows: int, device: torch.device, world: World = ALONE) -> bool:
    """Whether the model's forward pass in training runs under autocast to bfloat16, and its products back with it.

    PyTorch's `medium` leaves that to the library that multiplies, which does it on few processors; where AVX-512 or
    tiles multiply bfloat16 twice as fast as float32, it is asked for. Parameters, losses, updates and everything that
    is scored stay float32. A small table trains in seconds, and has the same numbers on every processor instead; a
    balancer that compares gradients wants all their digits.

    On fashion (6,154 rows, two cores with AVX-512 BF16, 2026-11-22) a step takes 0.7 times as long, and macro-F1 on
    test is 0.04 ± 0.01 points lower (5 seeds, mean difference and its standard error; seeds differ by a point).

    Args:
        config: What is trained.
        rows: Training rows.
        device: Where. A GPU has TF32 for `medium`, and its steps wait for something else.
        world: The processes that train together: each asks, and all compute alike, in float32 if one of their
            processors is not quick.
    """
    small = rows < LARGE or FINETUNING[config.finetune.name].tunes
    if small or config.matmul_precision != "medium" or BALANCERS[config.balancing.name].needs != "losses":
        return False
    able = device.type == "cpu" and has_quick_bfloat16()
    return not world.most(int(not able))
