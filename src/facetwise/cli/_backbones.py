"""`facetwise backbones`: the networks that describe pictures, and whether their weights are on this machine."""

import inspect
from importlib import import_module
from typing import Annotated, Any

import typer

from facetwise.cli._options import Json, Quiet
from facetwise.cli._screen import Screen, number
from facetwise.errors import UserError

__all__ = ["backbones"]


def backbones(
    fetch: Annotated[
        str | None, typer.Option("--fetch", metavar="NAME", help="Download the weights of one; needs a network.")
    ] = None,
    quiet: Quiet = False,
    machine: Json = False,
) -> None:
    """List the networks that describe pictures, or fetch weights."""
    screen = Screen(quiet=quiet, machine=machine)
    room: Any = import_module("facetwise.models.backbones")
    if fetch is not None:
        _fetch(screen, room, fetch)
        return
    lone = [name for name in room.BACKBONES if not name.endswith(":")]
    rows = [*(_own(room, name) for name in lone), *(_short(room, *item) for item in room.ALIASES.items())]
    families = {
        f"{name}NAME": (inspect.getdoc(island) or "").partition("\n")[0]
        for name, island in room.BACKBONES.items()
        if name.endswith(":")
    }
    _show(screen, rows, families)
    screen.document({"backbones": rows, "families": families})


def _show(screen: Screen, rows: list[dict[str, Any]], families: dict[str, str]) -> None:
    screen.table(
        ["name", "numbers", "pixels", "parameters", "licence of the weights", "here", "also called"],
        [
            [
                row["name"],
                f"{row['width']:,}",
                row["pixels"],
                f"{number(row['parameters'], digits=1)} M",
                row["licence"],
                "yes" if row["local"] else "no",
                ", ".join(row["also"]),
            ]
            for row in rows
        ],
        right=(1, 2, 3),
    )
    screen.say()
    for name, about in families.items():
        screen.say(f"{name:<16} {about}")
    screen.say("For any of them, weights of your own: --weights FILE")
    fetchable = [row["name"] for row in rows if row["target"] != row["name"] and not row["local"]]
    if fetchable:
        screen.next(["facetwise", "backbones", "--fetch", fetchable[0]])


def _own(room: Any, name: str) -> dict[str, Any]:
    """A backbone with a line of its own in the table."""
    backbone = room.create_backbone(name)
    try:
        backbone.weights_digest()
    except UserError:
        local = False
    else:
        local = True
    return {
        "name": name,
        "target": name,
        "width": backbone.width,
        "pixels": backbone.preprocessing.size,
        "parameters": getattr(backbone, "parameters", None),
        "licence": backbone.licence,
        "local": local,
        "also": [],
    }


def _short(room: Any, name: str, alias: Any) -> dict[str, Any]:
    """A short name for a network of a family."""
    return {
        "name": name,
        "target": alias.target,
        "width": alias.width,
        "pixels": alias.pixels,
        "parameters": alias.parameters,
        "licence": alias.licence,
        "local": room.is_local(name),
        "also": list(alias.also),
    }


def _fetch(screen: Screen, room: Any, name: str) -> None:
    backbone = room.create_backbone(name)
    if not isinstance(backbone, room.Fetchable):
        backbone.weights_digest()  # says what to do where they are missing
        screen.result(f"The weights of {name} came with the installation; there is nothing to fetch.")
        screen.document({"name": name, "files": []})
        return
    screen.say(f"Fetching {backbone.name}")
    files = backbone.fetch()
    for path in files:
        screen.result(path)
    screen.say(f"Licence of these weights: {backbone.licence}")
    screen.next(["facetwise", "train", "TABLE", "--backbone", name])
    screen.document({"name": name, "files": [str(path) for path in files], "licence": backbone.licence})
