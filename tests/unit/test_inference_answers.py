"""Decisions as a person reads them, and the files they are written to."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from facetwise.decisions import ABSTAINED, Decisions, decide, scores_from_logits
from facetwise.errors import UserError
from facetwise.inference import Answers, answers_from
from facetwise.schema import VALUE, Kind
from made_facets import made_labels, made_logits, made_scales, made_schema

SCHEMA = made_schema()
ITEMS = 12


def _decisions() -> Decisions:
    scales = made_scales(SCHEMA, made_labels(SCHEMA, 60))
    decisions = decide(SCHEMA, *scores_from_logits(SCHEMA, scales, made_logits(SCHEMA, ITEMS).numpy()))
    state = decisions.state.copy()
    state[0] = ABSTAINED
    return replace(decisions, state=state)


def _answers() -> tuple[Answers, Decisions]:
    decisions = _decisions()
    issues = [None] * (ITEMS + 2)
    issues[3], issues[7] = "truncated", "missing"
    return answers_from(SCHEMA, [f"p{n}.jpg" for n in range(ITEMS + 2)], issues, decisions), decisions


def test_one_row_per_image_in_order() -> None:
    answers, decisions = _answers()
    assert [row["image"] for row in answers.rows] == [f"p{n}.jpg" for n in range(ITEMS + 2)]
    readable = [row for row in answers.rows if row["issue"] is None]
    assert [n for n, row in enumerate(answers.rows) if row["issue"]] == [3, 7]
    assert all(set(row) == {"image", "issue"} for row in answers.rows if row["issue"])
    for n, row in enumerate(readable):
        for place, attribute in enumerate(SCHEMA.attributes):
            cell = row[attribute.column]
            if decisions.state[n, place] != VALUE:
                assert cell.value is None
            elif attribute.kind is Kind.NUMERIC:
                assert cell.value == decisions.number[n, place]
                assert cell.confidence is None
            elif attribute.kind is Kind.MULTILABEL:
                block = SCHEMA.layout().blocks[place]
                assert [name in cell.value for name in attribute.classes] == (
                    decisions.members[n, block.scores] == 1
                ).tolist()
            else:
                assert cell.value == attribute.classes[decisions.index[n, place]]
    assert readable[0]["colour"].state == "abstained"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_files_say_the_same(tmp_path: Path, suffix: str) -> None:
    answers, _ = _answers()
    path = answers.write(tmp_path / f"filled{suffix}")
    if suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert rows == answers.flat()
        return
    frame = pl.read_csv(path, infer_schema=False) if suffix == ".csv" else pl.read_parquet(path)
    assert frame.columns == list(answers.flat()[0])
    assert frame["image"].to_list() == [row["image"] for row in answers.rows]
    for line, row in zip(frame.iter_rows(named=True), answers.flat(), strict=True):
        for column in ("colour", "waterproof", "heel height"):
            assert (line[column] or None) == row[column]
        if row["price"] is not None:
            assert float(line["price"]) == pytest.approx(row["price"])


def test_confidences_of_a_csv_have_six_digits(tmp_path: Path) -> None:
    answers, _ = _answers()
    frame = pl.read_csv(answers.write(tmp_path / "filled.csv"), infer_schema=False)
    told = [text for column in frame.columns if column.endswith(":confidence") for text in frame[column] if text]
    assert any(len(text) == len("0.") + 6 for text in told)
    assert [text for text in told if len(text.split("e")[0].replace(".", "").lstrip("0")) > 6] == []
    whole = pl.read_parquet(answers.write(tmp_path / "filled.parquet"))
    assert whole["colour:confidence"].to_list() == [row["colour:confidence"] for row in answers.flat()]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_nothing_readable_can_be_written(tmp_path: Path, suffix: str) -> None:
    nothing = _decisions().take(np.array([], dtype=np.int64))
    for images in ([], ["a.jpg", "b.jpg"]):
        answers = answers_from(SCHEMA, images, ["missing"] * len(images), nothing)
        assert answers.write(tmp_path / f"filled{suffix}").is_file()


def test_a_number_in_a_late_row_is_a_number(tmp_path: Path) -> None:
    """The first rows being unreadable does not decide about a column."""
    answers = answers_from(
        SCHEMA, [f"{n}" for n in range(ITEMS + 200)], ["missing"] * 200 + [None] * ITEMS, _decisions()
    )
    frame = pl.read_parquet(answers.write(tmp_path / "filled.parquet"))
    assert frame["price"].dtype == pl.Float64
    assert frame["price"].drop_nulls().len() > 0


def test_a_spreadsheet_runs_no_formula(tmp_path: Path) -> None:
    answers = answers_from(
        SCHEMA, ["=cmd()", "-1.jpg", "+x", "@y"], ["missing"] * 4, _decisions().take(np.array([], dtype=np.int64))
    )
    frame = pl.read_csv(answers.write(tmp_path / "filled.csv"), infer_schema=False)
    assert all(text.startswith("'") for text in frame["image"].to_list())


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.xlsx"):
        _answers()[0].write(tmp_path / "filled.xlsx")
