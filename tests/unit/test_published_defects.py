"""Defects of public systems that concern data, selection and engineering, each as a test of ours.

The first line of each docstring names the defect. Those of losses are in test_objectives_defects.py, of models in
test_models_regressions.py, of balancing in tests/contracts/test_balancing.py, of CNN-MTL in test_classic.py, of
released data sets in tests/contracts/test_releases.py.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import facetwise as fw
from facetwise.config import load_config
from facetwise.data import Table, complete_schema, encode, infer, split_rows
from facetwise.data.releases._release import PictureFinder
from facetwise.data.samplers import SAMPLERS
from facetwise.decisions import decide, scores_from_logits
from facetwise.errors import ConfigError
from facetwise.metrics import evaluate
from facetwise.models import build_model
from facetwise.objectives import class_weights, count_classes, create_reweighting
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Schema
from facetwise.training import BlockAdamW, parameter_groups
from facetwise.training._best import Trackers
from facetwise.training.schedules import create_schedule
from made_facets import made_labels, made_schema
from made_table import TINY, write_table

COLOUR = Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("red", "blue", "grey"))


def _labels(schema: Schema, index: list[int]) -> Labels:
    made = np.array(index, dtype=np.int32)[:, None]
    return Labels(
        state=np.where(made >= 0, VALUE, UNKNOWN).astype(np.int8), index=made,
        members=np.zeros((len(made), schema.layout().num_scores), np.uint8), number=np.full(made.shape, np.nan),
    )  # fmt: skip


# Missing labels: section 7.1.


def test_missing_cells_are_not_filled_with_the_commonest_value() -> None:
    """Enhanced attribute classifier: NaN becomes the mode over all categories, labels of the wrong category too."""
    rows = 120
    cells = {
        "image": [f"{n}.jpg" for n in range(rows)],
        "kind": ["shoe" if n % 3 else "dress" for n in range(rows)],
        "heel": [("" if n % 5 == 0 else ("flat", "high")[n % 2]) if n % 3 else "" for n in range(rows)],
        "colour": ["" if n % 7 == 0 else ("red", "blue")[n % 2] for n in range(rows)],
    }
    table = Table.of(cells)
    schema, _ = complete_schema(infer(table), table, np.arange(rows))
    labels, _ = encode(schema, table)
    heel, colour = schema.index["heel"], schema.index["colour"]
    empty = np.array([text == "" for text in cells["heel"]])
    dress = np.array([name == "dress" for name in cells["kind"]])
    assert (labels.state[empty & ~dress, heel] == UNKNOWN).all()
    assert (labels.state[dress, heel] == NOT_APPLICABLE).all()
    assert (labels.index[empty, heel] == -1).all()
    assert (labels.state[[text == "" for text in cells["colour"]], colour] == UNKNOWN).all()


def test_the_mask_is_of_every_cell_and_not_of_the_last_column() -> None:
    """FishNet's own training: whether a row counts is read off its last column."""
    cells = {"image": ["a.jpg"] * 40, "first": ["x", "", "y", ""] * 10, "last": ["p", "q", "", "q"] * 10}
    table = Table.of({**cells, "image": [f"{n}.jpg" for n in range(40)]})
    schema, _ = complete_schema(infer(table), table, np.arange(40))
    labels, _ = encode(schema, table)
    for name in ("first", "last"):
        said = np.array([text != "" for text in cells[name]])
        np.testing.assert_array_equal(labels.state[:, schema.index[name]] == VALUE, said)


def test_class_weights_have_a_place_for_every_class_of_the_schema() -> None:
    """FishNet MoE: class weights are sized labels.max() + 1, so a last class that training lacks shifts or fails."""
    schema = Schema(images=("image",), attributes=(COLOUR,))
    counts = count_classes(schema, _labels(schema, [0, 0, 1, -1]))
    weights = class_weights(schema, counts, create_reweighting("balanced", {}), progress=0.0)
    assert weights.score.shape == (3,)
    assert torch.isfinite(weights.score).all()


# Selection, split and metrics: section 7.4.


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A table with a split of its own, and the same with other labels on the test side."""
    folder = tmp_path_factory.mktemp("sides")
    table, features = write_table(folder)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["split"] = ("train", "train", "val", "test")[number % 4]
    turned = [dict(row) for row in rows]
    for row in turned:
        if row["split"] == "test":
            row["colour"], row["size"] = {"red": "green", "green": "blue"}.get(row["colour"], "red"), "S"
            row["printed"] = "no" if row["printed"] == "yes" else "yes"
    paths = []
    for name, kept in (("asked.csv", rows), ("turned.csv", turned)):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(kept)
        paths.append(folder / name)
    return paths[0], paths[1], features


def test_test_rows_decide_nothing(sides: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """FishNet selects on the test set; the attribute classifier tunes thresholds on the rows that it reports."""
    runs = [
        fw.train(table, features=sides[2], out=tmp_path / table.stem, settings=TINY, goals={"colour": "precision>=0.5"})
        for table in sides[:2]
    ]
    first, second = (run.bundle for run in runs)
    assert first.tensors.keys() == second.tensors.keys()
    for name, tensor in first.tensors.items():
        np.testing.assert_array_equal(tensor, second.tensors[name])
    assert (first.thresholds, first.policy) == (second.thresholds, second.policy)
    np.testing.assert_array_equal(first.standardizer.mean, second.standardizer.mean)
    scores = [json.loads((run.path / "metrics.json").read_text(encoding="utf-8")) for run in runs]
    assert [one["split"] for one in scores] == ["test", "test"]
    assert scores[0]["overall"] != scores[1]["overall"], "the test labels do differ"


def test_micro_and_class_mean_accuracy_are_two_numbers() -> None:
    """FishNet MoE compares its micro accuracy with the paper's mean over classes (.792 and .535 for one model)."""
    schema = Schema(images=("image",), attributes=(COLOUR,))
    truth = _labels(schema, [0] * 8 + [1, 2])
    chances = np.tile([0.8, 0.1, 0.1], (10, 1)).astype(np.float32)
    found = evaluate(schema, truth, decide(schema, chances, np.ones((10, 1))), train=truth, floors=False)
    told = found.attributes["colour"]
    assert told.accuracy == pytest.approx(0.8)
    assert told.mean_class_accuracy == pytest.approx(1 / 3)


def test_the_first_class_counts() -> None:
    """FishNet's "order, all" keeps labels above 0 and so drops the commonest class, which is number 0."""
    schema = Schema(images=("image",), attributes=(COLOUR,))
    truth = _labels(schema, [0, 0, 0, 1])
    wrong = np.tile([0.1, 0.8, 0.1], (4, 1)).astype(np.float32)
    found = evaluate(schema, truth, decide(schema, wrong, np.ones((4, 1))), train=truth, floors=False)
    assert found.attributes["colour"].accuracy == pytest.approx(0.25)


def test_thresholds_are_about_probabilities_and_not_about_logits() -> None:
    """FishNet's own evaluation asks whether the raw logit is above 0.5."""
    habitat = Attribute(column="habitat", id="a00", kind=Kind.MULTILABEL, classes=("reef", "river"))
    schema = Schema(images=("image",), attributes=(habitat,))
    scores, applies = scores_from_logits(schema, {}, np.array([[0.2, -0.2]]))
    assert decide(schema, scores, applies).members.tolist() == [[1, 0]]


def test_an_option_that_is_a_text_is_no_switch() -> None:
    """FishNet's `--use_log_freq` is a text, so that 'False' is true."""
    assert load_config(settings=["depth=False"]).depth is False
    for said in ("depth='False'", "depth=maybe", "depth=0.0"):
        with pytest.raises(ConfigError, match="depth"):
            load_config(settings=[said])


def test_identical_pictures_with_other_labels_stay_on_one_side() -> None:
    """Meesho: the same picture occurs with conflicting labels, and random splits put it on both sides."""
    rows = 200
    table = Table.of(
        {"image": [f"{n}.jpg" for n in range(rows)], "colour": [("red", "blue")[n % 2] for n in range(rows)]}
    )
    schema = Schema(images=("image",), attributes=(Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL,
                                                             classes=("red", "blue")),))  # fmt: skip
    digests = [f"picture {n // 2}" for n in range(rows)]
    split = split_rows(table, schema, digests=digests)
    assert all(split.side[n] == split.side[n + 1] for n in range(0, rows, 2))
    assert "conflicting-labels" in [notice.code for notice in split.notices]


def test_each_best_checkpoint_is_the_best() -> None:
    """VT-Solution: its trackers of score and loss stand still when both improve, and patience counts only "both"."""
    seen = [(0.5, 1.0), (0.7, 0.8), (0.6, 0.9), (0.8, 0.85), (0.65, 0.7)]
    trackers, kept = Trackers(), {}
    for epoch, (score, loss) in enumerate(seen):
        kept |= dict.fromkeys(trackers.update(score=(1, score), loss=loss), epoch)
    assert kept["best_score"] == max(range(5), key=lambda epoch: seen[epoch][0])
    assert kept["best_loss"] == min(range(5), key=lambda epoch: seen[epoch][1])
    assert trackers.since == 1, "epochs without a better score, whatever the loss did"


# Engineering: section 7.5.


def test_vectors_are_not_decayed() -> None:
    """VT-Solution asks `startswith("ln")` of full names, so that LayerNorm gets weight decay."""
    schema = made_schema()
    model = build_model(schema, levels=[6, 4], adapters=[("shared", {"width": 8})], head="mlp")
    config = load_config(settings=["weight_decay=0.5"])
    optimizer = BlockAdamW(parameter_groups(model, schema, config))
    optimizer.scale = 1.0
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step(torch.ones(3 * len(schema.attributes), dtype=torch.bool))
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    norms = {name for name, parameter in model.named_parameters() if name.endswith("bias") or ".norm" in name}
    assert norms
    assert not norms & moved
    assert moved, "matrices are decayed"


def test_the_first_epoch_is_shuffled_too() -> None:
    """VT-Solution shuffles from the second epoch on."""
    schema = made_schema()
    sampler = SAMPLERS["uniform"](schema=schema, labels=made_labels(schema, 200), seed=0)
    first, second = (np.concatenate(sampler.batches(epoch, 32)) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(200)), "every row, not the first 2,000 of the table"
    assert first.tolist() != list(range(200))
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("name", ["none", "cosine", "linear", "step", "multistep", "plateau"])
def test_every_schedule_warms_up_and_never_from_nothing(name: str) -> None:
    """VT-Solution's first step has the learning rate 0; FishNet MoE's `linear` ignores its warm-up."""
    schedule = create_schedule(name, {}, steps=100, per_epoch=10, warmup=0.1)
    assert 0 < schedule.factor(0) < schedule.factor(4) < schedule.factor(9) <= 1.0


def test_a_file_name_that_ends_like_another_is_another(tmp_path: Path) -> None:
    """FishNet MoE finds a picture's family by `endswith(filename)`, so that 11.jpg passes for 1.jpg."""
    for name in ("a/11.jpg", "a/1.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    finder = PictureFinder(tmp_path)
    assert finder.find("a", "1.jpg") == "a/1.jpg"
    assert finder.find("elsewhere", "1.jpg") is None, "two of this name, and neither is in that folder"
    assert finder.find("elsewhere", "11.jpg") == "a/11.jpg"
    assert finder.find("b", "11.jpg") == "a/11.jpg"


def test_outputs_are_bound_by_name(tmp_path: Path) -> None:
    """The attribute classifier's service encodes labels in alphabetical order, its training in order of appearance."""
    table, features = write_table(tmp_path)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    order = np.random.default_rng(3).permutation(len(rows))
    names = list(rows[0])
    with (tmp_path / "turned.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [names[0], *reversed(names[1:])])
        writer.writeheader()
        writer.writerows(rows[place] for place in order)
    array = np.load(features, allow_pickle=False)
    np.save(tmp_path / "turned.npy", array[order])
    said = []
    for name, given in (("table.csv", features), ("turned.csv", tmp_path / "turned.npy")):
        run = fw.train(tmp_path / name, features=given, out=tmp_path / f"run {name}", settings=[*TINY, "epochs=1"])
        said.append(run.predict_features(array[:20]).rows)
        # What is needed to read raw features again is in the bundle, and not in whoever calls it.
        assert run.bundle.standardizer.mean.shape == (array.shape[1],)
    for first, second in zip(*said, strict=True):
        assert first.keys() == second.keys()
        assert {*first} >= {"colour", "size", "printed"}
