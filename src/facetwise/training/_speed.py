"""How fast this machine decodes, describes and trains, measured in seconds on made pictures and rows."""

import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from facetwise.config import Config
from facetwise.features import available_cores, plan_engine
from facetwise.images import decode, digest, fit, look, quiet_decoder
from facetwise.inference import cache_root, logits_of
from facetwise.models.backbones import create_backbone
from facetwise.objectives import BALANCERS, Objective, class_weights, count_classes, create_reweighting
from facetwise.schema import VALUE, Attribute, Kind, Labels, Schema
from facetwise.training._batch_size import LARGE, in_batches
from facetwise.training._build import model_of
from facetwise.training._device import choose_device
from facetwise.training._groups import parameter_groups
from facetwise.training._optimizer import BlockAdamW
from facetwise.training._part import Part
from facetwise.training._products import in_bfloat16
from facetwise.training._step import Step, training_step
from facetwise.training._streamed import targets_of

__all__ = ["Speed", "measure_speed"]

# Pictures as catalogues have them: 512 × 384 JPEGs of quality 85, 30 to 60 kB.
SIZE, QUALITY, PICTURES = (512, 384), 85, 24
# The usual table: so many attributes of so many classes, and rows enough for some batches.
ATTRIBUTES, CLASSES, ROWS = 10, 8, 2_048
# Shares of the time, of what is measured in it: a backbone in large batches is the slowest to settle.
SHARES = {"decode": 0.25, "describe": 0.4, "step": 0.25, "judge": 0.1}
# Of a table, and of its pictures: what the default configuration trains and validates on.
TRAINED, JUDGED = 0.7, 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What this machine does per second.

    Args:
        device: Where it describes and trains.
        cores: That read pictures.
        decode: Pictures that are decoded, fitted and hashed, by all cores.
        describe: Pictures that the backbone describes, from pixels.
        steps: Optimiser steps on cached features.
        judged: Validation rows that go through the model.
        batch_size: Rows per step.
        epochs: Of the default configuration.
    """

    device: str
    cores: int
    decode: float
    describe: float
    steps: float
    judged: float
    batch_size: int
    epochs: int

    @property
    def extract(self) -> float:
        """Pictures per second of both together, where the same cores do one after the other.

        On a GPU the cores decode while it describes, and the slower of the two decides.

        >>> Speed(device="cpu", cores=1, decode=300.0, describe=100.0, steps=1.0, judged=1.0, batch_size=1,
        ...       epochs=1).extract
        75.0
        """
        if self.device != "cpu":
            return min(self.decode, self.describe)
        return 1 / (1 / self.decode + 1 / self.describe)

    def seconds(self, pictures: int) -> dict[str, float]:
        """What the usual jobs take: extraction of new pictures, and training on their features for all epochs."""
        epoch = pictures * TRAINED / self.batch_size / self.steps + pictures * JUDGED / self.judged
        return {"extract": pictures / self.extract, "train": epoch * self.epochs}


def measure_speed(*, seconds: float = 20.0, cache: Path | None = None, config: Config | None = None) -> Speed:
    """How fast this machine decodes, describes and trains, and so how long a job will take.

    Args:
        seconds: To measure for, without loading torch and the backbone.
        cache: Folder of all features and graphs; nothing but the backbone's graph is written there.
        config: The backbone and the model; the defaults if not given.

    >>> measure_speed(seconds=20).seconds(9_000)["extract"]  # doctest: +SKIP
    94.7
    """
    config = in_batches(config or Config(), LARGE)  # the time of a small table matters little
    device, cores = choose_device(config.device), available_cores()
    backbone = create_backbone(config.backbone.name, **config.backbone.options)
    plan = plan_engine(backbone, cache=cache or cache_root(), device=config.device)
    files, seen = _pictures(), backbone.preprocessing

    def prepare(data: bytes) -> np.ndarray:
        digest(data)
        picture = decode(data)
        pixels = fit(picture, size=seen.size, mode=seen.fit)
        look(picture)
        return pixels

    engine = plan.build()
    batch = np.stack([prepare(data) for data in files])
    batch = np.concatenate([batch] * -(-plan.batch_size // len(batch)))[: plan.batch_size]
    with quiet_decoder():
        decoded = _rate([lambda data=data: prepare(data) for data in files], cores, seconds * SHARES["decode"])
    described = _rate([lambda: engine(batch)], cores, seconds * SHARES["describe"]) * len(batch)
    steps, judged = _train(config, device, [level.width for level in backbone.levels], seconds)
    return Speed(
        device=device.type, cores=cores, decode=decoded, describe=described, steps=steps, judged=judged,
        batch_size=config.batch_size, epochs=config.epochs,
    )  # fmt: skip


def _rate(works: Sequence[Callable[[], object]], threads: int, seconds: float) -> float:
    """Pieces of work per second by so many threads, after each has done one."""
    for work in works[:threads]:
        work()

    def repeat(number: int) -> int:
        done = 0
        while time.perf_counter() < until:
            works[(number + done) % len(works)]()
            done += 1
        return done

    began = time.perf_counter()
    until = began + seconds
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(repeat, range(threads)))
    return done / (time.perf_counter() - began)


def _pictures() -> list[bytes]:
    """JPEGs of smooth surfaces with grain, about as large as photos of their size."""
    generator, files = np.random.default_rng(0), []
    for _ in range(PICTURES):
        small = Image.fromarray(generator.integers(0, 255, (24, 32, 3), dtype=np.uint8))
        smooth = np.asarray(small.resize(SIZE, Image.Resampling.BICUBIC), dtype=np.int16)
        grain = generator.normal(0, 6, smooth.shape).astype(np.int16)
        sink = io.BytesIO()
        Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(sink, "JPEG", quality=QUALITY)
        files.append(sink.getvalue())
    return files


def _train(config: Config, device: torch.device, widths: list[int], seconds: float) -> tuple[float, float]:
    """Steps per second, and rows per second that are judged, of the model that the configuration describes."""
    attributes = tuple(
        Attribute(column=f"a{n}", id=f"a{n:02d}", kind=Kind.CATEGORICAL, classes=tuple(f"c{c}" for c in range(CLASSES)))
        for n in range(ATTRIBUTES)
    )
    schema, generator = Schema(images=("image",), attributes=attributes), np.random.default_rng(0)
    shape = (ROWS, ATTRIBUTES)
    labels = Labels(
        state=np.full(shape, VALUE, np.int8), index=generator.integers(0, CLASSES, shape).astype(np.int32),
        members=Labels.no_members(ROWS, schema.layout().num_scores), number=np.full(shape, np.nan),
    )  # fmt: skip
    features = torch.from_numpy(generator.standard_normal((ROWS, sum(widths)), dtype=np.float32))
    part = Part(features=features, targets=targets_of(schema, labels, {}, None), labels=labels).to(device)
    model = model_of(schema, config, widths).to(device)
    losses = {kind: (one.name, one.options) for kind in Kind for one in [getattr(config.losses, kind.value)]}
    objective = Objective(schema=schema, losses=losses).to(device)
    counts = count_classes(schema, labels)
    objective.prepare(counts)
    objective.begin_epoch(progress=0.0, epoch=0)
    step = Step(
        model=model, objective=objective, clip=config.clip,
        balancer=BALANCERS[config.balancing.name](
            names=[a.column for a in attributes], seed=config.seed, **config.balancing.options
        ),
        optimizer=BlockAdamW(parameter_groups(model, schema, config)),
        bfloat16=in_bfloat16(config, LARGE, device),
    )  # fmt: skip
    step.begin_epoch(0, continued=False)
    reweighting = create_reweighting(config.reweighting.name, config.reweighting.options)
    weights = class_weights(schema, counts, reweighting, progress=0.0, epoch=0).to(device)

    def one() -> None:
        rows = torch.from_numpy(generator.permutation(ROWS)[: config.batch_size]).to(device)
        training_step(step, part.numbers()[rows], part.targets.take(rows), weights)

    for _ in range(2):
        one()
    steps = _rate([one], 1, seconds * SHARES["step"])
    whole = features.numpy()
    judged = _rate([lambda: logits_of(model, whole)], 1, seconds * SHARES["judge"]) * ROWS
    return steps, judged
