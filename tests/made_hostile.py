"""A table of drawn pictures in which every name, of a column, a class or a file, tries to become something else."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["HOSTILE", "ITEMS", "QUICK", "hostile_names", "write_hostile"]

HOSTILE = (
    "<script>alert(1)</script>",
    '"onerror=alert(1) x="',
    "=cmd|' /C calc'!A0",
    "\N{GRINNING FACE}\N{ZERO WIDTH JOINER}\N{EARTH GLOBE EUROPE-AFRICA} <img src=x onerror=alert(1)>",
    "</style></svg><img src=//example.org/x>",
    "W" * 300,
)
ITEMS = 90
# Settings under which a training of it takes a second or two.
QUICK = ("epochs=2", "batch_size=32", "trunk.width=8", "learning_rate=0.01", "min_count=2")


def hostile_names(count: int) -> list[str]:
    """So many different names."""
    return [HOSTILE[n] if n < len(HOSTILE) else f"{HOSTILE[n % len(HOSTILE)][:20]} {n}" for n in range(count)]


def write_hostile(folder: Path, names: list[str], **columns: list[str]) -> Path:
    """`table.csv` and its pictures in a new folder; all attributes but the first have gaps.

    Args:
        folder: Where to.
        names: Of categorical attributes, each with three classes that the brightness tells, with some noise.
        columns: More columns, of `ITEMS` cells.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    told = {"image": [f'=1+"onerror=alert({n}) <b>.png' for n in range(ITEMS)]}
    bright = rng.integers(0, 3, ITEMS)
    for item, name in enumerate(told["image"]):
        pixels = rng.integers(0, 60, (40, 40, 3)) + 90 * bright[item]
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / name)
    for place, name in enumerate(names):
        classes = rng.permutation(len(HOSTILE))[:3]
        values = [HOSTILE[classes[(level + (rng.random() < 0.1)) % 3]] for level in bright]
        told[name] = ["" if place and rng.random() < 0.2 else value for value in values]
    told |= columns
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(told)
        writer.writerows(zip(*told.values(), strict=True))
    return folder / "table.csv"
