"""Files that stand in people's picture folders: the odd ones that are read, and the bad ones with their reason.

`draw_zoo` makes them; `bombs` makes those that are small on the disk and huge in memory.
"""

import os
import socket
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, features

from pictures import UNDO_TURN, encode, photograph

__all__ = ["bombs", "draw_zoo"]

OK = "ok"
_ORIENTATION = 0x0112


def draw_zoo(folder: Path) -> list[tuple[str, str]]:
    """Write every animal into a folder; its name below the folder, and what a reader should say: `ok` or a reason."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for part in (_odd_pictures(), _damaged(), _strangers(), _metadata()):
        for name, data, expected in part:
            (folder / name).write_bytes(data)
            found.append((name, expected))
    return found + _named(folder) + _no_files(folder)


Animal = tuple[str, bytes, str]


def _odd_pictures() -> list[Animal]:
    """Sound pictures of every mode and container."""
    picture = photograph(1)
    cmyk = picture.convert("CMYK")
    wide = np.linspace(0, 65535, 48 * 32).astype(np.uint16).reshape(32, 48)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    indexed = picture.quantize(16)
    animals = [
        ("cmyk.jpg", _without_adobe(encode(cmyk, "JPEG")), OK),
        ("cmyk_adobe.jpg", encode(cmyk, "JPEG"), OK),
        ("wide_grey.png", encode(Image.fromarray(wide), "PNG"), OK),
        ("wide_grey.tif", encode(Image.fromarray(wide), "TIFF"), OK),
        ("wide_colour.png", _wide_colour_png(wide), OK),
        ("one_bit.png", encode(picture.convert("1"), "PNG"), OK),
        ("one_bit.tif", encode(picture.convert("1"), "TIFF", compression="group4"), OK),
        ("palette_clear.png", encode(indexed, "PNG", transparency=3), OK),
        ("grey_clear.png", encode(clear.convert("LA"), "PNG"), OK),
        ("clear.png", encode(clear, "PNG"), OK),
        ("clear.webp", encode(clear, "WEBP"), OK),
        ("moving.gif", _moving("GIF"), OK),
        ("moving.webp", _moving("WEBP"), OK),
        ("moving.png", _moving("PNG"), OK),
        ("two.mpo", _moving("MPO"), OK),
        ("plain.bmp", encode(picture, "BMP"), OK),
        ("pages.tif", _moving("TIFF"), OK),
        ("packed.tif", encode(picture, "TIFF", compression="tiff_lzw"), OK),
        ("plain.ppm", encode(picture, "PPM"), OK),
        ("progressive.jpg", encode(picture, "JPEG", progressive=True), OK),
        ("grey.jpg", encode(picture.convert("L"), "JPEG"), OK),
        ("png_called.jpg", encode(picture, "PNG"), OK),
        ("dot.png", encode(picture.resize((1, 1)), "PNG"), OK),
        ("thread.png", encode(picture.resize((1, 5000)), "PNG"), OK),
        ("ribbon.jpg", encode(picture.resize((5000, 1)), "JPEG"), OK),
        ("float.tif", encode(Image.new("F", (4, 4)), "TIFF"), "format"),
    ]
    if features.check("avif"):
        animals.append(("plain.avif", encode(picture, "AVIF"), OK))
    return animals


def _damaged() -> list[Animal]:
    """Files that were a picture once."""
    whole, png = encode(photograph(3, width=96, height=64), "JPEG"), encode(photograph(3, width=96, height=64), "PNG")
    scratched = bytearray(png)
    scratched[60:80] = b"\x55" * 20
    return [
        ("cut_in_header.jpg", whole[:30], "truncated"),
        ("cut_at_half.jpg", whole[: len(whole) // 2], "truncated"),
        ("cut_at_end.jpg", whole[:-2], "truncated"),
        ("cut_at_half.png", png[: len(png) // 2], "truncated"),
        ("cut_at_end.webp", encode(photograph(3), "WEBP")[:-8], "truncated"),
        ("scratched.png", bytes(scratched), "corrupt"),
        ("nothing.jpg", b"", "empty"),
        ("zeros.jpg", b"\0" * 4096, "not_an_image"),
    ]


def _strangers() -> list[Animal]:
    """What is no picture, and pictures of kinds that are not read."""
    small = photograph(4, width=32)
    page = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>gone</body></html>"
    return [
        ("text.jpg", b"this is a note about a picture\n", "not_an_image"),
        ("error_page.jpg", page, "not_an_image"),
        ("json.png", b'{"error": "AccessDenied"}', "not_an_image"),
        ("drawing.svg.png", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "format"),
        ("phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + b"\0" * 64, "format"),
        ("film.jpg", b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + b"\0" * 64, "format"),
        ("layers.jpg", b"8BPS\0\1" + b"\0" * 64, "format"),
        ("paper.jpg", b"%PDF-1.7\n" + b"\0" * 64, "format"),
        ("print.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "format"),
        ("stars.jpg", b"SIMPLE  =                    T".ljust(2880), "format"),
        ("icon.png", encode(small, "ICO"), "format"),
        ("wavelet.jpg", encode(small, "JPEG2000"), "format"),
    ]


def _metadata() -> list[Animal]:
    """Pictures with more around them than in them."""
    picture = photograph(5)
    exif = Image.Exif()
    exif[0x9286] = b"ASCII\0\0\0" + b"x" * 60_000
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "long " * 200_000)
    packed = PngImagePlugin.PngInfo()
    packed.add_text("comment", "a" * 3_000_000, zip=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    animals = [
        ("profile.jpg", encode(picture, "JPEG", icc_profile=profile), OK),
        ("profile.png", encode(picture, "PNG", icc_profile=profile), OK),
        ("huge_profile.jpg", encode(picture, "JPEG", icc_profile=profile + b"\0" * 900_000), OK),
        ("huge_exif.jpg", encode(picture, "JPEG", exif=exif), OK),
        ("broken_exif.jpg", encode(picture, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), OK),
        ("huge_text.png", encode(picture, "PNG", pnginfo=text), OK),
        ("text_bomb.png", encode(picture, "PNG", pnginfo=packed), "too_large"),
        ("thumbnail_cut.jpg", _with_thumbnail(picture)[:-2], "truncated"),
    ]
    for orientation, turn in UNDO_TURN.items():
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        stored = picture if turn is None else picture.transpose(turn)
        animals.append((f"turned_{orientation}.png", encode(stored, "PNG", exif=exif), OK))
    return animals


def _named(folder: Path) -> list[tuple[str, str]]:
    """Sound pictures under names that trip programs up."""
    data = encode(photograph(6), "JPEG")
    names = [
        "with space.jpg", "-rf.jpg", "naïve_写真_🐟.jpg", "two\nlines.jpg", "red\x1b[31mtext.jpg", "a'b\"c.jpg",
        "=cmd|' 'A0.jpg", "%s{0}$HOME.jpg", "long_" + "x" * 240 + ".jpg", "UPPER.JPG", "<script>.jpg",
    ]  # fmt: skip
    for name in names:
        (folder / name).write_bytes(data)
    found = [(name, OK) for name in names]
    with suppress(OSError):  # Some file systems take no names but UTF-8.
        name = os.fsdecode(b"latin_\xe9.jpg")
        (folder / name).write_bytes(data)
        found.append((name, OK))
    return found


def _no_files(folder: Path) -> list[tuple[str, str]]:
    """Links, folders, pipes, devices, sockets, and what is not there at all."""
    elsewhere = folder.parent / f"{folder.name}_elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "outside.jpg").write_bytes(encode(photograph(7), "JPEG"))
    (folder / "link_inside.jpg").symlink_to("plain.bmp")
    (folder / "link_outside.jpg").symlink_to(elsewhere / "outside.jpg")
    (folder / "link_dead.jpg").symlink_to("absent.jpg")
    (folder / "link_circle.jpg").symlink_to("link_circle.jpg")
    (folder / "folder.jpg").mkdir()
    found = [
        ("link_inside.jpg", OK),
        # Who may read it is the table's business: a path of a table may not leave its folder, a folder's own link may.
        ("link_outside.jpg", OK),
        ("link_dead.jpg", "missing"),
        ("link_circle.jpg", "unreadable"),
        ("folder.jpg", "not_a_file"),
        ("absent.jpg", "missing"),
        ("absent_" + "x" * 300 + ".jpg", "missing"),
    ]
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.jpg")
        found.append(("pipe.jpg", "not_a_file"))
    if Path("/dev/zero").exists():
        (folder / "device.jpg").symlink_to("/dev/zero")
        found.append(("device.jpg", "not_a_file"))
    with suppress(OSError), socket.socket(socket.AF_UNIX) as ear:  # A path of more than 107 bytes cannot be bound.
        ear.bind(str(folder / "socket.jpg"))
        found.append(("socket.jpg", "not_a_file"))
    if hasattr(os, "geteuid") and os.geteuid() != 0:  # Root may read everything.
        (folder / "secret.jpg").write_bytes(encode(photograph(8), "JPEG"))
        (folder / "secret.jpg").chmod(0)
        found.append(("secret.jpg", "permission"))
    return found


def _moving(kind: str) -> bytes:
    """Three frames. Each kind gets pictures of its own: Pillow leaves notes on those that it has written."""
    return encode(photograph(1), kind, save_all=True, append_images=[photograph(2), photograph(1)])


def _without_adobe(jpeg: bytes) -> bytes:
    """Without the APP14 segment, which tells readers that the amounts of ink are stored the other way round."""
    at = jpeg.index(b"\xff\xee\0\x0eAdobe")
    return jpeg[:at] + jpeg[at + 16 :]


def _wide_colour_png(grey: np.ndarray) -> bytes:
    """16 bits a channel, which Pillow reads but does not write."""
    height, width = grey.shape
    rows = np.stack([grey, grey[::-1], grey.T.reshape(grey.shape)], axis=2).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return _PNG_START + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(raw)) + _chunk(b"IEND", b"")


def _with_thumbnail(picture: Image.Image) -> bytes:
    """A JPEG whose metadata hold a whole JPEG, end marker included."""
    small = encode(picture.resize((16, 8)), "JPEG")
    segment = b"Exif\0\0" + small
    whole = encode(picture, "JPEG")
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + whole[2:]


_PNG_START = b"\x89PNG\r\n\x1a\n"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bombs(folder: Path) -> list[tuple[str, str]]:
    """Small files that would fill the memory: their names, and the reason that should refuse them.

    An animation of many small frames is read (`ok`): of its frames only the first is looked at.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jpeg = bytearray(encode(photograph(1), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, 0xFFFFFFF, 0)
    makers: dict[str, tuple[Callable[[], bytes], str]] = {
        "900_megapixels.png": (lambda: _grey_png(30_000, 30_000), "too_large"),
        "144_megapixels.png": (lambda: _grey_png(12_000, 12_000), "too_large"),
        "65535_squared.jpg": (lambda: bytes(jpeg), "too_large"),
        "frames.ico": (lambda: b"\0\0\1\0\xff\xff" + entry * 65_535, "format"),
        "frames.fits": (lambda: (b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800)) * 1_000, "format"),
        "frames.gif": (lambda: _gif(100_000, side=60_000), "too_large"),
        "10_to_the_5_frames.gif": (lambda: _gif(100_000, side=10), "ok"),
        "sparse.jpg": (lambda: b"", "not_an_image"),
    }
    for name, (make, _) in makers.items():
        (folder / name).write_bytes(make())
    with (folder / "sparse.jpg").open("wb") as file:
        file.truncate(400_000_000)
    return [(name, reason) for name, (_, reason) in makers.items()]


def _grey_png(width: int, height: int) -> bytes:
    """Black pixels. A thousand rows are packed once and repeated: nothing in them refers to what was before."""
    band, bands = 1_000, height // 1_000
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes((width * 3 + 1) * band)) + packer.flush(zlib.Z_FULL_FLUSH)
    # Adler-32 of n zero bytes: the low half stays 1, the high half counts them (RFC 1950, section 8.2).
    check = ((width * 3 + 1) * band * bands % 65_521) << 16 | 1
    body = b"\x78\xda" + packed * bands + b"\x03\0" + struct.pack(">I", check)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _PNG_START + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _gif(frames: int, *, side: int) -> bytes:
    """So many frames of one pixel on a screen of side x side."""
    screen = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return screen + frame * frames + b"\x3b"
