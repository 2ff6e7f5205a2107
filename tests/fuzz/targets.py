"""What is fuzzed: bytes of a stranger's file go in; an answer or a UserError comes out, and nothing else, and soon.

Each target takes bytes. The first byte of a table or a configuration chooses its format, so that one stream of bytes
reaches every reader.
"""

import hashlib
import json
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from facetwise.config import load_config
from facetwise.data import (
    Table,
    boxes,
    complete_schema,
    encode,
    fit_scales,
    image_paths,
    infer,
    read_previous,
    read_split,
    read_table,
    row_weights,
    split_rows,
    write_split,
)
from facetwise.errors import UserError
from facetwise.schema import (
    Attribute,
    Kind,
    Schema,
    read_schema,
    schema_digest,
    schema_from_dict,
    schema_to_dict,
    schema_to_yaml,
)

__all__ = ["TARGETS", "seeds"]

_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".csv.gz", ".parquet", ".csv", ".csv")
# A table of more cells would only slow the search down; large ones are the benchmark's.
_MOST_CELLS = 4_000
CORPUS = Path(__file__).parent / "corpus"


@cache
def _scratch() -> Path:
    """A folder for the one file that is read at a time, in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108 (a name of the system's, made unique below)
    return Path(tempfile.mkdtemp(prefix="facetwise-fuzz-", dir=memory if memory.is_dir() else None))


def _file(name: str, data: bytes) -> Path:
    path = _scratch() / name
    path.write_bytes(data)
    return path


def use_table(table: Table) -> None:
    """Everything that a table goes through before a picture is opened."""
    structure = infer(table)
    image_paths(table, Schema(images=structure.images or ("image",), attributes=(_RUST,)))
    with suppress(UserError):
        split = split_rows(table, structure)
        path = _scratch() / "split.csv"
        write_split(split, path)
        again = read_split(path)
        assert list(again.side) == list(split.side)
        assert split.groups == again.groups
        split_rows(table, structure, seed=1, previous=read_previous(path))
        schema, _ = complete_schema(structure, table, split.rows("train"), min_count=1)
        labels, _ = encode(schema, table)
        fit_scales(schema, labels.take(split.rows("train")))
        assert schema_from_dict(schema_to_dict(schema)) == schema
    for column in table.columns[:4]:
        for read, role in ((row_weights, "weight"), (boxes, "box")):
            with suppress(UserError):
                roles = {"weight": column} if role == "weight" else {"box": column}
                read(table, Schema(images=("\0image",), attributes=(_RUST,), **roles))


_RUST = Attribute(column="\0rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))


def table(data: bytes) -> None:
    """A table file, by its first byte of one format or another; if it is one, all that follows."""
    with suppress(UserError):
        found = read_table(_file(f"t{_SUFFIXES[data[0] % len(_SUFFIXES)]}" if data else "t.csv", data[1:]))
        assert all(len(found.column(column)) == len(found) for column in found.columns)
        if len(found) * len(found.columns) <= _MOST_CELLS:
            # Reading fails in more ways than what follows; every fourth table goes all the way.
            use_table(found) if zlib.crc32(data) % 4 == 0 else infer(found)


def schema(data: bytes) -> None:
    """A schema file; what is read is laid out, written and read again."""
    with suppress(UserError):
        found = read_schema(_file("schema.yaml", data))
        found.layout()
        again = read_schema(_file("again.yaml", schema_to_yaml(found).encode()))
        assert schema_digest(again) == schema_digest(found)


def config(data: bytes) -> None:
    """A configuration file, or settings of the command line."""
    with suppress(UserError):
        if data[:1] == b"S":
            load_config(settings=data[1:].decode("utf-8", errors="replace").split("\n"))
        else:
            load_config(_file("config.yaml", data))


def bundle(data: bytes) -> None:
    """A bundle: its JSON (first byte J) or its tensors, whose digest is made to agree."""
    from facetwise.inference import read_bundle

    folder = _scratch()
    header, heads = _bundle_parts()
    if data[:1] == b"J":
        header = data[1:]
    else:
        heads = data[1:]
        header = json.dumps({**json.loads(header), "files": {"heads.safetensors": hashlib.sha256(heads).hexdigest()}})
        header = header.encode()
    (folder / "bundle.json").write_bytes(header)
    (folder / "heads.safetensors").write_bytes(heads)
    with suppress(UserError):
        read_bundle(folder)


TARGETS: dict[str, Callable[[bytes], None]] = {"table": table, "schema": schema, "config": config, "bundle": bundle}


@cache
def _bundle_parts() -> tuple[bytes, bytes]:
    from facetwise.decisions import NumberScale
    from facetwise.features import Standardizer
    from facetwise.inference import Bundle, write_bundle
    from facetwise.schema import Transform

    size = Attribute(column="size", id="a01", kind=Kind.NUMERIC)
    rust = Attribute(column="rust", id="a00", kind=Kind.BINARY, classes=("0", "1"))
    made = Bundle(
        schema=Schema(images=("image",), attributes=(rust, size)),
        tensors={"trunk.weight": np.zeros((2, 3), np.float32)},
        standardizer=Standardizer(
            mean=np.zeros(3, np.float32), deviation=np.ones(3, np.float32), levels=(("last", 3),)
        ),
        scales={"a01": NumberScale(transform=Transform.NONE, mean=0.0, deviation=1.0)},
        thresholds={"a00": (0.5,)},
        model={"trunk": {"name": "shared", "options": {}}, "head": {"name": "linear", "options": {}}, "depth": True},
        levels="all",
        backbone={"mode": "given", "name": None, "options": {}, "width": 3},
        facetwise="0",
    )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="facetwise-fuzz-", dir=_scratch()))
    write_bundle(folder, made)
    return (folder / "bundle.json").read_bytes(), (folder / "heads.safetensors").read_bytes()


def seeds(name: str) -> list[bytes]:
    """The corpus of a target: hand-made files and what once broke something."""
    found = [path.read_bytes() for path in sorted((CORPUS / name).iterdir()) if path.is_file()]
    if name == "bundle":
        header, heads = _bundle_parts()
        found += [b"J" + header, b"H" + heads]
    return found
