"""What a training step costs under each balancer, as a multiple of the step with equal weighting.

    python benchmarks/balancing.py --save

Trunk 1280 → 512 → 256, batch 256, K = 4, 10, 20, 40 categorical attributes of eight classes, half of the cells unknown;
forward, losses, balancing with its solver, clipping and the optimiser included. Beside ours, in the same rounds: one
backward pass through everything per attribute, as in LibMTL (with gradients cleared between attributes), and TorchJD's
`mtl_backward`. Every round times two steps of each method (some do more in every second one), next to two of equal
weighting, in CPU seconds of one thread, and the ratios' medians are told, so that other programs on the machine weigh
as little as can be.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import date
from itertools import chain
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

import facetwise as fw
from facetwise.config import Config
from facetwise.models import FacetModel
from facetwise.models.heads import LinearHead
from facetwise.models.trunks import Trunk
from facetwise.objectives import BALANCERS, ClassWeights, Objective, Outputs, make_targets
from facetwise.objectives.balancing import GradientBalancer, LossBalancer
from facetwise.schema import UNKNOWN, VALUE, Attribute, Kind, Labels, Schema
from facetwise.training import BlockAdamW, ParameterGroup, Step, training_step

BATCH, FEATURES, MIDDLE, WIDTH, CLASSES = 256, 1280, 512, 256, 8
COUNTS = (4, 10, 20, 40)
# Bounds on the ratio at 20 attributes.
BOUNDS = {"losses": 1.05, "look again": 1.35, "gramian": 2.0}
# Options under which a method does from the first step what it does later.
AT_ONCE = {"stch": {"warmup_epochs": 0}, "excess_mtl": {"warmup_epochs": 0}}


class Funnel(Trunk):
    """Two layers of falling width, as in `trunk: shared`."""

    output = "batch width"

    def __init__(self) -> None:
        super().__init__()
        layers = [(FEATURES, MIDDLE), (MIDDLE, WIDTH)]
        blocks = [(nn.Linear(i, o), nn.LayerNorm(o), nn.GELU(), nn.Dropout(0.1)) for i, o in layers]
        self.blocks = nn.Sequential(*chain.from_iterable(blocks))

    @property
    def width(self) -> int:
        return WIDTH

    def represent(self, features: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.blocks(features), {}

    def shared_parameters(self) -> list[nn.Parameter]:
        return list(self.parameters())

    def shared_cut(self) -> list[nn.Parameter]:
        return list(self.blocks[4].parameters())

    def diagnostics(self, features: Tensor) -> dict[str, np.ndarray | float]:  # noqa: ARG002
        return {}


class Problem:
    """Features, labels, and a model with its optimiser; made anew for every method from the same seed."""

    def __init__(self, attributes: int, name: str, known: float) -> None:
        torch.manual_seed(0)
        random = np.random.default_rng(0)
        values = tuple(f"v{c}" for c in range(CLASSES))
        self.schema = Schema(
            images=("image",),
            attributes=tuple(
                Attribute(column=f"n{n}", id=f"a{n:02d}", kind=Kind.CATEGORICAL, classes=values)
                for n in range(attributes)
            ),
        )
        layout, shape = self.schema.layout(), (BATCH, attributes)
        self.model = FacetModel(
            trunk=Funnel(),
            head=LinearHead(names=layout.names, owner=layout.owner, width=WIDTH, seed=0),
            depth=None,
            num_logits=layout.num_logits,
            attributes=attributes,
            places=range(attributes),
        ).train()
        losses = {kind: ("cross_entropy", {}) for kind in (Kind.CATEGORICAL,)}
        self.objective = Objective(schema=self.schema, losses=losses)
        labels = Labels(
            state=np.where(random.random(shape) < known, VALUE, UNKNOWN).astype(np.int8),
            index=random.integers(0, CLASSES, shape).astype(np.int32),
            members=np.zeros((BATCH, layout.num_scores), np.uint8),
            number=np.full(shape, np.nan),
        )
        self.targets = make_targets(self.schema, labels, labels.number)
        self.features = torch.from_numpy(random.normal(size=(BATCH, FEATURES)).astype(np.float32))
        self.ones = ClassWeights(
            torch.ones(layout.num_scores), torch.ones(layout.num_logits), torch.ones(layout.num_logits)
        )
        rate, decay = Config().learning_rate, Config().weight_decay
        owner = torch.tensor(layout.owner)
        groups = [
            ParameterGroup(parameters=list(self.model.trunk.parameters()), learning_rate=rate, weight_decay=decay),
            ParameterGroup(
                parameters=list(self.model.head.parameters()), learning_rate=rate, weight_decay=decay, owner=owner
            ),
        ]
        names = [attribute.column for attribute in self.schema.attributes]
        self.step = Step(
            model=self.model,
            objective=self.objective,
            balancer=BALANCERS[name](names=names, seed=0, **AT_ONCE.get(name, {})),
            optimizer=BlockAdamW(groups),
            clip=1.0,
        )

    def __call__(self) -> None:
        training_step(self.step, self.features, self.targets, self.ones)

    def losses(self) -> tuple[Tensor, Tensor, Tensor]:
        outputs = Outputs(*self.model(self.features))
        reduced = self.objective(outputs, self.targets, self.ones)
        return reduced.mean()[0], outputs.features, self.objective.touched(reduced)

    def finish(self, touched: Tensor) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.step.optimizer.step(touched)


def one_pass_per_attribute(problem: Problem) -> Callable[[], None]:
    """The usual code: K backward passes through trunk and head, gradients copied out, combined, written back."""
    shared = list(problem.model.trunk.parameters())

    def step() -> None:
        losses, _, touched = problem.losses()
        problem.step.optimizer.zero_grad()
        rows = []
        for loss in losses:
            for parameter in shared:
                parameter.grad = None
            loss.backward(retain_graph=True)
            rows.append(torch.cat([parameter.grad.flatten() for parameter in shared]))
        jacobian = torch.stack(rows)
        gramian = (jacobian @ jacobian.T).double().numpy()
        places = np.arange(len(losses))
        weights = torch.from_numpy(problem.step.balancer.weigh(gramian, np.ones(len(losses)), places).shared).float()
        direction, start = weights @ jacobian, 0
        for parameter in shared:
            parameter.grad = direction[start : start + parameter.numel()].view_as(parameter).clone()
            start += parameter.numel()
        problem.finish(touched)

    return step


def torchjd(problem: Problem, *, at_representation: bool) -> Callable[[], None]:
    """TorchJD's UPGrad: on all shared parameters, or on the representation and then one pass through the trunk."""
    from torchjd.aggregation import UPGrad
    from torchjd.autojac import jac, jac_to_grad, mtl_backward

    aggregator, shared = UPGrad(), list(problem.model.trunk.parameters())
    own = list(problem.model.head.parameters())

    def step() -> None:
        losses, representation, touched = problem.losses()
        problem.step.optimizer.zero_grad()
        tensors = list(losses)
        if at_representation:
            rows = jac(tensors, representation, retain_graph=True)[0]  # (task, batch, width)
            direction = aggregator(rows.flatten(1)).view_as(representation)
            losses.sum().backward(inputs=own, retain_graph=True)
            representation.backward(direction, inputs=shared)
        else:
            mtl_backward(
                tensors,
                features=[representation],
                tasks_params=[own for _ in tensors],
                shared_params=shared,
                retain_graph=True,
            )
            jac_to_grad(shared, aggregator)
        problem.finish(touched)

    return step


def main() -> None:
    """Time the steps in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--counts", type=int, nargs="*", default=COUNTS)
    parser.add_argument("--only", nargs="*", default=list(BALANCERS))
    parser.add_argument("--known", type=float, default=0.5, help="share of labelled cells")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-balancing.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table: dict[str, dict[int, float]] = {}
    base: dict[int, float] = {}
    for count in arguments.counts:
        steps: dict[str, Callable[[], None]] = {n: Problem(count, n, arguments.known) for n in arguments.only}
        steps["K passes (LibMTL's way)"] = one_pass_per_attribute(Problem(count, "upgrad", arguments.known))
        try:
            steps["TorchJD, parameters"] = torchjd(Problem(count, "equal", arguments.known), at_representation=False)
            steps["TorchJD, representation"] = torchjd(Problem(count, "equal", arguments.known), at_representation=True)
        except ImportError as error:
            print(f"without TorchJD: {error}")
        equal, ratios = Problem(count, "equal", arguments.known), {name: [] for name in steps}
        alone = []
        for turn in range(arguments.rounds + 1):
            for name, step in steps.items():
                began = time.process_time()
                equal()
                equal()
                middle = time.process_time()
                step()
                step()
                end = time.process_time()
                if turn >= 1:  # the first steps allocate
                    ratios[name].append((end - middle) / (middle - began))
                    alone.append((middle - began) / 2)
        base[count] = median(alone)
        for name, found in ratios.items():
            table.setdefault(name, {})[count] = median(found)
    print(f"{'step / step with equal weighting':<34}" + "".join(f"{f'K = {count}':>9}" for count in arguments.counts))
    for name, row in table.items():
        print(f"{name:<26}{_kind(name):>8}" + "".join(f"{row[count]:9.2f}" for count in arguments.counts))
    print(f"{'equal weighting, ms':<34}" + "".join(f"{base[count] * 1000:9.1f}" for count in arguments.counts))
    if arguments.save:
        target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-balancing.json"
        target.parent.mkdir(exist_ok=True)
        result = {"environment": fw.environment(), "known": arguments.known, "bounds": BOUNDS, "ratios": table,
                  "equal_milliseconds": {count: seconds * 1000 for count, seconds in base.items()}}  # fmt: skip
        target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _kind(name: str) -> str:
    """What a method is held to: one pass, one and a look, the Gramian, or K × P numbers."""
    if name not in BALANCERS:
        return ""
    kind = BALANCERS[name]
    if issubclass(kind, GradientBalancer):
        return "K × P"
    return "losses" if issubclass(kind, LossBalancer) else kind.needs


if __name__ == "__main__":
    main()
