"""A small shop of drawn pictures whose table has an attribute of every kind, and one that applies to shoes only."""

from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

__all__ = ["SHOP", "draw_shop"]

ITEMS = 150
# Options of a training that learns the shop in a second.
SHOP = {"epochs": 8, "batch_size": 32, "trunk": {"width": 16}, "learning_rate": 0.02, "val_ratio": 0.25,
        "test_ratio": 0.2}  # fmt: skip


def draw_shop(folder: Path, *, items: int = ITEMS, seed: int = 0) -> Path:
    """Draw pictures and write `table.csv`; the table's path."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, rows = np.random.default_rng(seed), []
    for item in range(items):
        shoe, red, striped, light = (bool(rng.integers(2)) for _ in range(4))
        size = int(rng.integers(3))
        picture = np.full((24, 24, 3), (190, 40, 40) if red else (40, 40, 190), dtype=np.float64)
        if striped:
            picture[::4] = 255
        if shoe:
            picture[12:] *= 0.3
        picture[:, : 4 * size] = 120
        picture = picture * (1.2 if light else 0.7) + rng.normal(0, 8, picture.shape)
        name = f"{item:03d}.png"
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / name)
        tags = "|".join(word for word, given in (("warm", red), ("light", light)) if given)
        gap = rng.random() < 0.15
        rows.append(
            {
                "image": name, "sort": "shoe" if shoe else "shirt", "colour": "" if gap else "red" if red else "blue",
                "striped": "yes" if striped else "no", "size": "SML"[size], "tags": tags or "",
                "price": f"{20 + 30 * red + 10 * light + rng.normal():.2f}",
                "heel": ("high" if striped else "flat") if shoe else "",
            }
        )  # fmt: skip
    pl.DataFrame(rows).write_csv(folder / "table.csv")
    return folder / "table.csv"
