"""What a picture looks like in 64 bits and 64 colours, and which pictures look the same."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image

__all__ = ["NO_HASH", "THUMBNAIL_SIDE", "Look", "look", "near_duplicates"]

# Of a picture without any structure (one flat colour): no bit of its hash would mean anything.
NO_HASH = 0

# The side of the grey picture that is transformed, and the number of frequencies kept per side, both as in pHash.
_GREY_SIDE = 32
_FREQUENCIES = 9
_BITS = 64
# Below this amplitude a frequency is rounding: a picture with a single pixel one level off has about 1.
_FLAT = 4.0

THUMBNAIL_SIDE = 8

# Of a longer side only so many pixels, evenly spread, are looked at; each field of the grey picture still averages 256.
# On sheets of 2048 x 1536 this finds the same copies as all pixels do, in a quarter of the time; 384 loses a sixth of
# those reduced to 600 pixels (benchmarks/near_duplicates.py --sheets). What a cache still holds from 1,024 pixels is
# within 4 bits and 0.05 of these (120 sheets), so copies are found between both.
_LONGEST_SIDE = 512

# Re-encoding (JPEG down to quality 30, WebP) and halving moved at most 4 bits in 250 fashion photos, and changed the
# thumbnail by at most 0.05 of its contrast; see `near_duplicates`.
_RADIUS = 4
_DIFFERENCE = 0.05

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_WEIGHTS = np.left_shift(np.uint64(1), np.arange(_BITS, dtype=np.uint64))
_ONES = np.array([value.bit_count() for value in range(1 << 16)], dtype=np.uint8)


def _cosines() -> np.ndarray:
    """The first rows of the DCT-II of 32 samples: cos(π (2x + 1) k / 64)."""
    k, x = np.arange(_FREQUENCIES)[:, None], np.arange(_GREY_SIDE)[None]
    return np.cos(np.pi * (2 * x + 1) * k / (2 * _GREY_SIDE)).astype(np.float32)


def _lowest() -> np.ndarray:
    """Places of the 64 lowest frequencies but the mean, by the sum of both."""
    order = np.add.outer(np.arange(_FREQUENCIES), np.arange(_FREQUENCIES)).ravel()
    return np.argsort(order, kind="stable")[1 : _BITS + 1]


_COSINES = _cosines()
_LOWEST = _lowest()


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture looks like.

    Attributes:
        hash: 64 bits; `NO_HASH` for a flat picture.
        thumbnail: uint8 (8, 8, 3), the means of 64 fields.
    """

    hash: int
    thumbnail: np.ndarray


def look(picture: Image.Image) -> Look:
    """The perceptual hash and the thumbnail of an RGB picture.

    The picture, squashed to 32 x 32 and made grey, is transformed: C = D G D', with D the DCT-II. Bit i of the hash is
    c_i > median(c), over the 64 lowest frequencies c without the mean.

    Source: Zauner 2010, Implementation and benchmarking of perceptual image hash functions, section 3.2.1 (pHash).
    Different from the public implementations (pHash, ImageHash): those take the square of 8 x 8 frequencies, mean
    included, whose bit says little; we take the lowest 64 of the triangle after it. And they shrink with filters that
    ring (Lanczos) or that shift by parts of a pixel; ours averages, so that a halved picture keeps its bits.

    >>> look(Image.new("RGB", (5, 5), (200, 0, 0))).hash == NO_HASH
    True
    """
    if max(picture.size) > _LONGEST_SIDE:
        width, height = (min(side, _LONGEST_SIDE) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.NEAREST)
    small = picture.resize((_GREY_SIDE, _GREY_SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
    pixels = np.asarray(small, dtype=np.float32)
    field = _GREY_SIDE // THUMBNAIL_SIDE
    means = pixels.reshape(THUMBNAIL_SIDE, field, THUMBNAIL_SIDE, field, 3).mean(axis=(1, 3))
    frequencies = (_COSINES @ (pixels @ _LUMA) @ _COSINES.T).ravel()[_LOWEST]
    if np.abs(frequencies).max() < _FLAT:
        return Look(NO_HASH, np.round(means).astype(np.uint8))
    # Not `np.median`, whose first call loads a module or two for 40 ms, while the other threads of extraction wait.
    below, above = np.sort(frequencies)[_BITS // 2 - 1 : _BITS // 2 + 1]
    bits = frequencies > (below + above) / 2
    return Look(int(_WEIGHTS[bits].sum()), np.round(means).astype(np.uint8))


def near_duplicates(
    hashes: np.ndarray,
    *,
    thumbnails: np.ndarray | None = None,
    radius: int = _RADIUS,
    difference: float = _DIFFERENCE,
) -> list[np.ndarray]:
    """Groups of pictures that look the same: the same photo saved again, reduced, or slightly cut.

    Two pictures are alike if their hashes differ in at most `radius` bits and, with thumbnails, if the root mean
    square difference of these is at most `difference` of their contrast (root mean variance). Groups are the connected
    components. Pictures with `NO_HASH` are in none.

    The hash alone does not do for a catalogue. Of 8,852 fashion photos on white, it makes 337 groups of 2,710, the
    largest of 1,145: other products in the same pose. The thumbnails leave 23 pairs: 18 are one photo under two
    numbers, 5 are another colour or make of a plain thing (a wallet, a belt, a lipstick). Of 1,557 photos of groceries,
    and of 1,747 of leaves, 0 and 1 pair are left. What is missed: mirrored, brightened and otherwise edited copies, and
    cuts of more than about 1 % a side.

    Exact, and fast while few pictures share a band: of radius + 1 bands of bits, two hashes within the radius must have
    one in common. Source: Norouzi, Punjani, Fleet 2012, Fast search in Hamming space with multi-index hashing.

    Args:
        hashes: (picture,) uint64.
        thumbnails: (picture, 8, 8, 3) uint8.
        radius: Bits, 0 to 63.
        difference: Share of the contrast.

    Returns:
        Rising positions per group, groups of at least two, in the order of their first position.

    >>> near_duplicates(np.array([1, 2, 0xFF00, 3], dtype=np.uint64), radius=2)
    [array([0, 1, 3])]
    """
    kept = np.flatnonzero(hashes != NO_HASH)
    # Equal ones cost nothing: they are put together at once, and one of each is compared with the others.
    first: dict[bytes, int] = {}
    same = np.array([first.setdefault(_bytes(hashes, thumbnails, at), int(at)) for at in kept], dtype=np.int64)
    one_of_each, same = np.unique(same, return_inverse=True)
    distinct = hashes[one_of_each]
    contrast = None if thumbnails is None else _contrast(thumbnails[one_of_each])
    labels = np.arange(len(one_of_each))
    for bits in _bands(distinct, radius):
        order = np.argsort(bits, kind="stable")
        band, live, step = bits[order], np.arange(len(order)), 0
        while True:
            # Pairs of neighbours `step` apart in a run of equal bands; a run that is shorter drops out.
            step += 1
            live = live[: np.searchsorted(live, len(order) - step)]
            live = live[band[live] == band[live + step]]
            if not len(live):
                break
            one, other = order[live], order[live + step]
            near = _ones(distinct[one] ^ distinct[other]) <= radius
            one, other = one[near], other[near]
            if thumbnails is not None and contrast is not None:
                alike = _differences(thumbnails, one_of_each[one], one_of_each[other])
                confirmed = alike <= difference**2 * (contrast[one] + contrast[other]) / 2
                one, other = one[confirmed], other[confirmed]
            labels = _joined(labels, one, other)
    return _groups(kept, labels[same])


def _bytes(hashes: np.ndarray, thumbnails: np.ndarray | None, at: int) -> bytes:
    """All that is known of one picture."""
    return hashes[at].tobytes() + (b"" if thumbnails is None else thumbnails[at].tobytes())


def _bands(hashes: np.ndarray, radius: int) -> list[np.ndarray]:
    """The 64 bits in radius + 1 bands of nearly equal width."""
    edges = np.linspace(0, _BITS, min(radius, _BITS - 1) + 2).round().astype(int)
    bands = []
    for low, high in pairwise(edges):
        mask = (1 << int(high - low)) - 1
        bands.append((hashes >> np.uint64(low)) & np.uint64(mask))
    return bands


def _ones(values: np.ndarray) -> np.ndarray:
    """The number of set bits of every uint64."""
    return _ONES[np.ascontiguousarray(values).view(np.uint16).reshape(-1, 4)].sum(axis=1)


def _contrast(thumbnails: np.ndarray) -> np.ndarray:
    """The variance within each thumbnail."""
    return thumbnails.astype(np.float32).var(axis=(1, 2, 3))


def _differences(thumbnails: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The mean squared difference of pairs."""
    apart = thumbnails[one].astype(np.float32) - thumbnails[other]
    return (apart**2).mean(axis=(1, 2, 3))


def _joined(labels: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Labels with the components of all pairs put together; a component's label is its lowest member."""
    while True:
        low, high = np.minimum(labels[one], labels[other]), np.maximum(labels[one], labels[other])
        apart = low < high
        if not apart.any():
            return labels
        labels = labels.copy()
        np.minimum.at(labels, high[apart], low[apart])
        while (labels[labels] != labels).any():
            labels = labels[labels]


def _groups(positions: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Positions by label, where a label has several."""
    order = np.argsort(labels, kind="stable")
    ends = np.flatnonzero(np.diff(labels[order])) + 1
    groups = [positions[run] for run in np.split(order, ends) if len(run) > 1]
    return sorted(groups, key=lambda group: int(group[0]))
