"""A small drawn catalogue of garments, shoes and bags: free of licences, the same on every machine, with real gaps.

Every label can be seen in the picture. The table has what real catalogues have: attributes that only some categories
have, cells that nobody filled in, a long tail of colours, several photos of one product.

| column | kind | applies to |
|---|---|---|
| department, category | categorical, parent and child | everything |
| colour | categorical, twelve classes, a long tail | everything |
| pattern | categorical | garments and bags |
| has_pocket | binary | garments |
| details | multilabel | everything |
| sleeve_length | ordinal, 0 to 3 | T-shirts, shirts, dresses |
| heel_height | ordinal, flat to high | shoes |
| closure | categorical | bags |
| strap_length_cm, price_eur | numeric | bags, everything |
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facetwise.data._drawing import Board, Rgb, shade
from facetwise.data._trimmings import draw_details
from facetwise.data._wardrobe import DRAWERS, Look

__all__ = ["COLUMNS", "draw_catalogue"]

COLUMNS = (
    "image",
    "product",
    "department",
    "category",
    "colour",
    "pattern",
    "has_pocket",
    "details",
    "sleeve_length",
    "heel_height",
    "closure",
    "strap_length_cm",
    "price_eur",
)

CATEGORY = "category"
# Share of cells that nobody filled in. A category is what an editor fills in first, so it has fewer gaps.
UNKNOWN_SHARE = 0.25
UNKNOWN_CATEGORY_SHARE = 0.08
# Share of cells without meaning that say so; the others are just empty, as in most catalogues.
NOT_APPLICABLE_WRITTEN = 0.3
# Share of products with a second photo.
SECOND_PHOTO_SHARE = 0.35

HEELS = ("flat", "low", "mid", "high")
PATTERNS = {"plain": 0.46, "striped": 0.24, "dotted": 0.17, "checked": 0.13}
CLOSURES = ("flap", "zip", "drawstring", "open")
DETAILS = ("buttons", "studs", "fringe", "bow", "star")
COLOURS: dict[str, tuple[float, Rgb]] = {
    "black": (0.19, (38, 38, 44)),
    "blue": (0.17, (46, 94, 176)),
    "white": (0.13, (246, 246, 244)),
    "red": (0.11, (196, 40, 46)),
    "grey": (0.09, (138, 142, 148)),
    "green": (0.08, (46, 130, 76)),
    "beige": (0.065, (220, 200, 162)),
    "brown": (0.05, (118, 74, 42)),
    "pink": (0.04, (240, 150, 178)),
    "yellow": (0.03, (246, 208, 56)),
    "purple": (0.025, (118, 66, 150)),
    "orange": (0.02, (240, 130, 36)),
}
GROUNDS: tuple[Rgb, ...] = ((226, 232, 240), (238, 228, 220), (224, 236, 226), (234, 226, 238), (214, 216, 220))


class Line(NamedTuple):
    """What is drawn of one category."""

    department: str
    share: float
    price: float
    heels: tuple[float, ...] = ()
    sleeves: bool = False


LINES = {
    "t-shirt": Line("garment", 0.12, 14, sleeves=True),
    "shirt": Line("garment", 0.09, 34, sleeves=True),
    "dress": Line("garment", 0.1, 55, sleeves=True),
    "trousers": Line("garment", 0.09, 45),
    "skirt": Line("garment", 0.075, 32),
    "sneaker": Line("shoe", 0.1, 62, heels=(0.7, 0.3, 0.0, 0.0)),
    "boot": Line("shoe", 0.08, 95, heels=(0.3, 0.3, 0.25, 0.15)),
    "sandal": Line("shoe", 0.075, 38, heels=(0.4, 0.25, 0.2, 0.15)),
    "pump": Line("shoe", 0.07, 70, heels=(0.0, 0.25, 0.4, 0.35)),
    "handbag": Line("bag", 0.075, 85),
    "tote": Line("bag", 0.065, 24),
    "backpack": Line("bag", 0.06, 52),
}


def draw_catalogue(folder: Path, *, items: int = 600, seed: int = 0) -> Path:
    """Draw pictures into `folder/images` and write two tables beside them.

    `products.csv` has gaps, as real tables have; `answers.csv` is the same table with every cell filled in, to judge
    what a model puts into the gaps. Existing files of these names are replaced.

    Args:
        folder: Where to draw; made if it is not there.
        items: Number of photos, which is the number of rows.
        seed: Equal seeds give equal tables and equal pictures.

    Returns:
        Path of `products.csv`.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    answers: list[dict[str, str]] = []
    product = 0
    while len(answers) < items:
        rng = np.random.default_rng([seed, product])
        facts, look = _invent(rng, f"P{product:04d}")
        photos = 2 if rng.random() < SECOND_PHOTO_SHARE else 1
        for photo in range(min(photos, items - len(answers))):
            name = f"images/{len(answers):04d}.jpg"
            _draw(rng, facts, look, folder / name, turned=photo > 0)
            answers.append({"image": name, **facts})
        product += 1
    rng = np.random.default_rng([seed, 2**31])
    _write(folder / "answers.csv", answers)
    _write(folder / "products.csv", [_with_gaps(rng, row) for row in answers])
    return folder / "products.csv"


def _pick(rng: np.random.Generator, shares: dict[str, float]) -> str:
    weights = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=weights / weights.sum()))


def _invent(rng: np.random.Generator, product: str) -> tuple[dict[str, str], Look]:
    """One product: what the table says about it (in full) and how it looks."""
    category = _pick(rng, {name: line.share for name, line in LINES.items()})
    line = LINES[category]
    colour = _pick(rng, {name: share for name, (share, _) in COLOURS.items()})
    pattern = "plain" if line.department == "shoe" else _pick(rng, PATTERNS)
    pocket = line.department == "garment" and rng.random() < 0.45
    details = tuple(name for name in DETAILS if rng.random() < 0.3) or (str(rng.choice(DETAILS)),)
    sleeve = int(rng.choice(4, p=(0.2, 0.35, 0.2, 0.25))) if line.sleeves else 0
    heel = str(rng.choice(HEELS, p=line.heels)) if line.heels else "flat"
    closure = str(rng.choice(CLOSURES, p=(0.3, 0.3, 0.2, 0.2)))
    strap = float(rng.integers(20, 61))
    price = line.price * (1 + 0.12 * len(details)) * (1.15 if pattern == "checked" else 1.0)
    price += 6 * sleeve + 14 * HEELS.index(heel) + (0.4 * (strap - 20) if line.department == "bag" else 0)
    price *= 1 + 0.04 * rng.standard_normal()
    facts = {
        "product": product,
        "department": line.department,
        "category": category,
        "colour": colour,
        "pattern": pattern if line.department != "shoe" else "N/A",
        "has_pocket": ("yes" if pocket else "no") if line.department == "garment" else "N/A",
        "details": "|".join(details),
        "sleeve_length": str(sleeve) if line.sleeves else "N/A",
        "heel_height": heel if line.heels else "N/A",
        "closure": closure if line.department == "bag" else "N/A",
        "strap_length_cm": f"{strap:.0f}" if line.department == "bag" else "N/A",
        "price_eur": f"{price:.2f}",
    }
    look = Look(
        category=category,
        sleeve=sleeve,
        heel=heel,
        closure=closure,
        strap=strap,
        pocket=pocket,
        details=details,
    )
    return facts, look


def _draw(rng: np.random.Generator, facts: dict[str, str], look: Look, path: Path, *, turned: bool) -> None:
    main = COLOURS[facts["colour"]][1]
    tone = rng.integers(-8, 9) + rng.integers(-3, 4, size=3)
    red, green, blue = (int(part) for part in np.clip(np.array(main) + tone, 0, 255))
    dark = red + green + blue < 330
    board = Board(
        int(rng.integers(160, 225)),
        ground=GROUNDS[int(rng.integers(len(GROUNDS)))],
        scale=float(rng.uniform(0.8, 1.0)) * (0.92 if turned else 1.0),
        angle=float(rng.uniform(-4, 4)) + (float(rng.choice((-12.0, 12.0))) if turned else 0.0),
        shift=(float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.02, 0.02))),
        cloth=((red, green, blue), (244, 240, 230) if dark else shade((red, green, blue), -0.62)),
        pattern=facts["pattern"] if facts["pattern"] != "N/A" else "plain",
    )
    draw_details(board, DRAWERS[look.category](board, look), look.details)
    board.finish().save(path, quality=90)


def _with_gaps(rng: np.random.Generator, row: dict[str, str]) -> dict[str, str]:
    """The row as a shop would have it: cells left empty, and most cells without meaning simply blank."""
    gaps = dict(row)
    for column in COLUMNS[2:]:
        if row[column] == "N/A":
            gaps[column] = "N/A" if rng.random() < NOT_APPLICABLE_WRITTEN else ""
        elif rng.random() < (UNKNOWN_CATEGORY_SHARE if column == CATEGORY else UNKNOWN_SHARE):
            gaps[column] = ""
    return gaps


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
