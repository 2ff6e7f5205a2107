"""The decode policy: what every kind of file becomes."""

import numpy as np
import pytest
from PIL import Image, features

from facetwise.errors import ImageError
from facetwise.images import REASONS, decode, policy_version, quiet_decoder
from pictures import UNDO_TURN, encode, photograph


def pixels(data: bytes, **options: int) -> np.ndarray:
    return np.asarray(decode(data, **options))


def refusal(data: bytes, **options: int) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, **options)
    assert caught.value.reason in REASONS
    assert str(caught.value)
    return caught.value.reason


LOSSLESS = [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("PPM", {}), ("WEBP", {"lossless": True})]


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_lossless_formats_give_the_pixels_that_went_in(kind: str, options: dict[str, bool]) -> None:
    picture = photograph(1)
    np.testing.assert_array_equal(pixels(encode(picture, kind, **options)), np.asarray(picture))


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "AVIF", "MPO"])
def test_lossy_formats_come_close(kind: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    picture = photograph(1)
    found = pixels(encode(picture, kind)).astype(int)
    assert np.abs(found - np.asarray(picture)).mean() < 12


@pytest.mark.parametrize("orientation", UNDO_TURN)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_every_exif_orientation_gives_the_upright_picture(kind: str, orientation: int) -> None:
    picture = photograph(2)
    turn = UNDO_TURN[orientation]
    stored = picture if turn is None else picture.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(pixels(encode(stored, kind, exif=exif, **options)), np.asarray(picture))


def test_nonsense_orientation_counts_as_upright() -> None:
    picture = photograph(2)
    exif = Image.Exif()
    exif[0x0112] = 99
    assert decode(encode(picture, "JPEG", exif=exif)).size == picture.size


def test_damaged_metadata_does_not_cost_the_picture() -> None:
    picture = photograph(2)
    with quiet_decoder():
        found = decode(encode(picture, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"))
    assert found.size == picture.size


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_saturated(kind: str) -> None:
    samples = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64)
    found = pixels(encode(Image.fromarray(samples), kind))
    np.testing.assert_array_equal(found[:, :, 0], samples >> 8)
    np.testing.assert_array_equal(found[:, :, 0], found[:, :, 2])


@pytest.mark.parametrize(("maximum", "expected"), [(65535, [0, 128, 255]), (1023, [0, 128, 255])])
def test_wide_portable_grey_is_scaled(maximum: int, expected: list[int]) -> None:
    values = np.array([0, (maximum + 1) // 2, maximum], dtype=">u2")
    found = pixels(b"P5 3 1 %d\n" % maximum + values.tobytes())
    np.testing.assert_allclose(found[0, :, 0], expected, atol=1)


def test_transparency_is_laid_on_white() -> None:
    red = Image.new("RGBA", (3, 1), (255, 0, 0, 255))
    red.putpixel((1, 0), (255, 0, 0, 0))
    red.putpixel((2, 0), (255, 0, 0, 128))
    found = pixels(encode(red, "PNG"))[0]
    assert found.tolist() == [[255, 0, 0], [255, 255, 255], [255, 127, 127]]


def test_transparent_grey_and_palette_are_laid_on_white() -> None:
    grey = Image.new("LA", (2, 1), (10, 255))
    grey.putpixel((1, 0), (10, 0))
    assert pixels(encode(grey, "PNG"))[0].tolist() == [[10, 10, 10], [255, 255, 255]]
    indexed = Image.new("P", (2, 1))
    indexed.putpalette([0, 0, 200, 9, 9, 9])
    indexed.putpixel((1, 0), 1)
    for kind in ("PNG", "GIF"):
        assert pixels(encode(indexed, kind, transparency=1))[0].tolist() == [[0, 0, 200], [255, 255, 255]]
    assert pixels(encode(indexed, "PNG", transparency=b"\xff\x00"))[0].tolist() == [[0, 0, 200], [255, 255, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    found = decode(encode(photograph(3).convert(mode), kind))
    assert found.mode == "RGB"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    first, second = Image.new("RGB", (8, 8), (200, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 200))
    found = pixels(encode(first, kind, save_all=True, append_images=[second]))
    assert found.shape == (8, 8, 3)
    assert found[0, 0, 0] > 180
    assert found[0, 0, 2] < 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_an_error(kind: str, share: float) -> None:
    data = encode(photograph(4, width=96, height=64), kind)
    with quiet_decoder():
        assert refusal(data[: int(len(data) * share)]) in ("truncated", "corrupt", "not_an_image")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_without_its_last_two_bytes_is_truncated(kind: str) -> None:
    assert refusal(encode(photograph(4), kind)[:-2]) == "truncated"


def test_a_damaged_file_is_corrupt() -> None:
    data = bytearray(encode(photograph(4), "PNG"))
    data[60:80] = b"\x55" * 20
    assert refusal(bytes(data)) == "corrupt"


@pytest.mark.parametrize("data", [b"hello", b"<!DOCTYPE html><html>", b"\x00" * 64, b"BM is a car maker", b"P1 "])
def test_what_is_no_picture_is_told_so(data: bytes) -> None:
    assert refusal(data) == "not_an_image"


def test_no_bytes_are_told_so() -> None:
    assert refusal(b"") == "empty"


@pytest.mark.parametrize("kind", ["ICO", "JPEG2000"])
def test_pictures_off_the_list_are_refused_by_name(kind: str) -> None:
    assert refusal(encode(photograph(5, width=32), kind)) == "format"


def test_heic_is_refused_by_name() -> None:
    with pytest.raises(ImageError, match="HEIC files are not read"):
        decode(b"\x00\x00\x00\x18ftypheic" + b"\x00" * 32)


def test_float_samples_are_refused() -> None:
    assert refusal(encode(Image.new("F", (4, 4)), "TIFF")) == "format"


def test_a_bomb_is_refused_from_its_header() -> None:
    bomb = encode(Image.new("1", (9000, 8000)), "PNG")
    assert refusal(bomb) == "too_large"
    assert refusal(encode(photograph(1), "PNG"), max_pixels=48 * 32 - 1) == "too_large"
    # A size that no picture has, in the header of a small file.
    header = bytearray(encode(photograph(1), "JPEG"))
    at = header.index(b"\xff\xc0")
    header[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    assert refusal(bytes(header)) == "too_large"


def test_the_name_of_a_file_does_not_matter_and_nothing_is_kept_open() -> None:
    assert decode(encode(photograph(1), "PNG")).getpixel((0, 0)) == photograph(1).getpixel((0, 0))


def test_a_draft_is_smaller_and_has_a_version_of_its_own() -> None:
    data = encode(photograph(6, width=256, height=192), "JPEG")
    assert decode(data, draft=32).size == (64, 48)
    assert decode(data).size == (256, 192)
    assert policy_version(draft=True) != policy_version(draft=False)


def test_the_list_of_reasons_stays_short() -> None:
    assert len(REASONS) <= 12
