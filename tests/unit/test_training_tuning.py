"""Fine-tuning: exactly the parameters that should move move, and accumulation, averages and continuing are exact."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from facetwise.errors import ConfigError, Interrupted, RunError
from facetwise.models import FacetModel
from facetwise.objectives import REWEIGHTING, class_weights, count_classes
from facetwise.training import Part, Stopping, _resume, parameter_groups, read_checkpoint
from facetwise.training._average import Average
from facetwise.training._checkpointed import compute_twice
from facetwise.training._micro_batches import reduced_in_parts
from facetwise.training.augmentation import AUGMENTATIONS, chained, from_callable
from made_facets import made_objective, made_schema
from made_tuning import BATCH, ITEMS, made_config, made_model, made_part, made_reader, tune
from tiny_backbone import TinyBackbone

PER_EPOCH = ITEMS // BATCH


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch is saved, and nothing waits for the disk."""
    monkeypatch.setattr(_resume, "SECONDS_WITHOUT_SAVING", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


def _with_norm() -> nn.Module:
    """The small backbone with batch normalisation after its stem."""
    describer = TinyBackbone().describer()
    describer.stages[0].insert(1, nn.BatchNorm2d(4))
    return describer


def _moved(before: dict[str, torch.Tensor], model: FacetModel) -> set[str]:
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def _copied(model: FacetModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("batch_norm", ["frozen", "batch"])
def test_frozen_then_unfrozen(pictures: Path, tmp_path: Path, batch_norm: str) -> None:
    """In the frozen epochs no bit of the backbone moves, statistics included; then all of its parameters do."""
    config = made_config(freeze_epochs=2, batch_norm=batch_norm, epochs=3)
    model = made_model(made_schema(), config, describer=_with_norm())
    start = _copied(model)
    with pytest.raises(Interrupted):
        tune(tmp_path, config, pictures=pictures, model=model, stop=_after(2 * PER_EPOCH))
    heads = {name for name, _ in model.named_parameters() if not name.startswith("reader.")}
    assert _moved(start, model) == heads
    middle = _copied(model)
    tune(tmp_path, config, pictures=pictures, model=model)
    network = {f"reader.describer.{name}" for name, _ in model.reader.describer.named_parameters()}
    statistics = {name for name in start if name.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    assert len(statistics) == 3
    assert _moved(middle, model) == heads | network | (statistics if batch_norm == "batch" else set())


@pytest.mark.parametrize(("balancing", "name"), [("equal", "lora"), ("pcgrad", "last-k"), ("mgda", "all")])
def test_what_is_not_chosen_does_not_move(pictures: Path, tmp_path: Path, balancing: str, name: str) -> None:
    config = made_config(finetune={"name": name, **({"k": 1} if name == "last-k" else {})}, balancing=balancing,
                         epochs=2, freeze_epochs=1, weight_decay=0.5)  # fmt: skip
    model = made_model(made_schema(), config)
    start = _copied(model)
    tune(tmp_path, config, pictures=pictures, model=model)
    assert {one for one in _moved(start, model) if one.startswith("reader.")} == {
        f"reader.describer.{one}" for one in model.reader.learned if not one.endswith(".down")
    } | {one for one in _moved(start, model) if one.endswith(".down")}


def test_rates_by_depth() -> None:
    config = made_config(layer_decay=0.5, backbone_rate=8e-4, head_rate=1e-2)
    model = made_model(made_schema(), config)
    groups = parameter_groups(model, made_schema(), config)
    rate = {id(parameter): group.learning_rate for group in groups for parameter in group.parameters}
    decay = {id(parameter): group.weight_decay for group in groups for parameter in group.parameters}
    named = dict(model.reader.describer.named_parameters())
    assert [rate[id(named[f"{one}.weight"])] for one in ("stages.0.0", "stages.1.0", "last.0")] == [2e-4, 4e-4, 8e-4]
    assert groups[0].learning_rate == 1e-2
    assert decay[id(named["last.0.weight"])] == config.weight_decay
    assert decay[id(named["last.0.bias"])] == 0.0
    assert len(rate) == len(list(model.parameters())), "every parameter is in one group"


def _gradients(model: FacetModel, train: Part, *, size: int) -> dict[str, torch.Tensor]:
    schema = made_schema()
    weights = class_weights(schema, count_classes(schema, train.labels), REWEIGHTING["none"](), progress=0.0, epoch=0)
    pixels = train.features[torch.arange(ITEMS)]
    model.zero_grad()
    losses, _ = reduced_in_parts(model, made_objective(schema), pixels, train.targets, weights, size=size).mean()
    losses.sum().backward()
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


def test_accumulation_is_the_large_batch(pictures: Path) -> None:
    """With the denominators of the whole batch; parts have unequal numbers of items, and of labels."""
    config = made_config(dropout=0.0, input_dropout=0.0)
    model = made_model(made_schema(), config, describer=_with_norm()).train()
    train = made_part(pictures, 1)
    whole, parts = _gradients(model, train, size=ITEMS), _gradients(model, train, size=7)
    assert whole.keys() == parts.keys() == dict(model.named_parameters()).keys()
    for name, gradient in whole.items():
        scale = float(gradient.abs().max())
        assert float((gradient - parts[name]).abs().max()) <= 1e-5 * max(scale, 1.0), name
    assert max(float(gradient.abs().max()) for name, gradient in whole.items() if name.startswith("reader.")) > 1e-4


def test_running_statistics_learn_once_in_two_passes(pictures: Path) -> None:
    train, found = made_part(pictures, 1), []
    for size in (ITEMS, ITEMS - 1):  # the second is computed twice: one part of 23, one of 1
        config = made_config(dropout=0.0, input_dropout=0.0, batch_norm="batch")
        model = made_model(made_schema(), config, describer=_with_norm()).train()
        _gradients(model, train, size=size)
        found.append(model.reader.describer.stages[0][1].num_batches_tracked.item())
        norm = model.reader.describer.stages[0][1]
        if size == ITEMS:
            assert norm.running_mean.abs().max() > 0
        assert norm.momentum == 0.1
    assert found == [1, 4]  # passes are counted, and only those with gradients move what is used


def test_the_average_is_the_formula() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = Average(model, decay=0.75)
    values = [model[0].weight.detach().clone()]
    for step in range(5):
        with torch.no_grad():
            model[0].weight.add_(step + 1.0)
        average.update()
        values.append(model[0].weight.detach().clone())
    expected = 0.75**5 * values[0] + sum(0.25 * 0.75 ** (5 - t) * values[t] for t in range(1, 6))
    own = model[0].weight.detach().clone()
    with average.applied():
        assert torch.allclose(model[0].weight, expected, atol=1e-6)
        assert not torch.equal(model[0].weight, own)
    assert torch.equal(model[0].weight, own)


def test_the_average_is_what_is_kept_and_training_does_not_feel_it(pictures: Path, tmp_path: Path) -> None:
    for ema in (0.0, 0.9):
        tune(tmp_path / str(ema), made_config(ema=ema), pictures=pictures)
    plain, averaged = (read_checkpoint(tmp_path / str(ema) / "checkpoints" / "last") for ema in (0.0, 0.9))
    assert all((plain.tensors[name] == averaged.tensors[name]).all() for name in plain.tensors)
    best = [read_checkpoint(tmp_path / str(ema) / "checkpoints" / "best_loss").tensors for ema in (0.0, 0.9)]
    assert any((best[0][name] != best[1][name]).any() for name in best[0])


def _after(steps: int) -> Stopping:
    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        if count == steps:
            stop.ask(15)

    stop = Stopping(between)
    return stop


def _outcome(folder: Path) -> dict[str, Any]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    found: dict[str, Any] = {"log": [{k: v for k, v in line.items() if k != "seconds"} for line in lines]}
    for name in ("last", "best_score", "best_loss"):
        checkpoint = read_checkpoint(folder / "checkpoints" / name)
        arrays = {**checkpoint.tensors, **{f"state/{key}": value for key, value in checkpoint.state.items()}}
        found[name] = {key: (value.shape, value.tobytes()) for key, value in arrays.items()}
    return found


OPTIONS: list[dict[str, Any]] = [
    {"ema": 0.8, "freeze_epochs": 1, "schedule": {"name": "plateau", "wait": 1}, "mixing": "mixup_or_cutmix"},
    {"finetune": "lora", "batch_norm": "batch", "micro_batch": 5, "precision": "bf16", "schedule": "step"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=["averaged", "lora"])
def test_a_stop_after_any_step(pictures: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    def train() -> Part:
        return made_part(pictures, 1, augmenter=chained([AUGMENTATIONS["strong"]()]))

    config = made_config(**options)

    def go(folder: Path, **more: Any) -> None:
        tune(folder, config, pictures=pictures, train=train(), model=made_model(made_schema(), config,
             describer=_with_norm()), **more)  # fmt: skip

    go(tmp_path / "straight")
    straight = _outcome(tmp_path / "straight")
    for steps in (1, PER_EPOCH + 2):
        folder = tmp_path / str(steps)
        with pytest.raises(Interrupted):
            go(folder, stop=_after(steps))
        go(folder, insist=True)
        assert _outcome(folder) == straight


def test_augmentation_depends_on_seed_epoch_and_item_only(pictures: Path) -> None:
    def pixels(order: list[int], *, epoch: int, workers: int = 1, seed: int = 0, augmenter: Any = None) -> np.ndarray:
        part = made_part(pictures, 1, augmenter=augmenter or chained([AUGMENTATIONS["strong"]()]))
        part.features.seed, part.features.workers = seed, workers
        batches = [np.array(order[:3]), np.array(order[3:])]
        found = np.concatenate([each.numpy() for _, each in part.stream(batches, epoch=epoch)])
        return found[np.argsort(order)]

    first = pixels([0, 1, 2, 3, 4], epoch=1)
    assert (first == pixels([4, 2, 0, 1, 3], epoch=1, workers=4)).all()
    assert (first != pixels([0, 1, 2, 3, 4], epoch=2)).any()
    assert (first != pixels([0, 1, 2, 3, 4], epoch=1, seed=1)).any()

    def theirs(pixels: np.ndarray) -> np.ndarray:
        return np.roll(pixels, np.random.randint(1, 9), axis=1)  # draws from numpy's global generator

    once = pixels([0, 1, 2, 3, 4], epoch=1, augmenter=from_callable(theirs))
    assert (once == pixels([3, 4, 1, 0, 2], epoch=1, workers=4, augmenter=from_callable(theirs))).all()
    assert (once != pixels([0, 1, 2, 3, 4], epoch=2, augmenter=from_callable(theirs))).any()


def test_a_function_that_wants_names() -> None:
    """As an Albumentations Compose does."""

    class Compose:
        def __call__(self, *args: Any, force_apply: bool = False, **data: Any) -> dict[str, Any]:
            assert not args
            assert not force_apply
            return {"image": data["image"][::-1].copy()}

    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    assert (from_callable(Compose())(pixels, np.random.default_rng(0)) == pixels[::-1]).all()
    with pytest.raises(Exception, match=r"uint8 \(rows, columns, 3\)\. Found float32"):
        from_callable(lambda pixels: pixels.astype(np.float32))(pixels, np.random.default_rng(0))


def test_a_real_albumentations_compose() -> None:
    albumentations = pytest.importorskip("albumentations", reason="Albumentations is not installed")
    change = from_callable(albumentations.Compose([albumentations.HorizontalFlip(p=0.5)]))
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    found = [change(pixels, np.random.default_rng(seed)) for seed in range(20)]
    again = [change(pixels, np.random.default_rng(seed)) for seed in range(20)]
    assert all((one == other).all() for one, other in zip(found, again, strict=True))
    assert {(one == pixels).all() for one in found} == {True, False}


def test_blocks_computed_twice_give_the_same_gradients(pictures: Path) -> None:
    config, train = made_config(dropout=0.0, input_dropout=0.0), made_part(pictures, 1)
    model = made_model(made_schema(), config, describer=_with_norm()).train()
    twin = copy.deepcopy(model)
    compute_twice(twin.reader.describer)
    plain, twice = _gradients(model, train, size=ITEMS), _gradients(twin, train, size=ITEMS)
    assert plain.keys() == twice.keys()
    assert all(torch.allclose(plain[name], twice[name], atol=1e-7) for name in plain)


def test_fp16_rests_where_gradients_overflow() -> None:
    reader = made_reader(precision="fp16").train()
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8))
    twin = made_reader().train()
    (reader(pixels) * 1e-3).sum().backward()
    (twin(pixels) * 1e-3).sum().backward()
    reader.settle()
    assert float(reader.factor) == 65536.0
    for ours, exact in zip(reader.describer.parameters(), twin.describer.parameters(), strict=True):
        assert torch.allclose(ours.grad, exact.grad, rtol=0.05, atol=1e-3 * float(exact.grad.abs().max()))
    reader.zero_grad()
    (reader(pixels) * 1e4).sum().backward()
    reader.settle()
    assert float(reader.factor) == 32768.0
    assert all(parameter.grad is None for parameter in reader.describer.parameters())


def test_a_clipped_feature_can_come_back() -> None:
    reader = made_reader()
    reader.deviation.fill_(1e-6)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8))
    features = reader(pixels)
    assert float(features.detach().abs().max()) == pytest.approx(10.0)
    features.sum().backward()
    assert float(reader.describer.last[0].weight.grad.abs().max()) > 0


def test_a_picture_that_vanishes(pictures: Path, tmp_path: Path) -> None:
    train = made_part(tmp_path, 9)
    train.features.paths[3].unlink()
    with pytest.raises(RunError, match=r"row 4, 003\.png"):
        tune(tmp_path / "run", made_config(), pictures=pictures, train=train)


def test_noise_is_for_cached_features(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="noise is for cached features"):
        tune(tmp_path, made_config(feature_noise=0.1), pictures=pictures)
