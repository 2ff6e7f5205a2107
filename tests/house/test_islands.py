"""Each method is an island: one private file, one table line, a source, a test, and its name nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_sources import ROOT, Component, components, python_files, short, tree

LINES = components()
PROOFS = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("parity", "contracts")
    for path in sorted((ROOT / "tests" / folder).rglob("*.py"))
)


def _class(component: Component) -> ast.ClassDef:
    [found] = [
        node
        for node in tree(component.island).body
        if isinstance(node, ast.ClassDef) and node.name == component.class_name
    ]
    return found


def test_there_are_tables() -> None:
    assert {"BACKBONES", "TRUNKS", "HEADS", "LOSSES", "REWEIGHTING", "BALANCERS"} <= {line.table for line in LINES}


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_component_has_an_island(line: Component) -> None:
    assert line.island.name.startswith("_")
    assert line.island.parent == line.table_file.parent
    others = [other for other in LINES if other.island == line.island and other.class_name != line.class_name]
    assert others == [], "one idea per file"


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_component_names_its_source(line: Component) -> None:
    assert "Source:" in (ast.get_docstring(_class(line)) or ""), f"{short(line.island)}: no 'Source:' in the docstring"


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_component_has_a_proof(line: Component) -> None:
    named = f'"{line.name}"' in PROOFS or line.class_name in PROOFS
    assert named, f"{line} is named by no test under tests/parity or tests/contracts"


@pytest.mark.parametrize("line", LINES, ids=str)
def test_constructors_take_plain_keywords(line: Component) -> None:
    for node in _class(line).body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            assert len(node.args.args) == 1, "keyword-only arguments"
            assert node.args.vararg is None
            assert node.args.kwarg is None


def _compared_texts(node: ast.AST) -> Iterator[str]:
    """Texts that something is compared with: == and !=, in and not in, and the cases of a match."""
    if isinstance(node, ast.Compare):
        for part in (node.left, *node.comparators):
            for leaf in part.elts if isinstance(part, (ast.Tuple, ast.List, ast.Set)) else [part]:
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                    yield leaf.value
    if isinstance(node, ast.MatchValue) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        yield node.value.value


@pytest.mark.parametrize("path", python_files(), ids=short)
def test_no_branch_asks_for_a_component_by_name(path: Path) -> None:
    """Never `if balancing == "famo"`: what differs between methods is a method of the island.

    A file may compare with its own island's name; a table's file with the names in its table.
    """
    foreign = {line.name for line in LINES if path not in (line.island, line.table_file)}
    asked = [(node.lineno, text) for node in ast.walk(tree(path)) for text in _compared_texts(node) if text in foreign]
    assert asked == []
