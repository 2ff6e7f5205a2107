"""A training for its score alone is a run without the folder; adapters and losses of single attributes reach both."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facetwise as fw
from facetwise.config import load_config
from facetwise.errors import ConfigError
from facetwise.events import silent
from facetwise.inference import Predictor, logits_of
from facetwise.models.backbones import Level
from facetwise.objectives import ClassWeights, class_weights, count_classes, create_reweighting
from facetwise.training import Prepared, _loop, check_losses_of, prepare, read_structure, run_trial
from facetwise.training._assemble import assemble
from made_table import TINY

ADAPTERS = "adapters=[gate, {name: shared, width: 6, dropout: 0.1}]"


pytestmark = pytest.mark.usefixtures("one_thread")


def _prepared(made: tuple[Path, Path], *settings: str) -> Prepared:
    config = load_config(settings=[*TINY, *settings])
    read = read_structure(made[0], images=None, schema=None, config=config)
    return prepare(read, config, features=made[1], split_from=None, report=silent)


@pytest.mark.parametrize("settings", [(), (ADAPTERS, "losses_of.colour=focal")])
def test_a_trial_measures_what_a_run_measures(
    made: tuple[Path, Path], tmp_path: Path, settings: tuple[str, ...]
) -> None:
    run = fw.train(made[0], features=made[1], out=tmp_path / "run", settings=[*TINY, *settings])
    trial = run_trial(_prepared(made, *settings), load_config(settings=[*TINY, *settings]))
    assert trial.evaluation.overall == run.metrics["overall"]
    assert trial.epochs == 3
    assert trial.peak_megabytes > 10
    right = trial.right[~np.isnan(trial.right)]
    assert ((right >= 0) & (right <= 1)).all()


def test_a_trial_leaves_nothing_behind(made: tuple[Path, Path], tmp_path: Path) -> None:
    run_trial(_prepared(made), load_config(settings=TINY), scratch=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_trial_can_measure_validation(made: tuple[Path, Path]) -> None:
    prepared = _prepared(made)
    trial = run_trial(prepared, load_config(settings=[*TINY, "tune_thresholds=false", "neighbours=false"]), side="val")
    assert trial.evaluation.items == len(prepared.split.rows("val")) == len(trial.right)
    assert trial.evaluation.overall["mean_macro_f1"] == pytest.approx(trial.selected)


def test_adapters_come_back_from_the_bundle(made: tuple[Path, Path], tmp_path: Path) -> None:
    settings = [*TINY, ADAPTERS]
    run = fw.train(made[0], features=made[1], out=tmp_path / "run", settings=settings)
    assert [one["name"] for one in run.bundle.model["adapters"]] == ["gate", "shared"]
    config = load_config(settings=settings)
    made_again = assemble(_prepared(made, ADAPTERS), config)
    assert len(made_again.model.adapters) == 2
    made_again.model.load_state_dict({name: torch.from_numpy(array) for name, array in run.bundle.tensors.items()})
    features = np.load(made[1])
    told = logits_of(Predictor(run.bundle).model, run.bundle.standardizer(features))
    assert np.array_equal(told, logits_of(made_again.model, made_again.standardizer(features)))
    answers = fw.load(tmp_path / "run").predict_features(features)
    assert answers.rows == run.predict_features(features).rows


def test_a_loss_of_one_attribute_is_the_one_that_trains_it(made: tuple[Path, Path]) -> None:
    config = load_config(settings=[*TINY, 'losses_of."heel.height"={name: focal, gamma: 2}'])
    objective = assemble(_prepared(made), config).objective
    names = {
        name: type(loss).__name__ for loss in objective.losses for name in [objective.names[p] for p in loss.places]
    }
    assert names["heel.height"] == "Focal"
    assert names["colour"] != "Focal"


def test_margins_on_what_is_no_cosine_are_refused_with_the_way_out(made: tuple[Path, Path]) -> None:
    settings = ["losses.categorical=LDAM", "head=cosine"]
    prepared = _prepared(made)
    half = prepared.features.shape[1] // 2
    several = replace(prepared, levels=(Level("first", half), Level("last", prepared.features.shape[1] - half)))
    with pytest.raises(ConfigError, match="write head: cosine and depth: false"):
        assemble(several, load_config(settings=[*TINY, *settings]))
    assemble(several, load_config(settings=[*TINY, *settings, "depth=false"]))


@pytest.mark.parametrize(
    ("losses", "parts"),
    [
        ({"color": "focal"}, ["this is an attribute", "'color'", "colour"]),
        ({"price": "focal"}, ["a loss of 'price' scores numeric attributes", "'focal'"]),
        ({"color": "focal", "price": "focal"}, ["'color'", "'price'"]),
    ],
)
def test_losses_that_do_not_fit_are_refused_before_anything_is_read(
    made: tuple[Path, Path], losses: dict[str, str], parts: list[str]
) -> None:
    config = load_config(settings=TINY, losses_of=losses)
    read = read_structure(made[0], images=None, schema=None, config=load_config(settings=TINY))
    with pytest.raises(ConfigError) as caught:
        check_losses_of(read.structure, config)
    for part in parts:
        assert part in str(caught.value)
    schema = _prepared(made).schema
    with pytest.raises(ConfigError):
        check_losses_of(schema, config)
    check_losses_of(schema, load_config(losses_of={"colour": "focal"}))
    with pytest.raises(ConfigError, match="'colour'"):
        check_losses_of(schema, load_config(losses_of={"colour": "focal"}, exclude=["colour"]))


def test_a_goal_of_precision_is_trained_without_class_weights(
    made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one of several classes; who goes by a threshold keeps them, and so does who has another goal."""
    settings = ("attributes=[colour, printed]", "goals.colour=precision>=0.9", "goals.printed=precision>=0.9")
    prepared = _prepared(made, *settings)
    schema = prepared.schema
    colour, printed = (schema.layout().blocks[schema.index[name]] for name in ("colour", "printed"))
    counts = count_classes(schema, prepared.labels)
    plain = _loop._precise(schema, load_config(settings=[*TINY, *settings]))
    weights = class_weights(schema, counts, create_reweighting("balanced", {}), progress=0.0, plain=plain)
    assert (weights.score[colour.scores] == 1.0).all()
    assert weights.positive[printed.start] != 1.0
    assert not _loop._precise(schema, load_config(settings=[*TINY, "goals.colour=f1"]))

    seen: list[frozenset[str]] = []

    def spied(*given: Any, **options: Any) -> ClassWeights:
        seen.append(options["plain"])
        return class_weights(*given, **options)

    monkeypatch.setattr(_loop, "class_weights", spied)
    run_trial(prepared, load_config(settings=[*TINY, *settings]))
    assert seen == [plain] * 3
