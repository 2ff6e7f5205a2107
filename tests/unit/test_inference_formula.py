"""Nothing in a CSV file of ours runs in a spreadsheet."""

import csv
from pathlib import Path

import pytest

from facetwise.inference import Answers, Cell
from facetwise.inference._formula import inert

HOSTILE = ["=cmd|'/c calc'!A1", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1+1", "--1", "+a", "-"]
HARMLESS = ["-5", "+5", "-5.25", "-.5", "-1e-4", "red", "a=b", "", "'=1", "2-3", "-5."]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_formula_gets_a_quote(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays(text: str) -> None:
    assert inert(text) == text


def test_predictions_as_csv_hold_no_formula(tmp_path: Path) -> None:
    rows = [
        {"image": image, "issue": None, "=A1": Cell(value, "value", 0.5), "n": Cell(-5.5, "value", None)}
        for image, value in zip(HOSTILE, reversed(HOSTILE), strict=True)
    ]
    path = Answers(("=A1", "n"), rows).write(tmp_path / "filled.csv")
    with path.open(newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    texts = [*head, *(cell for line in lines for cell in line)]
    assert [text for text in texts if text.startswith(("=", "+", "@", "\t", "\r", "\n", " ", "＝"))] == []
    assert {text for text in texts if text.startswith("-")} == {"-5.5"}
    assert [line[0] for line in lines] == [f"'{text}" for text in HOSTILE]


def test_other_formats_keep_the_text(tmp_path: Path) -> None:
    rows = [{"image": "=1", "issue": None, "a": Cell("=2", "value", 0.5)}]
    path = Answers(("a",), rows).write(tmp_path / "filled.jsonl")
    assert '"=1"' in path.read_text(encoding="utf-8")
    assert '"=2"' in path.read_text(encoding="utf-8")
