"""Cells to files: found where they are, and never outside the folder."""

from pathlib import Path

import pytest

from facetwise.data import Table, list_folder, resolve_images
from facetwise.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("1.jpg", "sub/2.PNG", "sub/deep/3.webp", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "linked").symlink_to(tmp_path)
    return folder


def resolve(root: Path, cell: str, **options: bool):
    paths, notices, _ = resolve_images(Table.of({"image": [cell]}), "image", root, **options)
    return paths[0], [notice.code for notice in notices]


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("1.jpg", "1.jpg"),
        ("./sub/2.PNG", "sub/2.PNG"),
        ("photos/1.jpg", "1.jpg"),
        ("sub\\deep\\3.webp", "sub/deep/3.webp"),
        ("1", "1.jpg"),
        ("sub/deep/3", "sub/deep/3.webp"),
    ],
)
def test_found(root: Path, cell: str, found: str) -> None:
    path, notices = resolve(root, cell)
    assert path is not None
    assert path.resolve() == (root / found).resolve()
    assert not notices


def test_found_by_name_is_said(root: Path) -> None:
    path, notices = resolve(root, "elsewhere/3.webp")
    assert path == root / "sub/deep/3.webp"
    assert notices == ["image-by-name"]


@pytest.mark.parametrize(
    "cell",
    [
        "../secret.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://example.org/a.jpg",
        "\\\\host\\a.jpg",
        "C:\\a.jpg",
        "link.jpg",
        "sub/../../secret.jpg",
        "a\0.jpg",
        "../nowhere.jpg",
        "//host/share/a.jpg",
        "~/a.jpg",
        "~root/a.jpg",
        "s3://bucket/a.jpg",
        "data:/a.jpg",
        "linked/secret.jpg",
    ],
)
def test_refused(root: Path, cell: str) -> None:
    assert resolve(root, cell) == (None, ["image-refused"])


def test_missing_and_empty(root: Path) -> None:
    assert resolve(root, "9.jpg") == (None, ["image-missing"])
    assert resolve(root, "") == (None, ["image-empty"])
    assert resolve(root, "x" * 5000) == (None, ["image-missing"])


def test_outside_only_when_allowed(root: Path) -> None:
    path, notices = resolve(root, "../secret.jpg", allow_outside=True)
    assert path is not None
    assert not notices


def test_an_absolute_path_inside_is_fine(root: Path) -> None:
    assert resolve(root, str(root / "1.jpg")) == (root / "1.jpg", [])


@pytest.mark.parametrize("cell", ["1.JPG", "Sub/2.png", "SUB\\DEEP\\3.WEBP", "1.jpeg", "photos/sub/2.png", "./1.Jpg"])
def test_capitals_and_endings_are_mended_and_said(root: Path, cell: str) -> None:
    path, notices = resolve(root, cell)
    assert path is not None
    assert notices == ["image-by-spelling"]


def test_what_is_missing_names_the_nearest(root: Path) -> None:
    (root / "sub" / "shirt_0012.jpg").write_bytes(b"x")
    table = Table.of({"image": ["sub/shirt_012.jpg", "shrt_0012.jpg", "zzz", "1.jpg"]})
    paths, notices, _ = resolve_images(table, "image", root)
    assert paths[:3] == [None] * 3
    assert "for 'sub/shirt_012.jpg' 'sub/shirt_0012.jpg'" in notices[0].message
    assert "for 'shrt_0012.jpg' 'sub/shirt_0012.jpg'" in notices[0].message


def test_two_files_that_differ_in_capitals_alone_are_not_guessed_between(root: Path) -> None:
    (root / "Twin.jpg").write_bytes(b"x")
    (root / "twin.jpg").write_bytes(b"x")
    assert resolve(root, "TWIN.jpg") == (None, ["image-missing"])
    assert resolve(root, "twin.jpg") == (root / "twin.jpg", [])


def test_every_refused_row_is_counted_at_once(root: Path) -> None:
    cells = ["../secret.jpg", "1.jpg", "/etc/passwd", "http://x/a.jpg", "C:\\a.jpg", "~/a.jpg"]
    paths, [notice], _ = resolve_images(Table.of({"image": cells}), "image", root)
    assert [path is not None for path in paths] == [False, True, False, False, False, False]
    assert notice.rows == (1, 3, 4, 5, 6)
    assert "5 of 6 rows" in notice.message


def test_notices_count_rows(root: Path) -> None:
    paths, notices, _ = resolve_images(Table.of({"image": ["1.jpg", "8.jpg", "9.jpg", "8.jpg"]}), "image", root)
    assert [path is None for path in paths] == [False, True, True, True]
    assert notices[0].rows == (2, 3, 4)
    assert "3 of 4 rows" in notices[0].message


def test_list_folder(root: Path) -> None:
    assert [str(path.relative_to(root)) for path in list_folder(root)] == [
        "1.jpg",
        "link.jpg",
        "sub/2.PNG",
        "sub/deep/3.webp",
    ]
    with pytest.raises(UserError):
        list_folder(root / "1.jpg")


@pytest.mark.parametrize("base", ["photos", "."])
def test_a_hint_names_the_whole_path(root: Path, monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.chdir(root.parent if base == "photos" else root)
    (root / "sub" / "summer.jpg").write_bytes(b"x")
    (root / "winter.jpg").write_bytes(b"x")
    hints = [
        resolve_images(Table.of({"image": [cell]}), "image", Path(base))[1][0].message
        for cell in ("sub/sumer.jpg", "wintr.jpg")
    ]
    assert "Nearest: for 'sub/sumer.jpg' 'sub/summer.jpg'" in hints[0]
    assert "Nearest: for 'wintr.jpg' 'winter.jpg'" in hints[1]


def test_capitals_are_forgiven_below_the_folder_where_one_stands(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    path, codes = resolve(Path(), "SUB/2.png")
    assert (path, codes) == (Path("sub/2.PNG"), ["image-by-spelling"])


@pytest.mark.parametrize("cell", ["53720.jpg", "img_12.jpg"])
def test_another_number_is_no_slip_of_the_pen(root: Path, cell: str) -> None:
    for name in ("15306.jpg", "53721.jpg", "img_13.jpg"):
        (root / name).write_bytes(b"x")
    [notice] = resolve_images(Table.of({"image": [cell]}), "image", root)[1]
    assert "Nearest" not in notice.message
    (root / "img_0012.jpg").write_bytes(b"x")
    [notice] = resolve_images(Table.of({"image": ["img_12.jpg"]}), "image", root)[1]
    assert "'img_0012.jpg'" in notice.message, "the same number, spelled otherwise"
