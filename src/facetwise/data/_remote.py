"""Files behind an address (s3://, gs://, memory://), copied once to a folder of this machine, and read from there.

Nothing here is called without an address that a person wrote where a file is asked for: an address in a cell of a table
stays refused. What `fsspec` can list and read is enough; nothing is ever written there.
"""

import hashlib
import math
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from facetwise.data._listed import listed
from facetwise.data._suffixes import IMAGE_SUFFIXES, suffix_of
from facetwise.data._table import Table
from facetwise.errors import UnavailableError, UserError

__all__ = ["RemoteFolder", "address_of", "fetch_file", "fetch_pictures", "list_pictures", "refuse_address"]

# Two letters at least: C:/ is a drive. A path that went through `pathlib` has lost one of its slashes.
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?P<rest>[^/].*)", re.DOTALL)
# Small files wait for the other side, not for this one.
_AT_ONCE = 16
_DIGITS = 16
# What file systems call that which changes when a file does.
_VERSION = frozenset(
    {
        "blob_id", "content-md5", "crc32c", "created", "etag", "generation", "last-modified", "last_modified",
        "lastmodified", "md5hash", "modificationtime", "modified", "modify", "mtime", "sha", "updated", "version_id",
        "versionid",
    }
)  # fmt: skip
# Copies are dated from 2001 to 2018, in whole, even seconds: every file system keeps these.
_FIRST_DATE, _DATES = 1_000_000_000, 1 << 28
# A copy that was begun so long ago is nobody's work any more.
_SECONDS_OF_A_PART = 86_400.0


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


@dataclass(frozen=True, kw_only=True)
class RemoteFolder:
    """The pictures below an address, as its listing has them.

    Args:
        address: Of the folder.
        system: The file system behind it.
        root: The path in it.
        listing: Of each picture, by its name below the folder, what the listing says.
    """

    address: str
    system: Any
    root: str
    listing: Mapping[str, Mapping[str, Any]]

    @cached_property
    def names(self) -> list[str]:
        """All of them, in the order of a folder's."""
        return sorted(self.listing, key=PurePosixPath)

    @cached_property
    def stems(self) -> set[str]:
        """Their names without folder and suffix."""
        return {name.rpartition("/")[2].removesuffix(suffix_of(name)) for name in self.listing}

    @cached_property
    def _called(self) -> set[str]:
        return {key for name in self.listing for key in _keys(name)}

    def holds(self, cell: str) -> bool:
        """Whether a picture is called so, by path or name, with or without suffix, capitals aside."""
        return not self._called.isdisjoint(_keys(_plain(cell)))

    def named(self, table: Table) -> list[str]:
        """Those that any cell of a table names."""
        called = {key for column in table.columns for value in table.coded(column).values for cell in listed(value)
                  for key in _keys(_plain(cell))}  # fmt: skip
        return [name for name in self.names if any(key in called for key in _keys(name))]

    def copied(self, names: Sequence[str], below: Path, *, told: Callable[[int, int], None] | None = None) -> Path:
        """Some of them, in a folder of this machine whose inside has the shape of the folder there.

        What is there already is not copied again, unless its size or version there is another one by now, and what is
        no longer there is removed. A copy's date is that of no clock: it says of which version it is, and so is the
        same wherever and however often it is copied.

        Args:
            names: Which.
            below: Folder of all copies.
            told: Called with the pictures done, and in all.

        Raises:
            UserError: No right to read one.
        """
        address = self.address.rstrip("/")
        folder = below / hashlib.sha256(address.encode()).hexdigest()[:_DIGITS] / PurePosixPath(self.root).name
        folder.mkdir(parents=True, exist_ok=True)
        self._forget(folder)
        dates = {name: _date(self.listing[name]) for name in names}
        missing = [name for name in names if not _is_copy(folder / name, self.listing[name].get("size"), dates[name])]
        done = len(names) - len(missing)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="facetwise-remote") as pool:
            work = [
                pool.submit(_copy, self.system, f"{self.root.rstrip('/')}/{name}", folder / name, dates[name])
                for name in missing
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

    def _forget(self, folder: Path) -> None:
        """Remove copies of pictures that are gone there, and what a process that died has left."""
        old = time.time() - _SECONDS_OF_A_PART
        for path in (Path(where, name) for where, _, names in os.walk(folder) for name in names):
            if path.suffix != ".part":
                gone = path.relative_to(folder).as_posix() not in self.listing
            else:
                gone = _touched(path) < old
            if gone:
                path.unlink(missing_ok=True)


def _touched(part: Path) -> float:
    """When somebody was last at work on a copy; its date says of which version it is."""
    try:
        return part.stat().st_ctime
    except FileNotFoundError:  # it has just got its name
        return math.inf


def list_pictures(address: str) -> RemoteFolder:
    """The pictures below an address; none of them is copied.

    Args:
        address: Of the folder.

    Raises:
        UserError: No such folder, or no right to read it; no picture in it.
        UnavailableError: The package for such addresses is not installed.
    """
    system, root = _opened(address.rstrip("/"))
    try:
        system.invalidate_cache()  # a listing of some minutes ago knows no change since
        found: Mapping[str, Mapping[str, Any]] = system.find(root, detail=True)
    except OSError as error:
        raise _failed(address, error) from error
    names = {_below(path, root): about for path, about in found.items()}
    # A key of an object store may be anything; one that would leave the folder is nobody's picture.
    own = {name: about for name, about in names.items() if suffix_of(name) in IMAGE_SUFFIXES and _is_tame(name)}
    if not own:
        raise UserError(
            f"an address of images has pictures. Found none below {address}. Fix: check the address and your rights"
        )
    return RemoteFolder(address=address, system=system, root=root, listing=own)


def fetch_pictures(
    address: str, below: Path, *, table: Table | None, told: Callable[[int, int], None] | None = None
) -> Path:
    """The pictures below an address that a table names, or all of them, in a folder of this machine.

    Args:
        address: Of the folder of pictures.
        below: Folder of all copies.
        table: Its cells name pictures, with or without folder and suffix; None: every picture is wanted.
        told: Called with the pictures done, and in all.

    Returns:
        A folder whose inside has the shape of the folder there; see `RemoteFolder.copied`.

    Raises:
        UserError: No such folder, or no right to read it.
        UnavailableError: The package for such addresses is not installed.
    """
    there = list_pictures(address)
    names = there.names if table is None else there.named(table)
    if not names:
        raise UserError(
            f"an address of images has the pictures that the table names. Found none below {address}. "
            "Fix: check the address, and the paths in the table"
        )
    return there.copied(names, below, told=told)


def _below(path: str, root: str) -> str:
    return path.removeprefix(root).lstrip("/")


def _is_tame(name: str) -> bool:
    return "\\" not in name and "\0" not in name and ".." not in PurePosixPath(name).parts


def _is_copy(path: Path, size: int | None, date: int) -> bool:
    """Of a web server's listing the size is not known."""
    if not path.is_file():
        return False
    about = path.stat()
    return size in (None, about.st_size) and int(about.st_mtime) == date


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


def _plain(cell: str) -> str:
    """Of ./a.jpg and ../b/.c.jpg the dots that stand for a folder go, and those of a name stay.

    >>> _plain("./a.jpg"), _plain("..\\\\b/.c.jpg")
    ('a.jpg', 'b/.c.jpg')
    """
    return "/".join(part for part in cell.replace("\\", "/").split("/") if part not in ("", ".", ".."))
