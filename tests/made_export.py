"""A bundle of every kind of attribute with everything fitted, neighbours included, for exports in a second."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from facetwise.decisions import Calibration, Conformal, Policy, gather
from facetwise.features import Standardizer
from facetwise.inference import Bundle, Predictor
from facetwise.inference.exporting import onnx_file
from facetwise.models import build_model
from facetwise.schema import Labels
from made_facets import made_features, made_labels, made_scales, made_schema
from tiny_backbone import TinyBackbone
from tiny_graphs import tiny_graphs

__all__ = ["POLICY", "THRESHOLDS", "made_file", "made_predictor", "plain_predictor"]

POLICY = Policy(
    calibration=Calibration(
        temperatures={"a00": 1.25, "a01": 0.75, "a02": 1.5, "a03": 2.0, "a06": 0.6, "a12": 1.3},
        labels={
            "a04": ((0.8, -0.2),),
            "a05": ((1.4, 0.1), None, ((-2.0, 0.0, 2.0), (0.1, 0.4, 0.9))),
            "a09": (((-1.0, 1.0), (0.2, 0.8)),),
        },
        applies={"a09": (0.7, 0.3), "a06": (1.2, -0.1)},
        tops={"a03": (0.6, -0.4), "a12": (1.4, 0.3)},
        shifts={"a03": (0.7, -1.1, 0.0, 2.3)},
    ),
    least={"a03": 0.35, "a12": 0.6, "a10": 2.0},
    goals={"a03": "precision>=0.97"},
    conformal={
        "a03": Conformal(method="lac", coverage=0.9, quantile=0.7, rows=40, categories={"shoes": 0.2}),
        # Finite for one category only, and nowhere.
        "a02": Conformal(method="aps", coverage=0.995, quantile=None, rows=150, categories={"shoes": 0.3}),
        "a07": Conformal(method="", coverage=0.995, quantile=None, rows=150, categories={"shoes": 1.5}),
        "a08": Conformal(method="", coverage=0.9, quantile=None, rows=3),
    },
)
THRESHOLDS = {"a04": (0.4,), "a05": (0.3, 0.4, 1 / 3), "a09": (0.55,), "a11": (0.5, 0.45)}
SHARES = {"a00": 0.3, "a01": 0.2, "a02": 0.6, "a04": 0.5, "a05": 0.4, "a06": 0.3, "a07": 0.5, "a08": 0.2, "a12": 0.6}


@cache
def _facts(width: int) -> tuple[Any, Labels, np.ndarray]:
    schema = made_schema()
    labels = made_labels(schema, 150)
    return schema, labels, made_features(labels, schema, width)


@cache
def plain_predictor() -> tuple[Predictor, np.ndarray]:
    """The usual one, the same object every time."""
    return made_predictor()


def made_predictor(
    levels: tuple[int, ...] = (4, 5), *, neighbours: bool = True, l2_normalize: bool = False, backbone: Any = None,
    features: np.ndarray | None = None, **model: Any,
) -> tuple[Predictor, np.ndarray]:  # fmt: skip
    """A predictor that has learnt nothing but decides everything, and features of new items.

    Args:
        levels: Of the features.
        neighbours: Whether training rows vote.
        l2_normalize: Of the standardiser.
        backbone: What the bundle says about it.
        features: Of the training rows; drawn if not given.
        model: Of `build_model`.
    """
    schema, labels, drawn = _facts(sum(levels))
    rows = drawn if features is None else features
    options = {"trunk": "shared", "trunk_options": {"width": 6}, "head": "linear", "head_options": {}, **model}
    network = build_model(schema, levels=list(levels), seed=3, **options).eval()
    bundle = Bundle(
        schema=schema,
        tensors={name: tensor.numpy().copy() for name, tensor in network.state_dict().items()},
        standardizer=Standardizer.fit(rows, levels, l2_normalize=l2_normalize),
        scales=made_scales(schema, labels),
        thresholds=THRESHOLDS,
        policy=POLICY,
        model={
            "trunk": {"name": options["trunk"], "options": options["trunk_options"]},
            "head": {"name": options["head"], "options": options["head_options"]},
            "depth": options.get("depth", True), "views": "mean",
            "adapters": [{"name": name, "options": given} for name, given in options.get("adapters", ())],
        },
        levels="all",
        backbone=backbone or {"mode": "referenced", "name": None, "options": {}, "sha256": None, "licence": None},
        facetwise="0.1.0",
        metrics={"split": "test", "overall": {"mean_accuracy": 0.5}},
    )  # fmt: skip
    predictor = Predictor(bundle, model=network)
    if neighbours:
        _, keys = predictor.read(rows)
        voting = gather(schema, keys, labels, [f"{n}.jpg" for n in range(len(rows))], seed=0)
        predictor = Predictor(replace(bundle, neighbours=replace(voting, shares=SHARES)), model=network)
    new = np.random.default_rng(5).normal(0, 1.2, (40, sum(levels))).astype(np.float32)
    return predictor, new


@cache
def made_file() -> tuple[bytes, Predictor]:
    """Everything as one file from pixels of 16 x 16, and what it was made from; seconds at the first call."""
    about = {"mode": "referenced", "name": "tiny", "options": {}, "sha256": "a" * 64, "licence": "CC0-1.0"}
    trained = np.random.default_rng(1).normal(0, 1, (150, 36)).astype(np.float32)
    predictor, _ = made_predictor((8, 12, 16), backbone=about, features=trained)
    return onnx_file(predictor, backbone=TinyBackbone(), cache=tiny_graphs()), predictor
