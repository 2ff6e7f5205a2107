"""Bytes to text: UTF-8 and UTF-16, with or without a mark; anything else is named, never guessed.

A wrong guess would turn "café" into "cafÃ©" in every class name, in silence; so a file in another encoding is refused
with the command that converts it.
"""

import gzip
import re
import zlib
from pathlib import Path

from facetwise.errors import Complaint, TableError

__all__ = ["MARK", "codec_of", "decode", "read_bytes"]

# The byte order mark, as a character.
MARK = "\ufeff"

# A table of this size does not fit into memory as text anyway; a small file that unpacks to more is a bomb.
_MOST_UNPACKED = 4 << 30
_CHUNK = 1 << 20
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
# What a file begins with that is no text at all.
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "open it in a spreadsheet and save it as 'CSV UTF-8'"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "open it in a spreadsheet and save it as 'CSV UTF-8'"),
    (b"PAR1", "Parquet", "let its name end in .parquet"),
    (b"\x1f\x8b", "gzip", "let its name end in .gz, such as table.csv.gz"),
    (b"\x89PNG", "a PNG picture", "name the table, and the folder of pictures with --images"),
    (b"\xff\xd8\xff", "a JPEG picture", "name the table, and the folder of pictures with --images"),
    (b"%PDF", "a PDF", "name the table"),
    (b"SQLite format 3", "a SQLite database", "export the table as CSV"),
)
_WEB_PAGE = re.compile(rb"\s*<(!doctype\s+html|html)\b", re.IGNORECASE)
# Where UTF-16 is recognised without a mark: so many bytes are looked at, and so many of one half have to be zero.
_LOOKED_AT = 4096
_ZEROS = 0.4


def read_bytes(path: Path, name: str) -> bytes:
    """The bytes of a file, unpacked where its name ends in .gz.

    Raises:
        TableError: It is no whole gzip file, or unpacks to more than 4 GiB.
        OSError: It cannot be read.
    """
    if path.suffix.lower() != ".gz":
        return path.read_bytes()
    pieces, size = [], 0
    try:
        with gzip.open(path) as file:
            while piece := file.read(_CHUNK):
                pieces.append(piece)
                size += len(piece)
                if size > _MOST_UNPACKED:
                    rule, found = "a packed table unpacks to at most 4 GiB", "more"
                    raise TableError([Complaint(place=name, rule=rule, found=found, fix="unpack it and use Parquet")])
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        complaint = Complaint(place=name, rule="the file is whole gzip", found=str(error), fix="fetch or pack it again")
        raise TableError([complaint]) from error
    return b"".join(pieces)


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    head = data[:_LOOKED_AT]
    if head.count(0) > _ZEROS * len(head):
        # Latin letters leave every second byte zero: the later one of a pair in little-endian order.
        return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
    return "utf-8-sig"


def decode(data: bytes, name: str) -> tuple[str, str]:
    """The encoding of some bytes, and their text.

    Raises:
        TableError: They are no text, or text in another encoding.

    >>> decode("größe".encode("utf-16-le"), "t.csv")
    ('utf-16-le', 'größe')
    """
    for start, what, fix in _FOREIGN:
        if data.startswith(start):
            raise TableError([Complaint(place=name, rule="a table is text", found=what, fix=fix)])
    if _WEB_PAGE.match(data[:_LOOKED_AT]):
        fix = "download the file itself, not the page that shows it"
        raise TableError([Complaint(place=name, rule="a table is text", found="a web page (HTML)", fix=fix)])
    encoding = _encoding(data)
    try:
        return encoding, data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TableError([_about_encoding(data, name, encoding, error)]) from error


def codec_of(data: bytes) -> tuple[str, bool]:
    """How a text becomes such bytes: a codec that writes no mark of its own, and whether they begin with one.

    >>> codec_of("größe".encode("utf-8-sig")), codec_of("größe".encode("utf-16-be"))
    (('utf-8', True), ('utf-16-be', False))
    """
    encoding = _encoding(data)
    family = encoding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    codecs = ("utf-8",) if family == "utf-8" else (f"{family}-le", f"{family}-be")
    marked = next((codec for codec in codecs if data.startswith(MARK.encode(codec))), None)
    return marked or (family if family == "utf-8" else encoding), marked is not None


def _about_encoding(data: bytes, name: str, encoding: str, error: UnicodeDecodeError) -> Complaint:
    if not encoding.startswith("utf-8"):
        found = f"{encoding.upper()} that breaks off or is damaged at byte {error.start}"
        return Complaint(
            place=name, rule="a table is text in UTF-8 or UTF-16", found=found, fix="save it again as UTF-8"
        )
    # A chunk of a mark's length is not counted by `start`, so the line is counted in what was decoded.
    at = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
    line = data[:at].count(b"\n") + 1
    word = re.search(rb"[^\s,;|\t\"]{0,20}$", data[max(0, at - 20) : at])
    tail = re.match(rb"[^\s,;|\t\"]{0,20}", data[at : at + 20])
    whole = (word.group() if word else b"") + (tail.group() if tail else b"")
    as_windows = whole.decode("cp1252", errors="replace")
    found = f"the byte 0x{data[at]:02x}, in {as_windows!r} if the text is Windows-1252 (what Excel calls plain CSV)"
    fix = (
        "save it again as UTF-8 (in a spreadsheet: 'CSV UTF-8'), "
        "or convert it: iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv"
    )
    return Complaint(place=f"{name}, line {line}", rule="a table is text in UTF-8", found=found, fix=fix)
