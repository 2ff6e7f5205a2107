"""A path becomes bytes, or one reason why not."""

import errno
import hashlib
import stat
from pathlib import Path

from facetwise.errors import ImageError
from facetwise.images._box import Box
from facetwise.images._header import open_header

__all__ = ["MAX_BYTES", "digest", "part_digest", "read_bytes"]

# 64 megapixels of uncompressed 16-bit RGBA, the largest picture that the pixel limit lets through, are 512 MiB.
MAX_BYTES = 512 * 1024 * 1024

# A file of more bytes shows its header first: it must not fill the memory, only to be refused for its pixels.
_LARGE_BYTES = 16 * 1024 * 1024

# A name that no file can have: too long, or with signs that the disk does not know.
_NO_SUCH_NAME = (errno.ENAMETOOLONG, errno.EILSEQ)


def read_bytes(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a picture file.

    Raises `ImageError` with one of the reasons missing, not_a_file, permission, unreadable, too_large, empty, and for
    a large file those of `decode` that its header gives. A named pipe is never opened: it would block for ever.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not_a_file", f"a picture is a file. Found a folder, a pipe or a device: {str(path)!r}")
        if status.st_size > max_bytes:
            raise ImageError(
                "too_large",
                f"a picture has at most {max_bytes:,} bytes. Found {status.st_size:,} bytes in {str(path)!r}",
            )
        with path.open("rb") as file:
            if status.st_size > _LARGE_BYTES:
                open_header(file)
                file.seek(0)
            data = file.read()
    except PermissionError as error:
        raise ImageError("permission", f"this user may not read {str(path)!r}") from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        # ValueError: a name with a zero byte, which no file can have.
        raise ImageError("missing", f"no file is called {str(path)!r}") from error
    except OSError as error:
        if error.errno in _NO_SUCH_NAME:
            raise ImageError("missing", f"no file is called {str(path)!r}: {error.strerror}") from error
        raise ImageError("unreadable", f"{str(path)!r} could not be read: {error.strerror or error}") from error
    if not data:
        raise ImageError("empty", f"{str(path)!r} has no bytes")
    return data


def digest(data: bytes) -> str:
    """The SHA-256 of a picture's bytes, in hexadecimal: what the feature cache knows a picture by.

    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def part_digest(content: str, box: Box | None) -> str:
    """What the feature cache knows a part of a picture by; `content` is the `digest` of the picture.

    SHA-256 of the text `CONTENT box x0 y0 x1 y1`; without a box, the picture's own digest. No picture's bytes are such
    a text, so the two kinds never meet.

    >>> part_digest("e3b0c442", None), part_digest("e3b0c442", (0, 0, 8, 8))[:8]
    ('e3b0c442', 'cfedc1eb')
    """
    return content if box is None else digest(" ".join([content, "box", *map(str, box)]).encode())
