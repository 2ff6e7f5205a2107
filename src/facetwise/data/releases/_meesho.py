"""The Meesho Visual Taxonomy competition: 70,213 product photos, five categories with attributes of their own."""

from pathlib import Path
from typing import ClassVar

from facetwise.data._read import read_table
from facetwise.data.releases._release import PictureFinder, Release, Released, missing, noted, safe_ids
from facetwise.errors import Complaint, TableError
from facetwise.schema import Attribute, Kind, Schema

__all__ = ["Meesho"]

_SLOTS, _DUMMY = 10, "dummy_value"


class Meesho(Release):
    """`train.csv` (id, Category, len, attr_1 ... attr_10), `category_attributes.parquet`, `train_images/NNNNNN.jpg`.

    What attr_3 means depends on the category, so every pair of category and attribute becomes a column of its own,
    `Kurtis: color`, that applies to this category alone: 42 columns, as in the competition's metric. A label text means
    something in its own column only: "default" of a colour is not "default" of a pattern. Missing cells stay empty.

    Source: the competition's files, as its participants describe them.
    """

    title: ClassVar[str] = "Meesho Visual Taxonomy"
    address: ClassVar[str] = "https://www.kaggle.com/competitions/visual-taxonomy"
    terms: ClassVar[str] = "the rules of the competition"
    layout: ClassVar[tuple[str, ...]] = ("train.csv", "category_attributes.parquet", "train_images/000000.jpg ...")

    def read(self, root: Path) -> Released:
        """One row per product, one column per category and attribute."""
        if gone := [name for name in self.layout[:2] if not (root / name).is_file()]:
            raise missing(Meesho, root, gone)
        table = read_table(root / "train.csv")
        wanted = ["id", "Category", *(f"attr_{slot + 1}" for slot in range(_SLOTS))]
        if absent := [name for name in wanted if name not in table.cells]:
            raise missing(Meesho, root, [f"column {name} in train.csv" for name in absent])
        named = _attributes_of(root / "category_attributes.parquet")
        category = [str(text) for text in table.column("Category")]
        if unknown := sorted({*category} - {*named}):
            rule, fix = "every category has its attributes listed", "get category_attributes.parquet again"
            raise TableError([Complaint(place="train.csv", rule=rule, found=repr(one), fix=fix) for one in unknown])
        finder = PictureFinder(root)
        paths = [finder.find("train_images", f"{str(text).zfill(6)}.jpg") for text in table.column("id")]
        guess = [f"train_images/{str(text).zfill(6)}.jpg" for text in table.column("id")]
        columns: dict[str, list[str]] = {
            "image": [path or other for path, other in zip(paths, guess, strict=True)],
            "id": [str(text) for text in table.column("id")],
            "Category": category,
        }
        present = [name for name in named if name in {*category}]
        values: dict[str, list[str]] = {}
        for name in present:
            for slot, attribute in enumerate(named[name]):
                cells = table.column(f"attr_{slot + 1}")
                values[f"{name}: {attribute}"] = [
                    str(text) if own == name and text != _DUMMY else ""
                    for own, text in zip(category, cells, strict=True)
                ]
        kept = {column: cells for column, cells in values.items() if len({*cells} - {""}) >= 2}
        ids = safe_ids(["Category", *kept])
        attributes = [_attribute("Category", ids, category, None)]
        attributes += [_attribute(column, ids, cells, column.partition(": ")[0]) for column, cells in kept.items()]
        notices = [noted("no-split", "The test file has no labels, so it is left out; training draws a split.")]
        if none := sum(path is None for path in paths):
            notices.append(noted("no-picture", f"{none:,} of {len(paths):,} rows have no picture under train_images/."))
        notices += [
            noted("left-out", "It is left out, because its cells have fewer than two values.", column)
            for column in values
            if column not in kept
        ]
        schema = Schema(images=("image",), attributes=tuple(attributes), category="Category")
        return Released(columns={**columns, **kept}, schema=schema, notices=tuple(notices))


def _attribute(column: str, ids: dict[str, str], cells: list[str], category: str | None) -> Attribute:
    classes = tuple(sorted({*cells} - {""}))
    applies = None if category is None else (category,)
    return Attribute(column=column, id=ids[column], kind=Kind.CATEGORICAL, classes=classes, applies_to=applies)


def _attributes_of(path: Path) -> dict[str, list[str]]:
    """Category → names of its attributes, the n-th that of attr_n."""
    table = read_table(path)
    lists = next((name for name in table.columns if name.casefold() == "attribute_list"), None)
    if lists is None or "Category" not in table.cells:
        rule, fix = "it has the columns Category and Attribute_list", "get the file again"
        raise TableError([Complaint(place=str(path), rule=rule, found=", ".join(table.columns), fix=fix)])
    named = {
        str(name): str(texts).split("|")
        for name, texts in zip(table.column("Category"), table.column(lists), strict=True)
    }
    if long := {name: names for name, names in named.items() if len(names) > _SLOTS}:
        name, names = next(iter(long.items()))
        rule, fix = f"a category has at most {_SLOTS} attributes", "get the file again"
        raise TableError([Complaint(place=str(path), rule=rule, found=f"{len(names)} of {name!r}", fix=fix)])
    return named
