"""Files behind an address (s3://, gs://, memory://), copied once to a folder of this machine, and read from there.

Nothing here is called without an address that a person wrote where a file is asked for: an address in a cell of a table
stays refused. What `fsspec` can list and read is enough; nothing is ever written there.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from facetwise.data._listed import listed
from facetwise.data._suffixes import IMAGE_SUFFIXES, suffix_of
from facetwise.data._table import Table
from facetwise.errors import UnavailableError, UserError

__all__ = ["address_of", "fetch_file", "fetch_pictures", "pictures_there", "refuse_address"]

# Two letters at least: C:/ is a drive. A path that went through `pathlib` has lost one of its slashes.
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?P<rest>[^/].*)", re.DOTALL)
# Small files wait for the other side, not for this one.
_AT_ONCE = 16
_DIGITS = 16
# What file systems call that which changes when a file does.
_VERSION = frozenset(
    {
        "content-md5", "crc32c", "created", "etag", "generation", "last-modified", "last_modified", "lastmodified",
        "md5hash", "modified", "mtime", "updated", "version_id", "versionid",
    }
)  # fmt: skip
# Copies are dated from 2001 to 2018, in whole, even seconds: every file system keeps these.
_FIRST_DATE, _DATES = 1_000_000_000, 1 << 28


def address_of(source: object) -> str | None:
    """The address that a source is, or None: a file or folder of this machine, a frame.

    >>> address_of("s3://shop/table.csv"), address_of(Path("s3://shop/table.csv")), address_of("C:/table.csv")
    ('s3://shop/table.csv', 's3://shop/table.csv', None)
    """
    if not isinstance(source, str | Path):
        return None
    found = _ADDRESS.fullmatch(str(source))
    if found is None:
        return None
    try:
        here = Path(source).exists()
    except (OSError, ValueError):
        here = False
    return None if here else f"{found['scheme']}://{found['rest']}"


def refuse_address(source: object) -> None:
    """Nothing, but for an address where only files and folders of this machine are read.

    Raises:
        UserError: It is an address.
    """
    address = address_of(source)
    if address is not None:
        raise UserError(f"a file or folder of this machine is read here. Found {address}. Fix: copy it here first")


def _opened(address: str) -> tuple[Any, str]:
    """The file system behind an address, and the path in it."""
    try:
        core = import_module("fsspec.core")
        system, path = core.url_to_fs(address)
    except ImportError as error:
        raise UnavailableError(
            f"{address} is read through fsspec and its package for that kind of address. Found {error}. "
            "Fix: pip install 'facetwise[remote]', and s3fs for s3://, gcsfs for gs://, adlfs for abfs://"
        ) from error
    except ValueError as error:
        raise UserError(
            f"an address is of a kind that fsspec knows. Found {address!r}: {error}. Fix: check it"
        ) from error
    return system, path


def _failed(address: str, error: Exception) -> UserError:
    return UserError(
        f"{address} cannot be read: {error or type(error).__name__}. Fix: check the address and your rights"
    )


def fetch_file(address: str, below: Path) -> Path:
    """One file, copied unless the same is there already.

    Args:
        address: Where it is.
        below: Folder of all copies.

    Raises:
        UserError: Nothing there, or no right to read it.
        UnavailableError: The package for such addresses is not installed.
    """
    system, path = _opened(address)
    try:
        # Changes when the file does: of its size, time and tag.
        key = hashlib.sha256(f"{address}\0{system.ukey(path)}".encode()).hexdigest()[:_DIGITS]
        target = below / key / PurePosixPath(path).name
        if not target.is_file():
            _copy(system, path, target)
    except OSError as error:
        raise _failed(address, error) from error
    return target


def _copy(system: Any, path: str, target: Path, date: int | None = None) -> None:
    """Copy a file; it gets its name when it is whole, and dated."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{uuid4().hex}.part")  # no other machine's
    try:
        system.get_file(path, str(part))
        if date is not None:
            os.utime(part, (date, date))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def pictures_there(address: str) -> list[str]:
    """Names of all pictures below an address, in the order of a folder's.

    Args:
        address: Of the folder.

    Raises:
        UserError: No such folder, or no right to read it.
        UnavailableError: The package for such addresses is not installed.
    """
    return sorted(_listed(address)[2], key=PurePosixPath)


def _listed(address: str) -> tuple[Any, str, dict[str, tuple[int, int]]]:
    """The file system behind an address, the path in it, and of each picture below that its size and date."""
    system, root = _opened(address.rstrip("/"))
    try:
        system.invalidate_cache()  # a listing of some minutes ago knows no change since
        found: Mapping[str, Mapping[str, Any]] = system.find(root, detail=True)
    except OSError as error:
        raise _failed(address, error) from error
    names = {_below(path, root): (int(about.get("size") or 0), _date(about)) for path, about in found.items()}
    # A key of an object store may be anything; one that would leave the folder is nobody's picture.
    own = {name: about for name, about in names.items() if suffix_of(name) in IMAGE_SUFFIXES and _is_tame(name)}
    return system, root, own


def fetch_pictures(
    address: str,
    below: Path,
    *,
    wanted: Table | Sequence[str] | None,
    some: bool = True,
    told: Callable[[int, int], None] | None = None,
) -> Path:
    """The pictures below an address that a table names, or all of them, in a folder of this machine.

    What is there already is not copied again, unless its size or version there is another one by now. A copy's date is
    that of no clock: it says of which version it is, and so is the same wherever and however often it is copied.

    Args:
        address: Of the folder of pictures.
        below: Folder of all copies.
        wanted: A table whose cells name pictures, with or without folder and suffix; names, as `pictures_there` gives
            them; None: every picture.
        some: Whether there has to be one.
        told: Called with the pictures done, and in all.

    Returns:
        A folder whose inside has the shape of the folder there.

    Raises:
        UserError: No such folder, or no right to read it; no picture, and some have to be there.
        UnavailableError: The package for such addresses is not installed.
    """
    system, root, names = _listed(address)
    folder = below / hashlib.sha256(address.rstrip("/").encode()).hexdigest()[:_DIGITS] / PurePosixPath(root).name
    if isinstance(wanted, Table):
        called = _named(wanted)
        names = {name: about for name, about in names.items() if any(key in called for key in _keys(name))}
    elif wanted is not None:
        names = {name: names[name] for name in wanted if name in names}
    if some and not names:
        raise UserError(
            f"an address of images has the pictures that the table names. Found none below {address}. "
            "Fix: check the address, and the paths in the table"
        )
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name, about in names.items() if not _is_copy(folder / name, *about)]
    done = len(names) - len(missing)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="facetwise-remote") as pool:
        work = [
            pool.submit(_copy, system, f"{root.rstrip('/')}/{name}", folder / name, names[name][1]) for name in missing
        ]
        try:
            for one in work:
                one.result()
                done += 1
                if told is not None:
                    told(done, len(names))
        except OSError as error:
            raise _failed(address, error) from error
        finally:
            for one in work:
                one.cancel()
    return folder


def _below(path: str, root: str) -> str:
    return path.removeprefix(root).lstrip("/")


def _is_tame(name: str) -> bool:
    return "\\" not in name and "\0" not in name and ".." not in PurePosixPath(name).parts


def _is_copy(path: Path, size: int, date: int) -> bool:
    return path.is_file() and path.stat().st_size == size and int(path.stat().st_mtime) == date


def _date(about: Mapping[str, Any]) -> int:
    """The date of a copy, in seconds: made of what a listing says of the version, nothing where it says nothing.

    >>> _date({"size": 4, "ETag": "a"}) == _date({"size": 4, "ETag": "b"})
    False
    """
    said = sorted(f"{key}={value}" for key, value in about.items() if key.casefold() in _VERSION)
    return _FIRST_DATE + 2 * (int(hashlib.sha256("\0".join(said).encode()).hexdigest(), 16) % _DATES)


def _keys(name: str) -> Iterable[str]:
    """How a table may call a picture: its path or its name, with or without suffix, capitals aside.

    >>> sorted(_keys("Red/A.JPG"))
    ['a', 'a.jpg', 'red/a', 'red/a.jpg']
    """
    plain = name.casefold()
    for text in (plain, plain.rpartition("/")[2]):
        suffix = suffix_of(text)
        yield text
        if suffix in IMAGE_SUFFIXES:
            yield text[: -len(suffix)]


def _named(table: Table) -> set[str]:
    """Everything in a table that may be the name of a picture."""
    wanted: set[str] = set()
    for column in table.columns:
        for value in table.coded(column).values:
            for cell in listed(value):
                # Of ./a.jpg and ../b/.c.jpg the dots that stand for a folder go, and those of a name stay.
                parts = cell.replace("\\", "/").split("/")
                wanted.update(_keys("/".join(part for part in parts if part not in ("", ".", ".."))))
    return wanted
