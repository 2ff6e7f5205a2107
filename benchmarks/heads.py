"""Cost of a training step as the number of attributes grows, packed and with a loop over `nn.Linear` heads.

    python benchmarks/heads.py --save

Batch 256, 512 classes in all, features of nine levels (4,192 wide), a category that decides which attributes apply,
gates over depth, every kind of attribute, half of the cells unknown, clipping and the optimiser included. The three
kinds of step are timed in turn, round by round, and compared by medians, so that a busy machine slows all alike.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import facetwise as fw
from facetwise.config import Config
from facetwise.models import build_model
from facetwise.objectives import BALANCERS, ClassWeights, Objective, Targets, make_targets
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Schema
from facetwise.training import BlockAdamW, Step, parameter_groups, training_step

LEVELS = (64, 32, 48, 80, 160, 224, 384, 640, 2560)  # lite0
BATCH, CLASSES, CATEGORIES = 256, 512, 16
LOSSES = {
    Kind.CATEGORICAL: ("cross_entropy", {}),
    Kind.BINARY: ("binary_cross_entropy", {}),
    Kind.MULTILABEL: ("binary_cross_entropy", {}),
    Kind.ORDINAL: ("corn", {}),
    Kind.NUMERIC: ("robust_gaussian", {}),
}


def made_schema(attributes: int) -> Schema:
    """A category, then numbers, yes-or-no, ordinal, multilabel and categorical attributes, `CLASSES` classes in all."""
    names = tuple(f"c{n:02d}" for n in range(CATEGORIES))
    made = [Attribute(column="category", id="a00", kind=Kind.CATEGORICAL, classes=names)]
    kinds = [Kind.NUMERIC, Kind.ORDINAL, Kind.MULTILABEL, Kind.BINARY, Kind.CATEGORICAL]
    wanted = [kinds[n % len(kinds)] for n in range(attributes - 1)]
    fixed = sum({Kind.NUMERIC: 0, Kind.BINARY: 2}.get(kind, 0) for kind in wanted)
    open_ended = [n for n, kind in enumerate(wanted) if kind not in (Kind.NUMERIC, Kind.BINARY)]
    shares = np.diff(np.linspace(0, CLASSES - CATEGORIES - fixed, len(open_ended) + 1).round().astype(int))
    width = dict(zip(open_ended, shares, strict=True))
    for n, kind in enumerate(wanted):
        count = {Kind.NUMERIC: 0, Kind.BINARY: 2}.get(kind) if n not in width else int(width[n])
        made.append(
            Attribute(
                column=f"attribute {n}",
                id=f"a{n + 1:02d}",
                kind=kind,
                classes=tuple(f"v{c}" for c in range(count or 0)),
                applies_to=tuple(names[c] for c in range(CATEGORIES) if (c + n) % 4 < 2),
                undecided=(names[(n + 2) % CATEGORIES],) if (n + 2 + n) % 4 >= 2 else (),
            )
        )
    return Schema(images=("image",), attributes=tuple(made), category="category")


def made_targets(schema: Schema, random: np.random.Generator) -> Targets:
    """Random labels, half of them unknown."""
    width, layout = len(schema.attributes), schema.layout()
    state = random.choice([VALUE, UNKNOWN, NOT_APPLICABLE], size=(BATCH, width), p=[0.5, 0.3, 0.2]).astype(np.int8)
    index = np.full((BATCH, width), -1, np.int32)
    members = np.zeros((BATCH, layout.num_scores), np.uint8)
    number = np.full((BATCH, width), np.nan)
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind is Kind.NUMERIC:
            number[:, place] = random.normal(size=BATCH)
        elif attribute.kind is Kind.MULTILABEL:
            members[:, layout.blocks[place].scores] = random.random((BATCH, len(attribute.classes))) < 0.2
        else:
            index[:, place] = random.integers(0, len(attribute.classes), BATCH)
    return make_targets(schema, Labels(state=state, index=index, members=members, number=number), number)


def packed(attributes: int) -> Callable[[], None]:
    """A step of facetwise."""
    schema = made_schema(attributes)
    random = np.random.default_rng(0)
    targets = made_targets(schema, random)
    features = torch.from_numpy(random.normal(size=(BATCH, sum(LEVELS))).astype(np.float32))
    model = build_model(schema, levels=LEVELS, seed=0).train()
    layout = schema.layout()
    ones = ClassWeights(torch.ones(layout.num_scores), torch.ones(layout.num_logits), torch.ones(layout.num_logits))
    step = Step(
        model=model,
        objective=Objective(schema=schema, losses=LOSSES),
        balancer=BALANCERS["equal"](names=[a.column for a in schema.attributes], seed=0),
        optimizer=BlockAdamW(parameter_groups(model, schema, Config())),
        clip=1.0,
    )
    return lambda: training_step(step, features, targets, ones) and None


class Looped(nn.Module):
    """The same trunk, and per attribute one linear head on it and one per level behind a softmax gate."""

    def __init__(self, sizes: list[int], trunk: nn.Module, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        self.levels = nn.ModuleList(nn.ModuleList(nn.Linear(w, size, bias=False) for w in LEVELS) for size in sizes)
        self.gates = nn.ParameterList(nn.Parameter(torch.zeros(len(LEVELS))) for _ in sizes)

    def forward(self, features: torch.Tensor) -> list[torch.Tensor]:
        shared, parts = self.trunk(features), features.split(LEVELS, dim=1)
        return [
            head(shared)
            + sum(gate.softmax(0)[n] * level(part) for n, (level, part) in enumerate(zip(own, parts, strict=True)))
            for head, own, gate in zip(self.heads, self.levels, self.gates, strict=True)
        ]


def looped(attributes: int) -> Callable[[], None]:
    """The usual code: a loop over heads and losses, and PyTorch's fused AdamW."""
    schema = made_schema(attributes)
    random = np.random.default_rng(0)
    targets = made_targets(schema, random)
    features = torch.from_numpy(random.normal(size=(BATCH, sum(LEVELS))).astype(np.float32))
    trunk = build_model(schema, levels=LEVELS, seed=0).trunk
    blocks = schema.layout().blocks
    model = Looped([block.stop - block.start for block in blocks], trunk, trunk.width).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05, fused=True)

    def step() -> None:
        total = torch.zeros(())
        for place, logits in enumerate(model(features)):
            kind, block = schema.attributes[place].kind, blocks[place]
            if kind is Kind.CATEGORICAL:
                rows = targets.index[:, place] >= 0
                loss = functional.cross_entropy(logits[rows], targets.index[rows, place])
            elif kind is Kind.NUMERIC:
                rows = targets.number_mask[:, place]
                loss = functional.smooth_l1_loss(logits[rows, 0], targets.number[rows, place])
            else:
                mask = targets.sign_mask[:, block.logits]
                loss = functional.binary_cross_entropy_with_logits(logits[mask], targets.sign[:, block.logits][mask])
            total = total + loss
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def main() -> None:
    """Time the steps in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-heads.json")
    arguments = parser.parse_args()
    steps = {"packed, 4": packed(4), "packed, 64": packed(64), "loop, 4": looped(4), "loop, 64": looped(64)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(arguments.rounds + 5):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if turn >= 5:  # the first steps allocate
                times[name].append(time.perf_counter() - began)
    middle = {name: median(values) for name, values in times.items()}
    ratios = {
        "packed 64 / packed 4": median(a / b for a, b in zip(times["packed, 64"], times["packed, 4"], strict=True)),
        "loop 64 / packed 64": median(a / b for a, b in zip(times["loop, 64"], times["packed, 64"], strict=True)),
        "loop 4 / packed 4": median(a / b for a, b in zip(times["loop, 4"], times["packed, 4"], strict=True)),
    }
    for name, seconds in middle.items():
        print(f"{name + ' attributes':<24}{seconds * 1000:8.1f} ms")
    for name, ratio in ratios.items():
        print(f"{name:<24}{ratio:8.2f}")
    if arguments.save:
        target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-heads.json"
        target.parent.mkdir(exist_ok=True)
        result = {
            "environment": fw.environment(),
            "milliseconds": {k: v * 1000 for k, v in middle.items()},
            "ratios": ratios,
        }
        target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
