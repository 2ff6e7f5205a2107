"""Tables of gates, attention and sharing: every row and column has the name of what it is."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.reports._diagnostic_tables import diagnostic_tables
from facetwise.schema import Attribute, Kind, Parent, Schema
from made_table import TINY, write_table


class _Tables(HTMLParser):
    """Title → rows of cell texts, the head among them, and the words above it."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.words: dict[str, str] = {}
        self.title, self.inside = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.inside = tag
        if tag == "summary":
            self.title = ""
        elif tag == "tr":
            self.tables.setdefault(self.title, []).append([])
        elif tag in ("td", "th"):
            self.tables[self.title][-1].append("")

    def handle_data(self, data: str) -> None:
        if self.inside == "summary":
            self.title = data
            self.tables[data] = []
        elif self.inside == "p":
            self.words[self.title] = data
        elif self.inside in ("td", "th"):
            self.tables[self.title][-1][-1] += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.inside = ""


def _read(html: str) -> _Tables:
    reader = _Tables()
    reader.feed(html)
    return reader


def _diagnostics(columns: list[str], experts: int) -> dict[str, object]:
    rng = np.random.default_rng(0)
    return {
        "trunk.places": list(range(1, len(columns) + 1)),
        "trunk.gate": rng.random((len(columns), experts)).tolist(),
        "trunk.gate_entropy": (np.arange(len(columns)) + 0.5).tolist(),
        "trunk.expert_similarity": np.eye(experts).tolist(),
        "facts": {
            "trunk.gate": {"about": "gates", "axes": ["attribute", "expert"]},
            "trunk.gate_entropy": {"about": "entropy of the gate (nats)", "axes": ["attribute"]},
            "trunk.expert_similarity": {"about": "how alike", "axes": ["expert", "expert"]},
        },
        "names": {"attribute": columns},
    }


def test_as_many_experts_as_attributes_are_still_experts() -> None:
    columns = [f"column {n}" for n in range(8)]
    found = _read(diagnostic_tables(_diagnostics(columns, 8))).tables
    gate, alike = found["trunk gate: gates"], found["trunk expert similarity: how alike"]
    experts = [f"expert {n}" for n in range(8)]
    assert gate[0] == ["attribute", *experts, "gate entropy"]
    assert [row[0] for row in gate[1:]] == columns
    assert [row[-1] for row in gate[1:]] == [f"{n}.50" for n in range(8)], "the entropy is a column"
    assert alike[0] == ["expert", *experts]
    assert [row[0] for row in alike[1:]] == experts


def test_facts_with_one_dimension_are_shown_without_a_table_too() -> None:
    told = {
        "adapters.0.weight_by_level": [0.25, 0.75],
        "facts": {"adapters.0.weight_by_level": {"about": "mean weight", "axes": ["level"]}},
        "names": {"level": ["middle", "last"]},
    }
    [(title, rows)] = _read(diagnostic_tables(told)).tables.items()
    assert title == "adapters.0 weight by level: mean weight"
    assert rows == [["level", "weight by level"], ["middle", "0.25"], ["last", "0.75"]]


def test_a_large_table_shows_its_largest_columns_and_says_so() -> None:
    values = np.zeros((2, 300))
    values[:, [7, 250]] = [[1.0, -2.0], [0.0, 3.0]]
    told = {"head.group_length": values.tolist(),
            "facts": {"head.group_length": {"about": "sharing", "axes": ["group", "latent"]}},
            "names": {"group": ["colour", "pattern"]}}  # fmt: skip
    reader = _read(diagnostic_tables(told))
    [(title, rows)] = reader.tables.items()
    assert len(rows[0]) == 1 + 16
    assert {"latent 7", "latent 250"} < set(rows[0])
    at = rows[0].index("latent 7")
    assert [row[at] for row in rows[1:]] == ["1.00", "·"], "what a penalty made 0 is told from what is small"
    assert "597 of 600 are exactly 0" in reader.words[title]
    assert "16 of 300 columns" in reader.words[title]


def test_a_run_from_before_has_numbers_for_names() -> None:
    """Nothing says whether 2 x 2 numbers are gates or what is alike, so nothing is claimed."""
    [(title, rows)] = _read(
        diagnostic_tables({"trunk.places": [0, 1], "trunk.gate": [[0.1, 0.9], [0.5, 0.5]]})
    ).tables.items()
    assert title.startswith("trunk gate: trained before")
    assert [row[0] for row in rows] == ["row", "row 0", "row 1"]
    assert diagnostic_tables({}) == ""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> fw.Run:
    """Gates as many as experts; a parent whose probabilities are sums has no logits, and so no gate."""
    folder = tmp_path_factory.mktemp("gates")
    table, features = write_table(folder)
    frame = pl.read_csv(table).select("image", "colour", "size", "printed")
    above = {"red": "warm", "green": "cold", "blue": "cold"}
    hue = [above.get(value or "", "") for value in frame["colour"].to_list()]
    frame.insert_column(1, pl.Series("hue", hue)).write_csv(table)
    child = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=tuple(above),
                      parent=Parent(column="hue", of=above))  # fmt: skip
    attributes = (
        Attribute(column="hue", id="a01", kind=Kind.CATEGORICAL, classes=("warm", "cold")),
        child,
        Attribute(column="size", id="a02", kind=Kind.CATEGORICAL, classes=("S", "M", "L")),
        Attribute(column="printed", id="a03", kind=Kind.BINARY, classes=("no", "yes")),
    )
    schema = Schema(images=("image",), attributes=attributes)
    settings = [*TINY, "trunk={name: mmoe, options: {experts: 3, width: 8, hidden: 8}}"]
    return fw.train(table, features=features, schema=schema, out=folder / "run", settings=settings)


def test_a_trained_run_names_its_gates(run: fw.Run) -> None:
    told = json.loads((run.path / "diagnostics.json").read_text(encoding="utf-8"))
    assert told["names"]["attribute"] == ["colour", "size", "printed"]
    assert told["facts"]["trunk.gate"]["axes"] == ["attribute", "expert"]
    found = _read((run.path / "report.html").read_text(encoding="utf-8")).tables
    [gate] = [rows for title, rows in found.items() if title.startswith("trunk gate:")]
    assert [row[0] for row in gate] == ["attribute", "colour", "size", "printed"]
    assert gate[0][1:] == ["expert 0", "expert 1", "expert 2", "gate entropy"]
    assert [float(row[4]) for row in gate[1:]] == pytest.approx(told["trunk.gate_entropy"], abs=0.006)
    [alike] = [rows for title, rows in found.items() if title.startswith("trunk expert similarity:")]
    assert [row[0] for row in alike[1:]] == ["expert 0", "expert 1", "expert 2"]


def test_a_run_from_before_still_has_a_report(run: fw.Run, tmp_path: Path) -> None:
    path = run.path / "diagnostics.json"
    kept = path.read_text(encoding="utf-8")
    old = {name: value for name, value in json.loads(kept).items() if name not in ("facts", "names")}
    path.write_text(json.dumps(old), encoding="utf-8")
    html = run.report(tmp_path / "old.html").read_text(encoding="utf-8")
    path.write_text(kept, encoding="utf-8")
    assert "trained before diagnostics said" in html
