"""Twenty steps on made data of every kind: the numbers of `trace.json`.

Rewrite it, after a change that is meant to move the numbers, with: `python tests/golden/trace_of_training.py`
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from facetwise.config import Config
from facetwise.models import build_model
from facetwise.objectives import BALANCERS, REWEIGHTING, class_weights, count_classes
from facetwise.training import BlockAdamW
from facetwise.training._groups import parameter_groups
from facetwise.training._loop import Step, training_step
from facetwise.training._order import epoch_order
from facetwise.training.schedules import CosineSchedule
from made_facets import made_features, made_labels, made_objective, made_schema, made_targets

STEPS, BATCH, LEVELS = 20, 12, [6, 8]
TRACE = Path(__file__).with_name("trace.json")


def trace() -> dict[str, Any]:
    """Losses of every attribute at every step, and what they were computed with."""
    schema = made_schema()
    labels = made_labels(schema, 60, seed=11)
    # Every option is written out, so that a new default does not move the trace.
    model = build_model(
        schema,
        levels=LEVELS,
        trunk="shared",
        trunk_options={"width": 16, "layers": 2, "dropout": 0.1},
        head="linear",
        depth=True,
        input_dropout=0.1,
        seed=5,
    )
    config = Config(learning_rate=0.01, weight_decay=0.05, clip=1.0)
    features = torch.from_numpy(made_features(labels, schema, sum(LEVELS), seed=12))
    targets = made_targets(schema, labels, torch.float32)
    weights = class_weights(schema, count_classes(schema, labels), REWEIGHTING["sqrt"](), progress=0.0)
    step = Step(
        model=model,
        objective=made_objective(schema, categorical=("cross_entropy", {"label_smoothing": 0.05})),
        balancer=BALANCERS["equal"](names=[a.column for a in schema.attributes], seed=0),
        optimizer=BlockAdamW(parameter_groups(model, schema, config)),
        clip=config.clip,
    )
    torch.manual_seed(5)
    model.train()
    batches = [rows for epoch in range(4) for rows in epoch_order(60, seed=5, epoch=epoch).split(BATCH)]
    losses = []
    for number, rows in enumerate(batches[:STEPS]):
        step.optimizer.scale = CosineSchedule(steps=STEPS, per_epoch=1, warmup=4).factor(number)
        each, _ = training_step(step, features[rows], targets.take(rows), weights)
        losses.append([float(loss) for loss in each])
    return {
        "header": {
            "what": "loss of every attribute at each of 20 steps on made data; see trace_of_training.py",
            "rewrite": "python tests/golden/trace_of_training.py",
            "torch": torch.__version__.partition("+")[0],
            "numpy": np.__version__,
            "threads": torch.get_num_threads(),
        },
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "layout": hashlib.sha256("\n".join(schema.layout().names).encode()).hexdigest(),
        "attributes": [attribute.column for attribute in schema.attributes],
        "losses": losses,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = trace()
    lines = [f"    {json.dumps(row)}" for row in found.pop("losses")]
    text = json.dumps(found, indent=2).removesuffix("\n}")
    TRACE.write_text(text + ',\n  "losses": [\n' + ",\n".join(lines) + "\n  ]\n}\n", encoding="utf-8")
