"""Published data sets in small made copies of their real layouts: tables and schemas that training reads."""

import struct
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import facetwise as fw
from facetwise.cli import run
from facetwise.data import read_table
from facetwise.data.releases import RELEASES, read_matrix
from facetwise.data.releases._awa2 import _GROUPS as _AWA2_GROUPS
from facetwise.data.releases._clothing_attributes import _GROUPS as _CLOTHING_GROUPS
from facetwise.errors import UserError
from facetwise.schema import Kind, read_schema

HABITAT = ("Tropical", "Temperate", "Subtropical", "Boreal", "Polar", "freshwater", "saltwater", "brackish")


def _picture(path: Path, shade: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade % 256, 40, 200)).save(path)


def _mat(path: Path, values: np.ndarray, *, packed: bool = True, order: str = "<") -> None:
    """A MATLAB v5 file by the book, written apart from the reader: header, one double matrix, compressed or not."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(f"{order}II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    flags = element(6, struct.pack(f"{order}II", 6, 0))
    shape = element(5, struct.pack(f"{order}{values.ndim}i", *values.shape))
    name = struct.pack(f"{order}HH", *((1, 2) if order == "<" else (2, 1))) + b"GT\0\0"  # the short form
    body = flags + shape + name + element(9, values.astype(f"{order}f8").tobytes(order="F"))
    whole = element(14, body)
    if packed:
        whole = struct.pack(f"{order}II", 15, len(squeezed := zlib.compress(whole))) + squeezed
    mark = b"IM" if order == "<" else b"MI"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x0100) + mark + whole)


def make_clothing(root: Path, rows: int = 24) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {"black": rng.integers(1, 3, rows), "scarf": rng.integers(1, 3, rows), "neckline": rng.integers(1, 4, rows)}
    made = {name: values.astype(float) for name, values in made.items()}
    made["black"][:4], made["neckline"][:3] = np.nan, (1.0, 2.0, 3.0)
    made["scarf"][5:7] = 1.0, 2.0
    for place, (name, values) in enumerate(made.items()):
        _mat(root / "labels" / f"{name}_GT.mat", values[:, None], packed=place != 1, order="<" if place != 2 else ">")
    for row in range(rows):
        _picture(root / "images" / f"{row + 1:06d}.jpg", row)
    return made


def make_awa2(root: Path) -> None:
    names = [f"animal+{letter}" for letter in "abcdefgh"]
    root.mkdir(parents=True)
    (root / "classes.txt").write_text("".join(f"{n + 1:>6}\t{name}\n" for n, name in enumerate(names)))
    (root / "predicates.txt").write_text("     1\tblack\n     2\tswims\n     3\tlongneck\n")
    rows = ["1 0 0", "0 1 0", "1 1 0", "0 0 1", "1 0 1", "0 1 1", "1 1 1", "0 0 0"]
    (root / "predicate-matrix-binary.txt").write_text("\n".join(rows) + "\n")
    (root / "trainclasses.txt").write_text("\n".join(names[:6]) + "\n")
    (root / "testclasses.txt").write_text("\n".join(names[6:]) + "\n")
    for number, name in enumerate(names):
        for copy in range(3):
            _picture(root / "JPEGImages" / name / f"{name}_{copy:05d}.jpg", number * 30 + copy)


def make_meesho(root: Path, rows: int = 60) -> None:
    rng = np.random.default_rng(0)
    root.mkdir(parents=True)
    lists = {"Men Tshirts": ["color", "neck"], "Kurtis": ["color", "ocassion", "length"]}
    pl.DataFrame(
        {"Category": list(lists), "No_of_attribute": [2, 3], "Attribute_list": list(lists.values())}
    ).write_parquet(root / "category_attributes.parquet")
    head = ["id", "Category", "len", *(f"attr_{n + 1}" for n in range(10))]
    lines = [",".join(head)]
    for row in range(rows):
        category = list(lists)[row % 2]
        values = [["default", "black"][rng.integers(2)], ["polo", "round"][rng.integers(2)]]
        values += [["short", "long"][rng.integers(2)]] if category == "Kurtis" else []
        values[1] = "" if row % 7 == 0 else values[1]
        lines.append(",".join([str(row), category, str(len(values)), *values, *["dummy_value"] * (10 - len(values))]))
        if row:
            _picture(root / "train_images" / f"{row:06d}.jpg", row)
    (root / "train.csv").write_text("\n".join(lines) + "\n")


def make_fishnet(root: Path, rows: int = 80) -> None:
    rng = np.random.default_rng(0)
    families = {"Gobiidae": "Gobiiformes", "Labridae": "Eupercaria/misc", "Scaridae": "Eupercaria/misc"}
    head = ["", "Unnamed: 0", "species", "image", "SpecCode", "Family", "Order", "source", "Folder", "Troph",
            "FeedingPath", *HABITAT, "NewOrder", "Frequency"]  # fmt: skip
    lines = {"train": [",".join(head)], "test": [",".join(head)]}
    for row in range(rows):
        family = list(families)[row % 3]
        image = f"{row:04x}.jpg"
        _picture(root / "Image_Library" / family / image, row * 3)
        flags = [""] * 8 if row % 9 == 0 else [str(float(n == row % 8 or rng.random() < 0.3)) for n in range(8)]
        troph = "" if row % 9 == 0 else f"{2 + 3 * rng.random():.2f}"
        cells = [str(row), str(row), "x y", f"/somewhere/else/{image}", "7", family, families[family], "inat", family,
                 troph, ["benthic", "pelagic"][row % 2], *flags, "", "3"]  # fmt: skip
        lines["test" if row % 4 == 3 else "train"].append(",".join(cells))
    (root / "anns").mkdir()
    for side, text in lines.items():
        (root / "anns" / f"{side}.csv").write_text("\n".join(text) + "\n")


MAKERS = {"fishnet": make_fishnet, "meesho": make_meesho, "awa2": make_awa2, "clothing-attributes": make_clothing}


def test_every_release_has_a_made_copy() -> None:
    assert MAKERS.keys() == RELEASES.keys() == {"fishnet", "meesho", "awa2", "clothing-attributes"}


@pytest.mark.parametrize("name", RELEASES)
def test_the_table_trains(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / "files", tmp_path / "made"
    root.mkdir() if name == "fishnet" else None
    MAKERS[name](root)
    assert run(["prepare", name, "--root", str(root), "--out", str(out)]) == 0, capsys.readouterr().err
    table = read_table(out / "table.csv")
    np.save(tmp_path / "f.npy", np.random.default_rng(0).normal(size=(len(table), 6)).astype(np.float32))
    words = ["train", out / "table.csv", "--schema", out / "schema.yaml", "--features", tmp_path / "f.npy",
             "--images", root, "--epochs", "1", "--out", tmp_path / "run"]  # fmt: skip
    assert run([str(word) for word in words]) == 0, capsys.readouterr().err
    trained = fw.load(tmp_path / "run")
    assert [one.column for one in trained.schema.attributes] == [
        one.column for one in read_schema(out / "schema.yaml").attributes
    ]
    # What is there is never replaced in silence.
    assert run(["prepare", name, "--root", str(root), "--out", str(out)]) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("clothing-attributes", 3, {"colour": ("black",), "cloth parts": ("neckline", "scarf")}),
        ("awa2", 3, {"colour": ("black",), "parts": ("longneck",), "movement": ("swims",)}),
    ],
)
def test_attributes_that_may_share_stand_in_groups(
    name: str, count: int, expected: dict[str, tuple[str, ...]], tmp_path: Path
) -> None:
    MAKERS[name](tmp_path / "files")
    fw.prepare(name, tmp_path / "files", out=tmp_path / "made")
    schema = read_schema(tmp_path / "made" / "schema.yaml")
    assert len(schema.attributes) == count
    assert schema.groups == expected


# The names of the files under labels/, as public code that reads the data set lists them.
CLOTHING = (
    "black blue brown category collar cyan gender gray green many_colors neckline necktie pattern_floral "
    "pattern_graphics pattern_plaid pattern_solid pattern_spot pattern_stripe placket purple red scarf skin_exposure "
    "sleevelength white yellow"
)


@pytest.mark.parametrize(
    ("groups", "count", "sizes"),
    [(_CLOTHING_GROUPS, 26, [11, 6, 6, 3]), (_AWA2_GROUPS, 85, [8, 6, 4, 15, 13, 12, 11, 16])],
)
def test_the_groups_hold_every_attribute_once(groups: dict[str, str], count: int, sizes: list[int]) -> None:
    names = [name for line in groups.values() for name in line.split()]
    assert [len(line.split()) for line in groups.values()] == sizes
    assert len(names) == len(set(names)) == count
    assert groups is not _CLOTHING_GROUPS or sorted(names) == sorted(CLOTHING.split())


@pytest.mark.parametrize("name", RELEASES)
def test_missing_files_are_all_named_with_the_place_they_come_from(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        fw.prepare(name, tmp_path, out=tmp_path / "made")
    assert RELEASES[name].address in str(caught.value)
    assert not (tmp_path / "made").exists()


def test_without_a_folder_the_command_says_where_the_files_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prepare", "awa2"]) == 0
    said = capsys.readouterr().out
    assert "https://cvml.ista.ac.at/AwA2/" in said
    assert "predicates.txt" in said
    assert run(["prepare", "awa3"]) == 2
    assert "awa2" in capsys.readouterr().err


def test_clothing_attributes_keep_unknown_unknown(tmp_path: Path) -> None:
    truth = make_clothing(tmp_path)
    made = fw.prepare("clothing-attributes", tmp_path, out=tmp_path / "made")
    table = read_table(made.table)
    assert table.column("image")[0] == "images/000001.jpg"
    words = {1.0: "no", 2.0: "yes"}
    assert table.column("black").tolist() == ["" if np.isnan(v) else words[v] for v in truth["black"]]
    assert table.column("scarf").tolist() == [words[v] for v in truth["scarf"]]
    assert table.column("neckline").tolist() == [str(int(v)) for v in truth["neckline"]]
    assert made.schema.attribute("black").kind is Kind.BINARY
    assert made.schema.attribute("neckline").classes == ("1", "2", "3")


def test_matlab_files_of_scipy_are_read(tmp_path: Path) -> None:
    io = pytest.importorskip("scipy.io")
    values = np.array([[1.0, np.nan, 2.0], [2.0, 1.0, np.nan]])
    for number, kind in enumerate((np.float64, np.float32, np.uint8, np.int16)):
        given = np.nan_to_num(values, nan=3.0) if np.issubdtype(kind, np.integer) else values
        for packed in (False, True):
            path = tmp_path / f"{number}{packed}.mat"
            io.savemat(path, {"note": "a text first", "GT": given.astype(kind)}, do_compression=packed)
            np.testing.assert_array_equal(read_matrix(path), given)


@pytest.mark.parametrize("cut", [0, 60, 130, 180, -9])
def test_damaged_matlab_files_are_user_errors(cut: int, tmp_path: Path) -> None:
    _mat(tmp_path / "a.mat", np.ones((40, 1)), packed=False)
    (tmp_path / "a.mat").write_bytes((tmp_path / "a.mat").read_bytes()[:cut])
    with pytest.raises(UserError, match="Fix:"):
        read_matrix(tmp_path / "a.mat")


def test_matlab_7_3_is_said_to_be_another_format(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512))
    with pytest.raises(UserError, match=r"7\.3"):
        read_matrix(tmp_path / "a.mat")


def test_awa2_is_split_by_class(tmp_path: Path) -> None:
    make_awa2(tmp_path / "files")
    made = fw.prepare("awa2", tmp_path / "files", out=tmp_path / "made")
    table = read_table(made.table)
    sides = {}
    for name, side in zip(table.column("class"), table.column("split"), strict=True):
        sides.setdefault(name, set()).add(side)
    assert all(len(side) == 1 for side in sides.values()), "pictures of one class have the same labels"
    assert [next(iter(sides[f"animal+{letter}"])) for letter in "abcdefgh"] == [
        *["train"] * 4, "val", "train", "test", "test"
    ]  # fmt: skip
    assert any("per class" in str(notice) for notice in made.notices)
    assert "class" not in made.schema.index
    assert made.schema.group == "class"
    row = table.column("class").tolist().index("animal+c")
    assert [table.column(name)[row] for name in ("black", "swims", "longneck")] == ["yes", "yes", "no"]


def test_meesho_columns_are_of_one_category_and_keep_their_own_labels(tmp_path: Path) -> None:
    """A public service pools label texts over attributes: "default" of a colour and of a pattern become one output."""
    make_meesho(tmp_path / "files")
    made = fw.prepare("meesho", tmp_path / "files", out=tmp_path / "made")
    table = read_table(made.table)
    assert list(made.schema.index) == [
        "Category", "Men Tshirts: color", "Men Tshirts: neck", "Kurtis: color", "Kurtis: ocassion", "Kurtis: length"
    ]  # fmt: skip
    for attribute in made.schema.attributes[1:]:
        category = attribute.column.partition(": ")[0]
        assert attribute.applies_to == (category,)
        others = [own != category for own in table.column("Category")]
        assert not any(table.column(attribute.column)[others]), "the cells of another category"
        assert "dummy_value" not in attribute.classes
    assert made.schema.attribute("Kurtis: color").classes == ("black", "default")
    assert any("1 of 60 rows have no picture" in str(notice) for notice in made.notices)


def test_fishnet_leaves_missing_habitats_unknown(tmp_path: Path) -> None:
    """A published pipeline sets missing habitats to 0 and counts them, in training and in the reported test score."""
    make_fishnet(tmp_path)
    made = fw.prepare("fishnet", tmp_path, out=tmp_path / "made")
    table = read_table(made.table)
    assert sum(text == "" for text in table.column("habitat")) == 9
    assert all(text == "" for text, number in zip(table.column("habitat"), table.column("trophic_level"), strict=True)
               if number == "")  # fmt: skip
    assert {*table.column("split")} == {"train", "test"}, "no validation is published; training draws it"
    assert {*table.column("order")} == {"Gobiiformes", "Eupercaria"}, "what stands before the slash"
    assert (tmp_path / table.column("image")[0]).is_file()
    family = made.schema.attribute("family")
    assert family.parent is not None
    assert family.parent.of == {"Gobiidae": "Gobiiformes", "Labridae": "Eupercaria", "Scaridae": "Eupercaria"}
    assert made.schema.attribute("habitat").kind is Kind.MULTILABEL
    assert made.schema.attribute("trophic_level").kind is Kind.NUMERIC
