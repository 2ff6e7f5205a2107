"""Animals with Attributes 2: 37,322 pictures of 50 animals, 85 yes-or-no attributes of each animal."""

from pathlib import Path
from typing import ClassVar

from facetwise.data.releases._release import PictureFinder, Release, Released, groups_of, missing, noted, safe_ids
from facetwise.errors import Complaint, TableError
from facetwise.schema import Attribute, Kind, Schema

__all__ = ["Awa2"]

# Every fifth training class, in the order of the file, is for validation: 8 of 40.
_EVERY = 5
# By what they speak of, as groups of attributes are formed in the literature on sharing between them (Jayaraman, Sha,
# Grauman 2014); the lists are read off the 85 names.
_GROUPS = {
    "colour": "black white blue brown gray orange red yellow",
    "texture": "patches spots stripes furry hairless toughskin",
    "shape": "big small bulbous lean",
    "parts": "flippers hands hooves pads paws longleg longneck tail chewteeth meatteeth buckteeth strainteeth horns "
    "claws tusks",
    "movement": "flys hops swims tunnels walks fast slow strong weak muscle bipedal quadrapedal agility",
    "behaviour": "smelly active inactive nocturnal hibernate fierce timid smart group solitary nestspot domestic",
    "nutrition": "fish meat plankton vegetation insects forager grazer hunter scavenger skimmer stalker",
    "habitat": "newworld oldworld arctic coastal desert bush plains forest fields jungle mountains ocean ground water "
    "tree cave",
}


class Awa2(Release):
    """`JPEGImages/CLASS/*.jpg`, `classes.txt`, `predicates.txt`, `predicate-matrix-binary.txt`, `trainclasses.txt`.

    The attributes are said of the 50 classes, not of the pictures: two pictures of one class have the same labels, so
    a split by picture would ask for what training has seen. The split is by class, as published: the 10 classes of
    `testclasses.txt` are the test, every fifth class of `trainclasses.txt` is for validation. `class` is the group, and
    no attribute: its test classes are never seen in training. Attributes stand in groups, by colour, texture, shape,
    parts, movement, behaviour, nutrition and habitat.

    Source: Xian, Lampert, Schiele and Akata (2018), "Zero-Shot Learning: A Comprehensive Evaluation of the Good, the
    Bad and the Ugly".
    """

    title: ClassVar[str] = "Animals with Attributes 2"
    address: ClassVar[str] = "https://cvml.ista.ac.at/AwA2/"
    terms: ClassVar[str] = "pictures under free licences, one each; see licenses/ of the release"
    layout: ClassVar[tuple[str, ...]] = (
        "JPEGImages/CLASS/*.jpg", "classes.txt", "predicates.txt", "predicate-matrix-binary.txt", "trainclasses.txt",
        "testclasses.txt",
    )  # fmt: skip

    def read(self, root: Path) -> Released:
        """One row per picture, sides by class."""
        gone = [name for name in self.layout[1:] if not (root / name).is_file()]
        if not (root / "JPEGImages").is_dir():
            gone.append("JPEGImages/")
        if gone:
            raise missing(Awa2, root, gone)
        classes, predicates = _names(root / "classes.txt"), _names(root / "predicates.txt")
        matrix = [line.split() for line in _lines(root / "predicate-matrix-binary.txt")]
        if len(matrix) != len(classes) or any(len(row) != len(predicates) or {*row} - {"0", "1"} for row in matrix):
            rule = f"a row per class ({len(classes)}) with 0 or 1 per attribute ({len(predicates)})"
            found = f"{len(matrix)} rows with {sorted({len(row) for row in matrix})} entries"
            place, fix = str(root / "predicate-matrix-binary.txt"), "get the file again"
            raise TableError([Complaint(place=place, rule=rule, found=found, fix=fix)])
        said = dict(zip(classes, matrix, strict=True))
        side = _sides(root, classes)
        pictures = PictureFinder(root / "JPEGImages")
        columns: dict[str, list[str]] = {"image": [], "class": [], "split": [], **{name: [] for name in predicates}}
        other = 0
        for path in pictures.paths:
            name = path.partition("/")[0]
            if name not in side:
                other += 1
                continue
            columns["image"].append(f"JPEGImages/{path}")
            columns["class"].append(name)
            columns["split"].append(side[name])
            for predicate, value in zip(predicates, said[name], strict=True):
                columns[predicate].append("yes" if value == "1" else "no")
        if not columns["image"]:
            raise missing(Awa2, root, ["picture in JPEGImages/CLASS/"])
        ids = safe_ids(predicates)
        attributes = [Attribute(column=n, id=ids[n], kind=Kind.BINARY, classes=("no", "yes")) for n in predicates]
        words = "Labels are per class, so the split is by class: the published test classes, every fifth training class"
        notices = [noted("split-by-class", f"{words} for validation.")]
        if other:
            notices.append(
                noted("no-class", f"{other:,} pictures lie in folders that are no class; they are left out.")
            )
        groups = groups_of(_GROUPS, predicates)
        schema = Schema(images=("image",), attributes=tuple(attributes), group="class", groups=groups)
        return Released(columns=columns, schema=schema, notices=tuple(notices))


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _names(path: Path) -> list[str]:
    """`  1<tab>antelope` → antelope; the order of the lines is that of the matrix."""
    return [line.split(maxsplit=1)[-1] for line in _lines(path)]


def _sides(root: Path, classes: list[str]) -> dict[str, str]:
    train, test = _lines(root / "trainclasses.txt"), _lines(root / "testclasses.txt")
    unknown = sorted({*train, *test} - {*classes})
    if unknown or {*train} & {*test}:
        rule, fix = "training and test classes are in classes.txt, each in one of the two files", "get the files again"
        found = f"{unknown[0]!r}" if unknown else f"{min({*train} & {*test})!r} in both"
        raise TableError([Complaint(place=str(root), rule=rule, found=found, fix=fix)])
    val = train[_EVERY - 1 :: _EVERY]
    return {**dict.fromkeys(train, "train"), **dict.fromkeys(val, "val"), **dict.fromkeys(test, "test")}
