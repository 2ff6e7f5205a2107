"""A folder as it really is: every bad file has its reason, and the good ones have the features they have alone."""

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facetwise.features import Extraction, extract
from facetwise.images import REASONS
from pictures import photographs
from tiny_backbone import TinyBackbone
from tiny_graphs import tiny_graphs
from zoo import OK, draw_zoo


@pytest.fixture(scope="module")
def graphs() -> Path:
    """A cache that holds the graph of the tiny backbone, and nothing else."""
    return tiny_graphs()


def run(paths: list[Path], cache: Path, **options: object) -> Extraction:
    return extract(paths, backbone=TinyBackbone(), cache=cache, device="cpu", **options)  # ty: ignore[invalid-argument-type]


def mixed(good: list[Path], zoo: list[Path]) -> list[Path]:
    """The zoo spread evenly among the good ones."""
    every = max(1, len(good) // len(zoo))
    found, rest = [], list(zoo)
    for number, path in enumerate(good):
        found.append(path)
        if rest and number % every == 0:
            found.append(rest.pop())
    return found + rest


def check(tmp_path: Path, graphs: Path, *, good: int) -> None:
    animals = draw_zoo(tmp_path / "zoo")
    expected = {tmp_path / "zoo" / name: reason for name, reason in animals}
    sound = photographs(tmp_path / "photos", good)
    paths = mixed(sound, list(expected))
    alone = run(sound, Path(shutil.copytree(graphs, tmp_path / "alone")))
    cache = Path(shutil.copytree(graphs, tmp_path / "cache"))
    for _ in range(2):  # Again with a filled cache: the same account.
        found = run(paths, cache)
        said = dict.fromkeys(paths, OK) | {paths[at]: problem.reason for at, problem in found.problems.items()}
        assert said == {path: expected.get(path, OK) for path in paths}
        # The account adds up, and every message can be printed and says which file.
        assert len(found.problems) + len(found.positions()) == len(paths)
        assert set(Counter(said.values())) - {OK} <= set(REASONS)
        for problem in found.problems.values():
            assert problem.message.isprintable()
        at = [paths.index(path) for path in sound]
        assert found.array(at).tobytes() == alone.array().tobytes()


def test_there_are_at_most_twelve_reasons() -> None:
    assert len(REASONS) <= 12


def test_a_zoo_among_good_pictures(tmp_path: Path, graphs: Path) -> None:
    check(tmp_path, graphs, good=30)


@pytest.mark.slow
def test_a_zoo_among_a_thousand_good_pictures(tmp_path: Path, graphs: Path) -> None:
    check(tmp_path, graphs, good=1000)


def test_the_zoo_has_forty_kinds_and_most_reasons(tmp_path: Path) -> None:
    animals = draw_zoo(tmp_path / "zoo")
    assert len(animals) >= 40
    found = {reason for _, reason in animals}
    # Not to be had from a file alone: a box, a table's path, and, for root, a forbidden file.
    beyond = {"bad_box", "refused"} | ({"permission"} if hasattr(os, "geteuid") and os.geteuid() == 0 else set())
    assert found == {OK, *REASONS} - beyond


def test_turned_copies_of_one_picture_have_one_row(tmp_path: Path, graphs: Path) -> None:
    animals = draw_zoo(tmp_path / "zoo")
    turned = [tmp_path / "zoo" / name for name, _ in animals if name.startswith("turned_")]
    assert len(turned) == 8
    found = run(turned, Path(shutil.copytree(graphs, tmp_path / "cache")))
    assert len(set(found.digests)) == 8
    np.testing.assert_array_equal(found.array(), np.repeat(found.array()[:1], 8, axis=0))
    looks = found.looks()
    assert len(set(looks.hashes.tolist())) == 1
    assert [group.tolist() for group in looks.near_duplicates()] == [list(range(8))]
