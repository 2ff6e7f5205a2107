"""The kind of picture, told from its first bytes, so that no decoder sees what it is not meant for."""

__all__ = ["ALLOWED_FORMATS", "HEAD_BYTES", "is_cut_short", "picture_format"]

# Pillow's names. AVIF is read where this Pillow was built with it. MPO (two JPEGs in a row) opens as JPEG.
ALLOWED_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")

# As many first bytes as `picture_format` looks at.
HEAD_BYTES = 1024

_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"
# PNG specification, section 11.2.5: the last chunk has no data, so its type and checksum never change.
_PNG_END = b"IEND\xaeB\x60\x82"
_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
# Pictures that people do have and that are not read: the message can name them.
_REFUSED = {
    b"8BPS": "PSD",
    b"SIMPLE  =": "FITS",
    b"\x00\x00\x01\x00": "ICO",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"\xffO\xffQ": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"icns": "ICNS",
    b"%PDF": "PDF",
    b"qoif": "QOI",
    b"DDS ": "DDS",
    b"%!PS": "EPS",
    b"\xc5\xd0\xd3\xc6": "EPS",
    b"gimp xcf": "XCF",
    b"\x00\x00\x02\x00": "CUR",
    b"\x1aE\xdf\xa3": "video",
}
# The kinds of the container that HEIC, AVIF and videos share (ISO/IEC 14496-12, section 4.3; HEIF, ISO/IEC 23008-12).
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")


def picture_format(data: bytes) -> str | None:
    """The name of the format that the first bytes announce, allowed or not; None if they announce none.

    >>> picture_format(b"GIF89a..."), picture_format(b"<html>")
    ('GIF', None)
    """
    if data.startswith(_JPEG_START):
        return "JPEG"
    if data.startswith(_PNG_START):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(_TIFF_STARTS):
        return "TIFF"
    if data.startswith(b"BM"):
        return "BMP"
    if data[:1] == b"P" and data[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6") and data[2:3].isspace():
        return "PPM"
    if data[4:8] == b"ftyp":
        return _boxed_format(data[: min(HEAD_BYTES, int.from_bytes(data[:4], "big"))])
    if b"<svg" in data[:HEAD_BYTES].lower() and data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(
        (b"<svg", b"<?xml", b"<!--")
    ):
        return "SVG"
    return next((name for start, name in _REFUSED.items() if data.startswith(start)), None)


def _boxed_format(kind: bytes) -> str:
    """By the main brand, then by the compatible ones: some writers call an AVIF `mif1`, as HEIC may be called too."""
    brands = [kind[8:12], *(kind[at : at + 4] for at in range(16, len(kind) - 3, 4))]
    if brands[0] in _AVIF_BRANDS or (brands[0] in _HEIC_BRANDS and any(brand in _AVIF_BRANDS for brand in brands)):
        return "AVIF"
    return "HEIC" if any(brand in _HEIC_BRANDS for brand in brands) else "video"


def is_cut_short(data: bytes, name: str) -> bool:
    """Whether the file ends before it says it does. Decoders forgive some of these; the policy does not."""
    if name == "PNG":
        return data.rfind(_PNG_END) < 0
    if name == "WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if name == "JPEG":
        return data.rfind(b"\xff\xd9") < 0
    return False
