"""The Clothing Attributes data set: 1,856 photos of people, 26 attributes of what they wear."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from facetwise.data.releases._matlab import read_matrix
from facetwise.data.releases._release import Release, Released, groups_of, missing, noted, safe_ids
from facetwise.errors import Complaint, TableError
from facetwise.schema import Attribute, Kind, Schema

__all__ = ["ClothingAttributes"]

_END = "_GT.mat"
# The groups are those of Abdulnabi et al. (2015): colours, patterns, cloth parts, appearance. Which name is in which is
# read off the names.
_GROUPS = {
    "colour": "black blue brown cyan gray green many_colors purple red white yellow",
    "pattern": "pattern_floral pattern_graphics pattern_plaid pattern_solid pattern_spot pattern_stripe",
    "cloth parts": "collar neckline necktie placket scarf sleevelength",
    "appearance": "category gender skin_exposure",
}


class ClothingAttributes(Release):
    """`images/NNNNNN.jpg` and `labels/NAME_GT.mat`, one number per picture: 1 = no, 2 = yes, NaN = nobody knows.

    An attribute with more than two numbers (the kind of garment, sleeves, neckline) becomes categorical, and its
    classes are these numbers: the files do not name them. Row n is picture n, from 1 on. Attributes stand in groups, by
    colour, pattern, cloth parts and appearance.

    Source: Chen, Gallagher and Girod (2012), "Describing Clothing by Semantic Attributes".
    """

    title: ClassVar[str] = "Clothing Attributes"
    address: ClassVar[str] = (
        "the Stanford Digital Repository (Clothing Attributes Dataset; Chen, Gallagher, Girod 2012)"
    )
    terms: ClassVar[str] = "research; see the page"
    layout: ClassVar[tuple[str, ...]] = ("images/000001.jpg ...", f"labels/NAME{_END} ...")

    def read(self, root: Path) -> Released:
        """The table; NaN stays an empty cell."""
        labels, pictures = sorted((root / "labels").glob(f"*{_END}")), root / "images"
        gone = [name for name, there in ((f"labels/*{_END}", labels), ("images/", pictures.is_dir())) if not there]
        if gone:
            raise missing(ClothingAttributes, root, gone)
        found = {path.name.removesuffix(_END): read_matrix(path).reshape(-1) for path in labels}
        rows = len(next(iter(found.values())))
        complaints = [
            Complaint(place=f"labels/{name}{_END}", rule=f"every file has {rows} numbers: whole ones from 1 on, or NaN",
                      found=f"{len(values)}, between {np.nanmin(values):g} and {np.nanmax(values):g}"
                      if np.isfinite(values).any() else "no number at all", fix="get the file again")
            for name, values in found.items()
            if len(values) != rows or not _whole(values)
        ]  # fmt: skip
        if complaints:
            raise TableError(complaints)
        columns: dict[str, list[str]] = {"image": [f"images/{row + 1:06d}.jpg" for row in range(rows)]}
        ids, attributes, several = safe_ids(found), [], []
        for name, values in found.items():
            known = sorted({int(value) for value in values[np.isfinite(values)]})
            if known[-1] <= 2:
                kind, classes = Kind.BINARY, ("no", "yes")
                texts = {1: "no", 2: "yes"}
            else:
                kind, classes = Kind.CATEGORICAL, tuple(map(str, known))
                texts = {number: str(number) for number in known}
                several.append(name)
            columns[name] = [texts[int(value)] if np.isfinite(value) else "" for value in values]
            attributes.append(Attribute(column=name, id=ids[name], kind=kind, classes=classes))
        absent = sum(not (root / path).is_file() for path in columns["image"])
        notices = [noted("no-split", "There is no published split; training draws one.")]
        if several:
            words = f"{', '.join(several)} have more than two values; their classes are the numbers in the files."
            notices.append(noted("numbered-classes", words))
        if absent:
            notices.append(noted("no-picture", f"{absent:,} of {rows:,} rows have no picture under images/."))
        schema = Schema(images=("image",), attributes=tuple(attributes), groups=groups_of(_GROUPS, found))
        return Released(columns=columns, schema=schema, notices=tuple(notices))


def _whole(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return len(known) > 0 and not np.isinf(values).any() and bool((known >= 1).all() and (known == known.round()).all())
