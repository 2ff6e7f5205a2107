"""One shard of what lies behind an address: its own pictures, and what the whole says of them."""

from pathlib import Path

import pytest

from facetwise import api
from facetwise.errors import UserError
from facetwise.events import silent
from facetwise.features import Shard
from facetwise.inference import part_of
from pictures import encode, photograph
from tiny_backbone import stand_in


def test_a_column_is_judged_by_what_is_there(store: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the whole listing and the whole table, not by the few pictures and rows of one shard."""
    stand_in(monkeypatch, tmp_path / "cache", api)
    for number in range(4):
        store.pipe(f"/shop/photos/{number}.png", encode(photograph(number, width=8, height=8), "PNG"))
    store.pipe("/shop/bare.csv", "\n".join(["colour,photo", *(f"red,{number}" for number in (0, 1, 2, ""))]).encode())
    rows = [f"DSC_{number}.jpg,{f'{number}.png' if number < 3 else ''}" for number in range(4)]
    store.pipe("/shop/raw.csv", "\n".join(["raw_file,photo", *rows]).encode())
    told = {}
    for name in ("bare", "raw"):
        parts = [
            api.extract(f"memory://shop/{name}.csv", images="memory://shop/photos", device="torch:cpu",
                        cache=tmp_path / name, shard=f"{number}/5")
            for number in range(1, 6)
        ]  # fmt: skip
        told[name] = [(part.images, part.computed) for part in parts]
    assert told == {name: [(1, 1), (1, 1), (1, 1), (1, 0), (0, 0)] for name in ("bare", "raw")}


def test_an_address_that_is_mistyped_is_no_shard_without_pictures(store: object, tmp_path: Path) -> None:
    store.pipe("/shop/photos/0.png", b"a picture")
    store.pipe("/shop/t.csv", b"image,colour\n0.png,red\n")
    for source, images in (("memory://shop/phots", None), ("memory://shop/t.csv", "memory://shop/phots")):
        with pytest.raises(UserError, match=r"memory://shop/phots"):
            part_of(source, images, Shard(1, 2), cache=tmp_path, report=silent)
