"""What the look of a picture costs, and what near-duplicates it finds, with and without thumbnails.

    python benchmarks/near_duplicates.py FOLDER [PICTURES] [--sheets]

With --sheets the pictures are sheets of 2048 x 1536, pasted together from those of the folder: large pictures with the
detail of photos, more of it in each field of the hash than one photo of that size has.

Goals: a look costs a few per cent of extraction; of pictures saved again, reduced or converted, 99 % are found;
100,000 are grouped in seconds.
"""

import argparse
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from facetwise.data import list_folder
from facetwise.images import decode, look, near_duplicates, quiet_decoder

Edit = Callable[[Image.Image], Image.Image]
MANY = 100_000
SHEET = (2048, 1536)


def _saved(picture: Image.Image, kind: str, quality: int) -> Image.Image:
    file = BytesIO()
    picture.save(file, kind, quality=quality)
    return Image.open(file).convert("RGB")


def _cut(picture: Image.Image, share: float) -> Image.Image:
    x, y = round(picture.width * share), round(picture.height * share)
    return picture.crop((x, y, picture.width - x, picture.height - y))


EDITS: dict[str, Edit] = {
    "JPEG, quality 90": lambda p: _saved(p, "JPEG", 90),
    "JPEG, quality 30": lambda p: _saved(p, "JPEG", 30),
    "WebP, quality 70": lambda p: _saved(p, "WEBP", 70),
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.BICUBIC),
    "600 pixels wide": lambda p: p.resize((600, 600 * p.height // p.width), Image.Resampling.LANCZOS),
    "1 % cut off each side": lambda p: _cut(p, 0.01),
    "3 % cut off each side": lambda p: _cut(p, 0.03),
    "5 % darker": lambda p: ImageEnhance.Brightness(p).enhance(0.95),
    "mirrored": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def _sheet(paths: list[Path], seed: int) -> Image.Image:
    """Pictures drawn from `paths`, pasted side by side and row by row until the sheet is full."""
    generator, sheet = np.random.default_rng(seed), Image.new("RGB", SHEET)
    x = y = tallest = 0
    while y < sheet.height:
        picture = decode(paths[generator.integers(len(paths))].read_bytes())
        sheet.paste(picture, (x, y))
        x, tallest = x + picture.width, max(tallest, picture.height)
        if x >= sheet.width:
            x, y, tallest = 0, y + tallest, 0
    return sheet


def _groups(title: str, hashes: np.ndarray, thumbnails: np.ndarray | None) -> None:
    began = time.perf_counter()
    groups = near_duplicates(hashes, thumbnails=thumbnails)
    took, largest = time.perf_counter() - began, max(map(len, groups), default=0)
    print(f"{title:32} {len(groups):6,} groups of {sum(map(len, groups)):6,}, largest {largest:5,}, {took:.2f} s")


def main(folder: Path, count: int, *, sheets: bool) -> None:
    paths = list_folder(folder)
    pictures = range(count if sheets else len(paths))

    def opened(place: int) -> Image.Image:
        return _sheet(paths, place) if sheets else decode(paths[place].read_bytes())

    spent, looks = {"open": 0.0, "look": 0.0}, []
    with quiet_decoder():
        for place in pictures:
            began = time.perf_counter()
            picture = opened(place)
            decoded = time.perf_counter()
            looks.append(look(picture))
            spent["open"] += decoded - began
            spent["look"] += time.perf_counter() - decoded
    each = (f"{what} {1e3 * took / len(pictures):.2f} ms" for what, took in spent.items())
    print(f"{len(pictures):,} pictures:", *each)
    hashes = np.array([one.hash for one in looks], dtype=np.uint64)
    thumbnails = np.stack([one.thumbnail for one in looks])
    _groups("hash alone", hashes, None)
    _groups("hash and thumbnail", hashes, thumbnails)

    generator = np.random.default_rng(0)
    chosen = generator.choice(len(pictures), min(count, len(pictures)), replace=False)
    for title, edit in EDITS.items():
        found = 0
        for place in chosen:
            again = look(edit(opened(place)))
            pair = np.array([looks[place].hash, again.hash], dtype=np.uint64)
            found += bool(near_duplicates(pair, thumbnails=np.stack([looks[place].thumbnail, again.thumbnail])))
        print(f"  found again: {title:24} {found / len(chosen):6.1%}")

    places = generator.integers(0, len(hashes), MANY)
    flips = np.uint64(1) << generator.integers(0, 64, (5, MANY), dtype=np.uint64)
    noise = generator.integers(-25, 26, (MANY, *thumbnails.shape[1:]))
    like_these = np.clip(thumbnails[places] + noise, 0, 255).astype(np.uint8)
    _groups(f"{MANY:,} like these", hashes[places] ^ np.bitwise_xor.reduce(flips), like_these)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pictures", type=int, nargs="?", default=250)
    parser.add_argument("--sheets", action="store_true")
    given = parser.parse_args()
    main(given.folder, given.pictures, sheets=given.sheets)
