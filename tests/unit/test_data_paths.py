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
    return folder


def resolve(root: Path, cell: str, **options: bool):
    paths, notices = resolve_images(Table.of({"image": [cell]}), "image", root, **options)
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


def test_notices_count_rows(root: Path) -> None:
    paths, notices = resolve_images(Table.of({"image": ["1.jpg", "8.jpg", "9.jpg", "8.jpg"]}), "image", root)
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
