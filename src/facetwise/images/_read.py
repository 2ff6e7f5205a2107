"""A path becomes bytes, or one reason why not."""

import hashlib
import stat
from pathlib import Path

from facetwise.errors import ImageError

__all__ = ["MAX_BYTES", "digest", "read_bytes"]

# 64 megapixels of uncompressed 16-bit RGBA, the largest picture that the pixel limit lets through, are 512 MiB.
MAX_BYTES = 512 * 1024 * 1024


def read_bytes(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a picture file.

    Raises `ImageError` with one of the reasons missing, not_a_file, permission, unreadable, too_large, empty. A named
    pipe is never opened: it would block for ever.
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
        data = path.read_bytes()
    except PermissionError as error:
        raise ImageError("permission", f"this user may not read {str(path)!r}") from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        # ValueError: a name with a zero byte, which no file can have.
        raise ImageError("missing", f"no file is called {str(path)!r}") from error
    except OSError as error:
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
