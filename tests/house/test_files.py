"""Small files, honest names, a word at the top of every one."""

import ast
import re

import pytest
from house_sources import PACKAGE, ROOT, project_files, python_files, short, tree

MAX_LINES = 400
# Names that say nothing about what is inside; of 37 circles between rooms found in 27 projects, 16 ran through one.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "tools", "base", "core"}

# Built from pieces, so that this file does not contain what it forbids.
HOSTS = ["py" + "pi.org", "python" + "hosted.org", "download.py" + "torch.org", "anaconda" + ".org", "conda" + ".io"]
MACHINE = [rf"(?<![\w.])/{top}/" for top in ("work", "root", "home", "Users")]


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    everything = [*python_files(), *python_files(ROOT / "tests"), *python_files(ROOT / "benchmarks")]
    lengths = {short(path): len(path.read_text(encoding="utf-8").splitlines()) for path in everything}
    assert {name: count for name, count in lengths.items() if count > MAX_LINES} == {}


def test_no_room_is_named_after_nothing() -> None:
    names = {part.strip("_") for path in python_files() for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert names & EMPTY_NAMES == set()


@pytest.mark.parametrize("path", python_files(), ids=short)
def test_every_module_says_what_it_is(path) -> None:
    assert ast.get_docstring(tree(path)), f"{short(path)} has no docstring"


@pytest.mark.parametrize("forbidden", [*map(re.escape, HOSTS), *MACHINE])
def test_no_registry_and_no_machine_is_named(forbidden: str) -> None:
    pattern = re.compile(forbidden)
    hits = []
    for path in project_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        hits += [f"{short(path)}:{number}" for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    assert hits == []


def test_no_constraint_names_an_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if line and not re.fullmatch(r"#.*|[a-z0-9][a-z0-9._-]*==[\w.+!]+", line)]
    assert odd == []
    assert [line for line in lines if "+cpu" in line or "+cu" in line] == []
