"""On real photos: planted errors are found, corrected cells train, a held-out class is learnt from five pictures."""

import csv
from pathlib import Path

import numpy as np
import pytest

import facetwise as fw
from facetwise import studies
from facetwise.data import read_table
from facetwise.metrics import average_precision

pytestmark = [pytest.mark.realdata, pytest.mark.slow]
COLUMNS = ("image", "department", "coarse", "fine")


def test_planted_errors_and_doubles(realdata: Path, tmp_path: Path) -> None:
    table = read_table(realdata / "grocery" / "labels.csv")
    draw, rows = np.random.default_rng(0), len(table)
    cells = {name: list(table.column(name)) for name in COLUMNS}
    flipped = draw.permutation(rows)[: round(0.05 * rows)]
    classes = sorted(set(cells["coarse"]))
    for row in flipped:
        cells["coarse"][row] = draw.choice([name for name in classes if name != cells["coarse"][row]])
    for name in COLUMNS:
        cells[name] += cells[name][:10]
    cells["department"][rows:] = ["Fruit" if text != "Fruit" else "Packages" for text in cells["department"][:10]]
    found = studies.audit(cells, images=realdata / "grocery", pictures=False)
    one = next(one for one in found.attributes if one.column == "coarse")
    wrong = np.isin(found.rows[one.rows], flipped)
    told = average_precision(one.found.score[:, None], wrong[:, None], np.ones((len(wrong), 1), dtype=bool))
    assert told[0] >= 0.8
    doubles = {f.row for f in found.queue if f.kind == "contradiction" and f.attribute == "department"}
    assert {*range(10), *range(rows, rows + 10)} <= doubles


def test_a_held_out_class_is_learnt_from_five_pictures(realdata: Path, tmp_path: Path) -> None:
    root, held = realdata / "grocery", "Granny-Smith"
    with (root / "labels.csv").open(newline="") as file:
        rows = [[row[name] for name in COLUMNS] for row in csv.DictReader(file)]
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *(row for row in rows if row[3] != held)])
    run = fw.train(tmp_path / "table.csv", images=root, out=tmp_path / "run")
    pictures = [root / row[0] for row in rows if row[3] == held]
    learnt = run.learn("fine", held, pictures[:5], out=tmp_path / "learnt", parent="Apple")
    answers = learnt.predict([str(path) for path in pictures[5:]]).rows
    assert np.mean([row["fine"].value == held for row in answers]) >= 0.5
    assert all(row["coarse"].value == "Apple" for row in answers if row["fine"].value == held)
    place, test = run.schema.index["fine"], run.prepared.split.rows("test")
    truth = run.prepared.labels.index[test, place]
    before, after = (one.predictor()(run.prepared.features[test]).index[:, place] for one in (run, learnt))
    assert (after == truth)[truth >= 0].mean() >= (before == truth)[truth >= 0].mean() - 0.02
