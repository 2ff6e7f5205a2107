"""A score that validation cannot measure selects nothing, and a training says so before it begins."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import facetwise as fw
from facetwise.events import Event
from facetwise.metrics import has_labels
from facetwise.schema import UNKNOWN, Labels
from made_facets import made_labels, made_schema
from made_table import ITEMS, TINY, write_table

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A table with a column of its own for the sides, and no validation label of `rare`."""
    path, features = write_table(tmp_path_factory.mktemp("rare"))
    side = [("train", "train", "val", "test")[row % 4] for row in range(ITEMS)]
    rare = ["" if where == "val" else ("matt", "shiny")[row // 4 % 2] for row, where in enumerate(side)]
    frame = pl.read_csv(path, infer_schema=False)
    frame.with_columns(pl.Series("split", side), pl.Series("rare", rare)).write_csv(path)
    return path, features


@pytest.mark.parametrize(
    ("select_by", "said"),
    [
        ("rare.macro_f1", True),
        ("size.macro_f1 + 0.5 * rare.accuracy", True),
        ("rare.per_class.shiny.recall", True),
        ("size.macro_f1", False),
        ("size.per_class.S.precision", False),
        ("-1 * price.mae", False),
        ("mean_macro_f1", False),
    ],
)
def test_it_is_said_once_and_before(table: tuple[Path, Path], tmp_path: Path, select_by: str, said: bool) -> None:
    told = list[Event]()
    fw.train(
        table[0], features=table[1], out=tmp_path / "run", settings=[*TINY, f"select_by={select_by}"],
        report=told.append,
    )  # fmt: skip
    notices = [place for place, event in enumerate(told) if event.data and event.data.get("code") == "no_score"]
    (training,) = [event.message for event in told if event.message.startswith("training    ")]
    if not said:
        assert not notices
        assert training.endswith(f"best {select_by} on validation")
        return
    (place,) = notices
    assert place < next(place for place, event in enumerate(told) if event.kind == "epoch")
    assert f"{select_by!r}" in told[place].message
    assert "lowest validation loss" in told[place].message
    assert training.endswith("lowest loss on validation")


def test_labels_alone_decide() -> None:
    """Not what a model would answer: a class that nothing is taken for has a precision all the same."""
    schema = made_schema()
    train, val = made_labels(schema, 40, seed=1), made_labels(schema, 40, seed=2)
    column = schema.attributes[1].column
    name = f"`{column}`.accuracy"
    assert has_labels(schema, val, name, train=train)
    assert has_labels(schema, val, "mean_accuracy", train=train)
    state = val.state.copy()
    state[:, 1] = UNKNOWN
    without: Labels = replace(val, state=state)
    assert not has_labels(schema, without, name, train=train)
    assert has_labels(schema, without, "mean_accuracy", train=train)
    assert not has_labels(schema, val.take(np.arange(0)), "mean_accuracy", train=train)
