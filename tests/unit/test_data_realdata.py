"""The readings of four real tables."""

import os
from pathlib import Path

import numpy as np
import pytest

from facetwise.data import complete_schema, encode, fit_scales, infer, read_table, split_rows
from facetwise.schema import NOT_APPLICABLE, Kind

FOLDER = Path(os.environ.get("FACETWISE_REALDATA", Path(__file__).parents[2].parent / "shared" / "data"))

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="no development photos: set FACETWISE_REALDATA to their folder"),
]

# name: group, split, category, kinds of some columns ("left out" for none), parents that hold on the training rows
EXPECTED = {
    "coffee_leaf": (
        None,
        None,
        None,
        {"id": None, "predominant_stress": Kind.CATEGORICAL, "severity": Kind.ORDINAL}
        | dict.fromkeys(["miner", "rust", "phoma", "cercospora"], Kind.BINARY),
        {},
    ),
    "grocery": (
        None,
        "official_split",
        "department",
        {"fine": Kind.CATEGORICAL, "pack_brand": Kind.CATEGORICAL, "pack_organic": Kind.BINARY},
        {"fine": "coarse", "coarse": "department"},
    ),
    "pokesprite": (
        "evolution_chain_id",
        None,
        None,
        {"types": Kind.MULTILABEL, "egg_groups": Kind.MULTILABEL, "weight": Kind.NUMERIC, "is_baby": Kind.BINARY}
        | {"habitat": Kind.CATEGORICAL, "id": None, "identifier": None, "generation_id": Kind.CATEGORICAL},
        {},
    ),
    "fashion": (
        "productDisplayName",
        None,
        "articleType",
        {"id": None, "price": Kind.NUMERIC, "year": Kind.ORDINAL, "attr:Pattern": Kind.CATEGORICAL}
        | {"attr:Power Source": None, "attr:Assorted": Kind.BINARY, "brandName": Kind.CATEGORICAL},
        {},
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_readings(name: str) -> None:
    group, split_column, category, kinds, parents = EXPECTED[name]
    root = FOLDER / name
    table = read_table(root / "labels.csv")
    inference = infer(table, images_root=root)
    assert inference.images == ("image",)
    assert (inference.group, inference.split, inference.category) == (group, split_column, category)
    assert {column: inference.reading(column).kind for column in kinds} == kinds
    split = split_rows(table, inference)
    assert all(len(split.rows(side)) > 0.1 * len(table) for side in ("train", "val", "test"))
    schema, _ = complete_schema(inference, table, split.rows("train"))
    assert {a.column: a.parent.column for a in schema.attributes if a.parent} == parents
    labels, _ = encode(schema, table)
    assert fit_scales(schema, labels.take(split.rows("train"))).keys() == {
        a.id for a in schema.attributes if a.kind is Kind.NUMERIC
    }
    share = (labels.state == NOT_APPLICABLE).mean()
    assert share == 0 if category is None else share > 0.2


def test_fashion_depends_on_the_kind_of_article() -> None:
    table = read_table(FOLDER / "fashion" / "labels.csv")
    schema, notices = complete_schema(infer(table), table, np.arange(len(table)))
    heel = schema.attribute("attr:Heel Height")
    assert heel.applies_to == ("Heels",)
    assert sum(a.applies_to is not None for a in schema.attributes) >= 35
    assert any(notice.code == "no-parent" and notice.column == "articleType" for notice in notices)
