"""A run grows, is averaged and teaches a smaller one, as typed."""

import json
from pathlib import Path

import pytest
from command_line import facetwise, facetwise_json

from made_shop import draw_shop

# So long that the best epoch by score is not the last one: a soup needs both.
SMALL = ["--epochs", "9", "--batch-size", "32", "--set", "trunk.width=16"]


@pytest.mark.slow
def test_grow_soup_and_distil(tmp_path: Path) -> None:
    draw_shop(tmp_path / "shop", items=90)
    facetwise("train", "shop/table.csv", "--exclude", "striped", "--out", "first", *SMALL, cwd=tmp_path)

    told = facetwise("add-attribute", "first", "shop/table.csv", "--attribute", "striped", cwd=tmp_path).stdout
    before, after = (line.split()[1] for line in told.splitlines() if line.strip().startswith(("before", "after")))
    assert before == after
    assert len(before) == 64
    assert "the same, to the last bit" in told
    evaluated = facetwise_json("evaluate", "first-grown", cwd=tmp_path)
    assert "striped" in json.dumps(evaluated)
    facetwise("export", "first-grown", "--out", "grown.onnx", cwd=tmp_path)
    again = facetwise("add-attribute", "first", "shop/table.csv", "--attribute", "striped", cwd=tmp_path, code=2)
    assert "an empty or a new folder" in again.stderr

    made = facetwise_json("soup", "first", "--out", "soup", cwd=tmp_path)
    assert made["written"] == (tmp_path / "soup").is_dir()
    assert made["ingredients"][0]["taken"]

    made = facetwise_json("distill", "first", "--set", "levels=last", "--set", "trunk.width=4", "--out", "small",
                          cwd=tmp_path)  # fmt: skip
    assert [pupil["name"] for pupil in made["pupils"]] == ["teacher", "student", "student alone"]
    assert made["pupils"][1]["parameters"] < made["pupils"][0]["parameters"]
    assert (tmp_path / "small" / "bundle" / "bundle.json").is_file()
