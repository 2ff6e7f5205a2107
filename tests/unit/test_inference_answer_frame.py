"""Answers as columns: what is written is what the cells say, to the byte, and no cell is made for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facetwise.decisions import Decisions, Policy, Rows
from facetwise.inference import Answers, _answers, answers_from
from facetwise.inference._answer_frame import class_sets
from facetwise.schema import NOT_APPLICABLE, VALUE, Attribute, Kind, Schema

ITEMS = 60
HOSTILE = ("=cmd|'/c calc'!A1", "-5", ' "quoted", ', "")
SCHEMA = Schema(
    images=("image",),
    attributes=(
        Attribute(column="kind", id="a00", kind=Kind.CATEGORICAL, classes=HOSTILE),
        Attribute(column="=tags", id="a01", kind=Kind.MULTILABEL, classes=tuple(f"+t{n}" for n in range(9))),
        Attribute(column="rust", id="a02", kind=Kind.BINARY, classes=("no", "yes")),
        Attribute(column="price", id="a03", kind=Kind.NUMERIC),
        Attribute(column="never", id="a04", kind=Kind.NUMERIC),
        Attribute(column="nothing", id="a05", kind=Kind.ORDINAL, classes=("low", "high")),
    ),
    category="kind",
)


def _decisions() -> Decisions:
    generator = np.random.default_rng(0)
    shape, layout = (ITEMS, len(SCHEMA.attributes)), SCHEMA.layout()
    state = generator.integers(3, size=shape).astype(np.int8)
    state[:, 4] = NOT_APPLICABLE
    state[:, 5] = 0
    index = np.stack(
        [
            generator.integers(len(a.classes), size=ITEMS) if a.kind is not Kind.NUMERIC else np.full(ITEMS, -1)
            for a in SCHEMA.attributes
        ],
        axis=1,
    ).astype(np.int32)
    confidence = generator.random(shape, dtype=np.float32)
    confidence[:, 3:5] = np.nan
    number = np.full(shape, np.nan)
    number[:, 3] = generator.lognormal(0, 12, size=ITEMS)  # from 1e-15 to 1e15
    members = np.zeros((ITEMS, layout.num_scores), np.uint8)
    members[:, layout.blocks[1].scores] = generator.random((ITEMS, 9)) < 0.2
    scores = generator.random((ITEMS, layout.num_scores), dtype=np.float32)
    return Decisions(
        scores=scores, applies=confidence, state=state, index=index, members=members, number=number,
        confidence=confidence,
    )  # fmt: skip


def _told(unreadable: int = 3) -> Answers:
    """With sets, intervals, given cells and contradictions, the unreadable first."""
    generator = np.random.default_rng(1)
    decisions = _decisions()
    images = [f"{'=' * (n % 5 == 0)}{n}.jpg" for n in range(ITEMS + unreadable)]
    given = generator.random((ITEMS, 6)) < 0.3
    answers = answers_from(
        SCHEMA, images, ["=missing"] * unreadable + [None] * ITEMS, decisions, given=given,
        contradicted=given & (generator.random((ITEMS, 6)) < 0.5),
    )  # fmt: skip
    assert isinstance(answers.rows, Rows)
    interval = np.sort(generator.normal(size=(ITEMS, 2)), axis=1)
    interval[::7, 1] = np.inf
    rows = replace(answers.rows, sets={0: generator.random((ITEMS, 4)) < 0.5}, ranges={3: interval})
    extras = {**answers.extras, "kind": ("set", "given"), "price": ("low", "high", "given")}
    return replace(answers, rows=rows, extras=extras)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("answers", [_told(), _told(0), answers_from(SCHEMA, [], [], _decisions().take(np.arange(0)))])
def test_columns_are_the_cells_to_the_byte(tmp_path: Path, answers: Answers, suffix: str) -> None:
    by_columns = answers.write(tmp_path / f"columns{suffix}")
    by_cells = replace(answers, rows=list(answers.rows)).write(tmp_path / f"cells{suffix}")
    assert by_columns.read_bytes() == by_cells.read_bytes()


def test_blocks_of_rows_are_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _told().write(tmp_path / "whole.csv").read_bytes()
    monkeypatch.setattr(_answers, "_ROWS_AT_ONCE", 7)
    assert _told().write(tmp_path / "blocks.csv").read_bytes() == whole
    assert whole.count(b"\n") == ITEMS + 4


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_no_cell_is_made_to_write_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a cell was made")

    answers = _told()
    monkeypatch.setattr(Rows, "_cell", refuse)
    assert answers.write(tmp_path / f"filled{suffix}").is_file()
    assert answers.counts()["unreadable"] == 3
    with pytest.raises(AssertionError):
        answers.rows[5]


def test_counts_are_those_of_the_cells() -> None:
    answers = _told()
    assert answers.counts() == replace(answers, rows=list(answers.rows)).counts()
    assert answers.counts()["value"] == int((_decisions().state == VALUE).sum())


def test_rows_are_a_sequence() -> None:
    rows = _told().rows
    assert rows == list(rows)
    assert rows[2:5] == [rows[2], rows[3], rows[4]]
    assert rows[-1]["image"] == f"{ITEMS + 2}.jpg"
    assert rows[1:] != rows[:-1]
    with pytest.raises(IndexError):
        rows[len(rows)]


def test_sets_of_more_classes_than_a_byte_has_bits() -> None:
    chosen = np.zeros((4, 20), bool)
    chosen[0, [0, 19]] = chosen[2, [0, 19]] = chosen[3, 8] = True
    texts, codes = class_sets(chosen, [f"c{n}" for n in range(20)], ";")
    assert [texts[code] for code in codes] == ["c0;c19", "", "c0;c19", "c8"]


def test_a_policy_without_sets_tells_none() -> None:
    answers = answers_from(SCHEMA, ["a"] * ITEMS, [None] * ITEMS, _decisions(), sets_of=Policy())
    assert not answers.extras
