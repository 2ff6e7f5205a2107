"""Trains made facets as one of several processes; `together` starts them. Float64, so that 1e-10 means something."""

import os
import sys
from pathlib import Path

import numpy as np

from processes import ranks_of

HERE = Path(__file__).resolve().parent
LEVELS, ITEMS, BATCH, STEPS = [4, 5, 3], 61, 15, 50


def together(
    out: Path, processes: int, *cases: str, seconds: float = 300.0, script: str = "ranks.py"
) -> list[dict[str, np.ndarray]]:
    """The parameters (and losses) that each rank has in the end, by case; or what another script leaves of them."""
    out.mkdir()
    path = os.pathsep.join([str(HERE.parent / "src"), str(HERE), os.environ.get("PYTHONPATH", "")])
    work = ranks_of([sys.executable, str(HERE / script), str(out), *cases], processes, {"PYTHONPATH": path})
    try:
        assert [one.wait(timeout=seconds) for one in work] == [0] * processes
    finally:
        for one in work:
            one.kill()
    return [dict(np.load(out / f"{rank}.npz", allow_pickle=False)) for rank in range(processes)]


def _trained(case: str, world: object) -> dict[str, np.ndarray]:
    """50 steps of `balancer/norm` on batches with most cells unlabelled, some attributes on one half of them only.

    Of `balancer/norm/known` the model is told the category too, where it is labelled.
    """
    import torch

    from facetwise.config import Config
    from facetwise.models import build_model
    from facetwise.objectives import BALANCERS, class_weights, count_classes
    from facetwise.objectives.reweighting import REWEIGHTING
    from facetwise.training import BlockAdamW, Step, parameter_groups, training_step
    from facetwise.training._dealing import Dealer
    from made_facets import made_features, made_labels, made_objective, made_schema, made_targets

    name, norm, *known = case.split("/")
    schema, config = made_schema(), Config(learning_rate=0.01)
    labels = made_labels(schema, ITEMS, seed=3, unknown=0.6)
    weights = class_weights(schema, count_classes(schema, labels), REWEIGHTING["sqrt"](), progress=0.0)
    targets = made_targets(schema, labels)
    features = torch.from_numpy(made_features(labels, schema, sum(LEVELS), seed=5)).double()
    options = {"width": 8, "dropout": 0.0, "norm": norm}
    # What is withheld is drawn by every rank for itself, as dropout is.
    adapters = [("category", {"known": True, "withheld": 0.0})] if known else []
    model = build_model(
        schema, levels=LEVELS, adapters=adapters, trunk="shared", trunk_options=options, input_dropout=0.0, seed=7
    )
    model = model.double().train()
    names = [attribute.column for attribute in schema.attributes]
    step = Step(
        model=model, objective=made_objective(schema), balancer=BALANCERS[name](names=names, seed=4),
        optimizer=BlockAdamW(parameter_groups(model, schema, config)), clip=1.0, world=world,
    )  # fmt: skip
    dealer, losses = Dealer(world=world, whole=True), []
    for number in range(STEPS):
        epoch, at = divmod(number, 5)
        if at == 0:
            step.balancer.begin_epoch(epoch)
        order = np.random.default_rng((1, epoch)).permutation(ITEMS)
        places = order[at * BATCH : (at + 1) * BATCH]  # the last batch of an epoch has one item
        rows = torch.from_numpy(places)
        own = dealer.own(features[rows], targets.take(rows))
        told, _ = training_step(step, *own, weights, copied=dealer.copied(len(places)))
        losses.append(told.numpy().copy())
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    memory = {f"balancer {name}": tensor.numpy() for name, tensor in step.balancer.state_dict().items()}
    return {f"{case} {name}": array for name, array in {**state, **memory, "losses": np.stack(losses)}.items()}


def _main(out: Path, cases: list[str]) -> None:
    from facetwise.training import joined

    with joined() as world:
        found = {name: array for case in cases for name, array in _trained(case, world).items()}
        np.savez(out / f"{world.rank}.npz", **found)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2:])
