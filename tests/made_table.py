"""A small table with features from which its attributes can be read off, as files."""

from pathlib import Path

import numpy as np
import polars as pl

__all__ = ["ITEMS", "TINY", "write_table"]

ITEMS = 160
WIDTH = 8
# Settings under which a training takes a fraction of a second.
TINY = ("epochs=3", "batch_size=32", "trunk.width=8", "learning_rate=0.01", "min_count=2")


def write_table(folder: Path, *, items: int = ITEMS, seed: int = 0) -> tuple[Path, Path]:
    """`table.csv` and `features.npy`: a colour with gaps, a size, a yes-or-no, a set of tags and a price."""
    rng = np.random.default_rng(seed)
    colour, size = rng.integers(3, size=items), rng.integers(3, size=items)
    hidden = rng.random(items) < 0.2
    tags = ["|".join(tag for tag in ("warm", "light") if rng.random() < 0.5) for _ in range(items)]
    columns = {
        "image": [f"p{n:03d}.png" for n in range(items)],
        "colour": ["" if gone else ("red", "green", "blue")[n] for n, gone in zip(colour, hidden, strict=True)],
        "size": [("S", "M", "L")[n] for n in size],
        "printed": [("no", "yes")[n] for n in rng.integers(2, size=items)],
        "heel.height": [("block", "kitten", "wedge")[n] for n in rng.integers(3, size=items)],
        "tags": tags,
        "price": [f"{value:.2f}" for value in np.exp(3 + rng.normal(size=items))],
    }
    features = rng.normal(0, 0.5, (items, WIDTH)).astype(np.float32)
    features += rng.normal(0, 1, (3, WIDTH)).astype(np.float32)[colour]
    features += rng.normal(0, 1, (3, WIDTH)).astype(np.float32)[size]
    pl.DataFrame(columns).write_csv(folder / "table.csv")
    np.save(folder / "features.npy", features)
    return folder / "table.csv", folder / "features.npy"
