"""FishNet: 94,532 photos of fish with family, order, habitat and trophic level."""

from pathlib import Path, PurePosixPath
from typing import ClassVar

from facetwise.data._read import read_table
from facetwise.data._spelling import parse_number
from facetwise.data._table import Table
from facetwise.data.releases._release import PictureFinder, Release, Released, missing, noted, safe_ids
from facetwise.schema import Attribute, Kind, Parent, Schema

__all__ = ["FishNet"]

_HABITAT = ("Tropical", "Temperate", "Subtropical", "Boreal", "Polar", "freshwater", "saltwater", "brackish")
_NEEDED = ("image", "Family", "Order", "Troph", *_HABITAT)


class FishNet(Release):
    """`train.csv` and `test.csv` (25 columns), and the pictures below, in folders by `Folder`.

    `family` and `order` (what stands before "/", which leaves 83 of 92; the parent of `family` where no family has
    two), `habitat` (the eight flags as one set; unknown where a flag is empty, never "none of them"), `trophic_level`,
    and `feeding_path` where it is there. The published test side is kept; validation is drawn from the training rows,
    since none is published. A bare name of a picture is looked up below the folder.

    Source: Khan, Li, Temple and Elhoseiny (2023), "FishNet: A Large-scale Dataset and Benchmark for Fish Recognition,
    Detection, and Functional Traits Prediction".
    """

    title: ClassVar[str] = "FishNet"
    address: ClassVar[str] = "https://fishnet-2023.github.io"
    terms: ClassVar[str] = "see the page; pictures are iNaturalist's and FishBase's"
    layout: ClassVar[tuple[str, ...]] = ("train.csv", "test.csv", "the pictures, in folders as the files name them")

    def read(self, root: Path) -> Released:
        """Both files as one table with a column `split`."""
        found = {side: _file(root, f"{side}.csv") for side in ("train", "test")}
        if gone := [f"{side}.csv" for side, path in found.items() if path is None]:
            raise missing(FishNet, root, gone)
        tables = {side: read_table(path) for side, path in found.items()}
        gone = [f"column {n} in {side}.csv" for side, t in tables.items() for n in _NEEDED if n not in t.cells]
        if gone:
            raise missing(FishNet, root, gone)
        finder, columns, lost = PictureFinder(root), {name: [] for name in _COLUMNS}, 0
        feeding = all("FeedingPath" in table.cells for table in tables.values())
        for side, table in tables.items():
            folders = table.column("Folder") if "Folder" in table.cells else [""] * len(table)
            for folder, image in zip(folders, table.column("image"), strict=True):
                name = PurePosixPath(str(image).replace("\\", "/")).name
                path = finder.find(str(folder), name)
                lost += path is None
                columns["image"].append(path or "/".join(part for part in (str(folder), name) if part))
            columns["split"] += [side] * len(table)
            columns["family"] += map(str, table.column("Family"))
            columns["order"] += [str(text).partition("/")[0] for text in table.column("Order")]
            columns["habitat"] += _habitats(table)
            columns["trophic_level"] += map(str, table.column("Troph"))
            columns["feeding_path"] += map(str, table.column("FeedingPath")) if feeding else [""] * len(table)
        if not feeding or len({*columns["feeding_path"]} - {""}) < 2:
            del columns["feeding_path"]
        notices = []
        if lost:
            notices.append(noted("no-picture", f"{lost:,} of {len(columns['image']):,} rows have no picture below."))
        parent, said = _parent(columns["family"], columns["order"])
        notices += said
        unknown = sum(not text for text in columns["habitat"])
        if unknown:
            notices.append(noted("unknown", f"{unknown:,} rows have no habitat; they teach and test none.", "habitat"))
        return Released(columns=columns, schema=_schema(columns, parent), notices=tuple(notices))


_COLUMNS = ("image", "split", "family", "order", "habitat", "trophic_level", "feeding_path")


def _file(root: Path, name: str) -> Path | None:
    """The file here or in a folder below (the release has had them in `anns/`)."""
    return next(iter([root / name] if (root / name).is_file() else sorted(root.glob(f"*/{name}"))), None)


def _habitats(table: Table) -> list[str]:
    """The flags that are set, joined; "" where any is empty, or none is set: a fish lives somewhere."""
    flags = [table.column(name) for name in _HABITAT]
    told = []
    for row in zip(*flags, strict=True):
        values = [parse_number(str(text)) for text in row]
        if any(value is None for value in values):
            told.append("")
        else:
            told.append("|".join(name for name, value in zip(_HABITAT, values, strict=True) if value))
    return told


def _parent(family: list[str], order: list[str]) -> tuple[Parent | None, list]:
    """Order as the parent of family; None, and why, where a family has two."""
    of: dict[str, str] = {}
    for child, above in zip(family, order, strict=True):
        if child and above and of.setdefault(child, above) != above:
            words = (
                f"'order' is no parent of it, because {child!r} is {of[child]!r} in one row and {above!r} in another."
            )
            return None, [noted("no-parent", words, "family")]
    if {*family} - {""} - {*of} or len({*of.values()}) < 2 or {*order} - {""} - {*of.values()}:
        return None, []
    lone = {above for child, above in zip(family, order, strict=True) if above and not child}
    return Parent(column="order", of=dict(sorted(of.items())), alone=tuple(sorted(lone))), []


def _schema(columns: dict[str, list[str]], parent: Parent | None) -> Schema:
    names = [name for name in _COLUMNS[2:] if name in columns]
    ids = safe_ids(names)

    def classes(name: str) -> tuple[str, ...]:
        return tuple(sorted({*columns[name]} - {""}))

    attributes = {
        "family": Attribute(
            column="family", id=ids["family"], kind=Kind.CATEGORICAL, classes=classes("family"), parent=parent
        ),
        "order": Attribute(column="order", id=ids["order"], kind=Kind.CATEGORICAL, classes=classes("order")),
        "habitat": Attribute(column="habitat", id=ids["habitat"], kind=Kind.MULTILABEL, classes=_HABITAT),
        "trophic_level": Attribute(column="trophic_level", id=ids["trophic_level"], kind=Kind.NUMERIC),
    }  # fmt: skip
    if "feeding_path" in columns:
        found = classes("feeding_path")
        kind = Kind.BINARY if len(found) == 2 else Kind.CATEGORICAL
        attributes["feeding_path"] = Attribute(column="feeding_path", id=ids["feeding_path"], kind=kind, classes=found)
    return Schema(images=("image",), attributes=tuple(attributes.values()))
