"""What a picture looks like: steady under re-encoding, different for different pictures, found without a miss."""

from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from facetwise.images import NO_HASH, look, near_duplicates
from pictures import encode, photograph


def bits(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def saved_again(image: Image.Image, kind: str, **options: object) -> Image.Image:
    return Image.open(BytesIO(encode(image, kind, **options))).convert("RGB")


def test_a_hash_stays_when_a_picture_is_saved_again_or_reduced() -> None:
    for seed in range(12):
        picture = photograph(seed, width=224, height=160)
        once = look(picture).hash
        for again in (
            saved_again(picture, "JPEG", quality=50),
            saved_again(picture, "WEBP", quality=60),
            picture.resize((112, 80), Image.Resampling.BICUBIC),
            picture.resize((448, 320), Image.Resampling.BICUBIC),
        ):
            assert bits(once, look(again).hash) <= 4


def test_a_hash_of_a_camera_picture_stays_when_it_is_reduced() -> None:
    """Of long sides only some pixels are looked at: fine noise must not matter for all that."""
    picture = photograph(1, width=1800, height=1200)
    once = look(picture)
    for width in (1200, 600):
        again = look(picture.resize((width, width * 2 // 3), Image.Resampling.BICUBIC))
        assert bits(once.hash, again.hash) <= 4
        np.testing.assert_allclose(once.thumbnail, again.thumbnail, atol=2)


def test_different_pictures_are_far_apart() -> None:
    hashes = [look(photograph(seed, width=96, height=96)).hash for seed in range(40)]
    assert min(bits(one, other) for one, other in combinations(hashes, 2)) > 8


def test_a_hash_is_half_ones_and_ignores_brightness() -> None:
    picture = photograph(3, width=96, height=96)
    assert look(picture).hash.bit_count() == 32
    darker = ImageEnhance.Brightness(picture).enhance(0.8)
    assert bits(look(picture).hash, look(darker).hash) <= 4


def test_a_hash_is_that_of_the_formula() -> None:
    """The DCT by its definition, sum for sum, over the same 32 x 32 grey picture."""
    picture = photograph(4, width=32, height=32)
    grey = np.asarray(picture, dtype=np.float64) @ [0.299, 0.587, 0.114]
    x = np.arange(32)
    found = []
    for u, v in sorted(((u, v) for u in range(9) for v in range(9)), key=lambda p: (p[0] + p[1], p))[1:65]:
        wave = np.outer(np.cos(np.pi * (2 * x + 1) * u / 64), np.cos(np.pi * (2 * x + 1) * v / 64))
        found.append((grey * wave).sum())
    expected = sum(1 << place for place, value in enumerate(found) if value > np.median(found))
    assert look(picture).hash == expected


def test_a_thumbnail_is_the_mean_of_each_field() -> None:
    picture = photograph(5, width=32, height=32)
    fields = np.asarray(picture, dtype=float).reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(look(picture).thumbnail, fields, atol=0.5)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_any_shape_has_a_look(size: tuple[int, int]) -> None:
    assert look(photograph(6, width=64, height=64).resize(size)).thumbnail.shape == (8, 8, 3)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (12, 200, 90)])
def test_a_flat_picture_has_no_hash(colour: tuple[int, int, int]) -> None:
    flat = look(Image.new("RGB", (50, 40), colour))
    assert flat.hash == NO_HASH
    assert flat.thumbnail[0, 0].tolist() == list(colour)


def brute_force(hashes: np.ndarray, radius: int) -> list[list[int]]:
    """Every pair is compared; groups by walking."""
    size = len(hashes)
    near = [[k for k in range(size) if k != i and bits(int(hashes[i]), int(hashes[k])) <= radius] for i in range(size)]
    seen: set[int] = set()
    groups = []
    for start in range(size):
        group, walk = [], [start]
        while walk:
            place = walk.pop()
            if place not in seen and hashes[place] != NO_HASH:
                seen.add(place)
                group.append(place)
                walk += near[place]
        if len(group) > 1:
            groups.append(sorted(group))
    return groups


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 80), st.integers(0, 10))
def test_groups_are_those_of_brute_force(seed: int, radius: int, count: int, flips: int) -> None:
    """Around a few centres, some bits away, so that distances on both sides of the radius occur."""
    generator = np.random.default_rng(seed)
    centres = generator.integers(0, 2**63, 4, dtype=np.uint64)
    hashes = centres[generator.integers(0, 4, count)]
    for _ in range(flips):
        hashes ^= np.uint64(1) << generator.integers(0, 64, count, dtype=np.uint64)
    hashes[generator.random(count) < 0.05] = NO_HASH
    found = [group.tolist() for group in near_duplicates(hashes, radius=radius)]
    assert found == brute_force(hashes, radius)


@pytest.mark.parametrize("radius", range(20))
def test_bits_spread_over_all_bands_are_found(radius: int) -> None:
    """The hardest pair: its differences are spread so evenly that hardly a band is equal."""
    generator = np.random.default_rng(radius)
    for count, expected in ((radius, [[0, 1]]), (radius + 1, [])):
        places = np.linspace(0, 64, count, endpoint=False).astype(np.uint64)
        one = generator.integers(1, 2**63, dtype=np.uint64)
        other = one ^ np.bitwise_or.reduce(np.uint64(1) << places) if count else one
        found = near_duplicates(np.array([one, other], dtype=np.uint64), radius=radius)
        assert [group.tolist() for group in found] == expected


def test_thumbnails_tell_pictures_of_one_hash_apart() -> None:
    hashes = np.array([7, 7, 7, 7, 0xFF00FF00], dtype=np.uint64)
    plain = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    thumbnails = np.stack([plain, plain, 255 - plain, np.clip(plain.astype(int) + 1, 0, 255).astype(np.uint8), plain])
    assert [group.tolist() for group in near_duplicates(hashes)] == [[0, 1, 2, 3]]
    assert [group.tolist() for group in near_duplicates(hashes, thumbnails=thumbnails)] == [[0, 1, 3]]


def test_nothing_is_near_nothing() -> None:
    assert near_duplicates(np.empty(0, dtype=np.uint64)) == []
    assert near_duplicates(np.zeros(5, dtype=np.uint64)) == []
    one = np.array([5], dtype=np.uint64)
    assert near_duplicates(one, thumbnails=np.zeros((1, 8, 8, 3), np.uint8)) == []


def test_copies_among_very_many_are_found_at_once() -> None:
    """20,000 different ones and 500 copies a bit away; a comparison of all pairs would take minutes."""
    generator = np.random.default_rng(1)
    hashes = generator.integers(1, 2**63, 20_000, dtype=np.uint64)
    copies = hashes[:500] ^ (np.uint64(1) << generator.integers(0, 64, 500, dtype=np.uint64))
    groups = near_duplicates(np.concatenate([hashes, copies]))
    assert [group.tolist() for group in groups] == [[number, 20_000 + number] for number in range(500)]
