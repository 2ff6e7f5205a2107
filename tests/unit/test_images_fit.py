"""Squares from pictures, bytes from paths."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facetwise.errors import ImageError, UserError
from facetwise.images import FIT_MODES, digest, fit, read_bytes
from pictures import encode, photograph


@pytest.mark.parametrize("mode", FIT_MODES)
@pytest.mark.parametrize("shape", [(48, 32), (32, 48), (8, 8), (1, 1), (1, 3000), (3000, 1)])
def test_any_shape_becomes_a_square(mode: str, shape: tuple[int, int]) -> None:
    found = fit(photograph(0, width=shape[0], height=shape[1]), size=24, mode=mode)  # ty: ignore[invalid-argument-type]
    assert found.shape == (24, 24, 3)
    assert found.dtype == np.uint8


def test_squash_keeps_the_whole_picture() -> None:
    halves = Image.new("RGB", (64, 16), (255, 0, 0))
    halves.paste((0, 0, 255), (32, 0, 64, 16))
    found = fit(halves, size=16, mode="squash")
    assert found[0, 0].tolist() == [255, 0, 0]
    assert found[-1, -1].tolist() == [0, 0, 255]


def test_crop_keeps_the_middle() -> None:
    stripes = Image.new("RGB", (96, 32), (255, 0, 0))
    stripes.paste((0, 255, 0), (32, 0, 64, 32))
    found = fit(stripes, size=16, mode="crop")
    assert (found == np.array([0, 255, 0])).all()


def test_crop_agrees_with_resizing_the_whole_picture_first() -> None:
    smooth = photograph(3, width=6, height=4).resize((512, 384), Image.Resampling.BICUBIC)
    whole = smooth.resize((round(512 * 256 / 384), 256), Image.Resampling.BICUBIC)
    left, top = (whole.width - 224) // 2, (whole.height - 224) // 2
    expected = np.asarray(whole.crop((left, top, left + 224, top + 224))).astype(int)
    found = fit(smooth, size=224, mode="crop").astype(int)
    assert np.abs(found - expected).mean() < 1  # Half a pixel of offset, where the other way rounds.


def test_pad_keeps_proportions_on_white() -> None:
    found = fit(Image.new("RGB", (40, 20), (9, 9, 9)), size=16, mode="pad")
    assert (found[:4] == 255).all()
    assert (found[12:] == 255).all()
    assert (found[4:12] == 9).all()


def test_an_unknown_mode_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean squash"):
        fit(photograph(0), size=8, mode="squas")  # ty: ignore[invalid-argument-type]


def reason(path: Path, **options: int) -> str:
    with pytest.raises(ImageError) as caught:
        read_bytes(path, **options)
    return caught.value.reason


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    assert reason(tmp_path / "absent.jpg") == "missing"
    assert reason(tmp_path / "a\x00b.jpg") == "missing"
    assert reason(tmp_path) == "not_a_file"
    (tmp_path / "empty.jpg").touch()
    assert reason(tmp_path / "empty.jpg") == "empty"
    assert reason(tmp_path / "empty.jpg" / "inside.jpg") == "missing"
    (tmp_path / "long.jpg").write_bytes(b"x" * 11)
    assert reason(tmp_path / "long.jpg", max_bytes=10) == "too_large"
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert reason(tmp_path / "loop.jpg") == "unreadable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason(tmp_path / "pipe.jpg") == "not_a_file"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the administrator may read everything")
def test_a_forbidden_file_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(b"x")
    path.chmod(0)
    assert reason(path) == "permission"


def test_names_with_spaces_and_letters_of_any_script_are_read(tmp_path: Path) -> None:
    data = encode(photograph(0), "PNG")
    path = tmp_path / "été 写真\n.png"
    path.write_bytes(data)
    assert digest(read_bytes(path)) == digest(data)
