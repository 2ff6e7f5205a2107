"""A box: the part of the upright picture that counts."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from facetwise.errors import ImageError
from facetwise.images import crop, decode, digest, part_digest, to_box
from pictures import UNDO_TURN, encode, photograph


def test_a_box_is_cut_out_of_the_pixels() -> None:
    picture = photograph(1)
    found = np.asarray(decode(encode(picture, "PNG"), box=(3, 5, 20, 11)))
    np.testing.assert_array_equal(found, np.asarray(picture)[5:11, 3:20])


@pytest.mark.parametrize("orientation", UNDO_TURN)
def test_a_box_is_about_the_upright_picture(orientation: int) -> None:
    picture, turn, exif = photograph(2), UNDO_TURN[orientation], Image.Exif()
    exif[0x0112] = orientation
    stored = picture if turn is None else picture.transpose(turn)
    found = np.asarray(decode(encode(stored, "PNG", exif=exif), box=(40, 2, 48, 30)))
    np.testing.assert_array_equal(found, np.asarray(picture)[2:30, 40:48])


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ((-9, -9, 999, 999), (slice(0, 32), slice(0, 48))),
        ((40, 30, 60, 60), (slice(30, 32), slice(40, 48))),
        ((0, 0, 1, 1), (slice(0, 1), slice(0, 1))),
        ((-1, 0, 5, 5), (slice(0, 5), slice(0, 5))),
    ],
)
def test_what_lies_outside_is_left_out(box: tuple[int, int, int, int], part: tuple[slice, slice]) -> None:
    picture = photograph(3)
    np.testing.assert_array_equal(np.asarray(crop(picture, box)), np.asarray(picture)[part])


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 9), (5, 5, 9, 5), (9, 9, 5, 5), (48, 0, 60, 9), (-9, -9, 0, 0), (0, 0, 0, 0)]
)
def test_a_box_without_pixels_is_a_bad_one(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ImageError, match="48 x 32") as caught:
        crop(photograph(3), box)
    assert caught.value.reason == "bad_box"


def test_a_reduced_decode_does_not_move_a_box() -> None:
    picture = photograph(4, width=512, height=256)
    data = encode(picture, "JPEG")
    assert decode(data, draft=32, box=(0, 0, 100, 50)).size == (100, 50)


def test_four_times_minus_one_is_the_whole_picture() -> None:
    assert to_box(np.array([-1, -1, -1, -1])) is None
    assert to_box(np.array([-1, -1, -1, 5])) == (-1, -1, -1, 5)


def test_the_key_of_a_part_is_the_documented_one_and_never_that_of_another_part() -> None:
    content = digest(b"a picture")
    assert part_digest(content, None) == content
    expected = hashlib.sha256(f"{content} box 1 2 30 4".encode()).hexdigest()
    assert part_digest(content, (1, 2, 30, 4)) == expected
    boxes = [(1, 2, 30, 4), (1, 2, 3, 4), (1, 23, 0, 4), (12, 3, 0, 4), (-1, 2, 3, 4)]
    assert len({part_digest(content, box) for box in boxes}) == len(boxes)
