"""Does it pay to train many seeds of one model at once, stacked by `torch.func`, on cached features?

    python benchmarks/stacked.py --models 8 --batch 128

`one by one`: forward, backward and a fused AdamW step of each model in turn. `stacked`: the parameters of all models in
one tensor each (`torch.func.stack_module_state`), one `vmap` over forward and backward, one AdamW step of the stack.
Each model has its own batch, as seeds have that draw order and split. Dropout is off, so that both can be compared: the
largest difference of a parameter after the first steps is told (float64), then the time per step of all models.

--save writes benchmarks/results/DATE-stacked.json.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
ATTRIBUTES, CLASSES, ROWS = 10, 8, 2048


def _models(count: int, width: int, dtype: Any, device: str) -> list[Any]:
    from facetwise.models import build_model
    from facetwise.schema import Attribute, Kind, Schema

    classes = tuple(f"c{n}" for n in range(CLASSES))
    attributes = tuple(
        Attribute(column=f"a{n}", id=f"a{n:02d}", kind=Kind.CATEGORICAL, classes=classes) for n in range(ATTRIBUTES)
    )
    schema = Schema(images=("image",), attributes=attributes)
    return [
        build_model(
            schema, levels=[width], adapters=[], trunk="shared", trunk_options={"dropout": 0.0}, head="linear",
            head_options={}, depth=False, input_dropout=0.0, seed=seed,
        ).to(device, dtype)
        for seed in range(count)
    ]  # fmt: skip


def _steppers(count: int, width: int, batch: int, dtype: Any, device: str) -> dict[str, Any]:
    """Both ways to make a step, from the same parameters and with the same batches."""
    import copy

    import torch
    from torch.func import functional_call, grad, stack_module_state, vmap

    def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        own = logits[:, : ATTRIBUTES * CLASSES].reshape(-1, CLASSES)
        return torch.nn.functional.cross_entropy(own, labels.reshape(-1))

    torch.manual_seed(0)
    data = torch.randn(ROWS, width, dtype=dtype, device=device)
    truth = torch.randint(0, CLASSES, (ROWS, ATTRIBUTES), device=device)
    models = _models(count, width, dtype, device)
    base = copy.deepcopy(models[0]).to("meta")
    state, buffers = stack_module_state([copy.deepcopy(model) for model in models])
    state = {name: tensor.detach().requires_grad_() for name, tensor in state.items()}
    own = [torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True) for model in models]
    together = torch.optim.AdamW(list(state.values()), lr=1e-3, fused=True)

    def one(parameters: Any, held: Any, rows: torch.Tensor) -> torch.Tensor:
        return loss_of(functional_call(base, (parameters, held), (data[rows],)).logits, truth[rows])

    gradients = vmap(grad(one), in_dims=(0, 0, 0))

    def in_turn(rows: torch.Tensor) -> None:
        for model, optimizer, places in zip(models, own, rows, strict=True):
            optimizer.zero_grad()
            loss_of(model(data[places]).logits, truth[places]).backward()
            optimizer.step()

    def stacked(rows: torch.Tensor) -> None:
        found = gradients({name: tensor.detach() for name, tensor in state.items()}, buffers, rows)
        for name, tensor in state.items():
            tensor.grad = found[name]
        together.step()

    def apart() -> float:
        return max(
            float((tensor[number] - dict(model.named_parameters())[name]).detach().abs().max())
            for number, model in enumerate(models)
            for name, tensor in state.items()
        )

    generator = torch.Generator().manual_seed(1)

    def rows() -> torch.Tensor:
        return torch.stack([torch.randperm(ROWS, generator=generator)[:batch] for _ in range(count)]).to(device)

    return {"one by one": in_turn, "stacked": stacked, "apart": apart, "rows": rows}


def _seconds(step: Callable[[Any], None], rows: Callable[[], Any], steps: int, device: str) -> float:
    import torch

    def now() -> float:
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter()

    given = [rows() for _ in range(steps)]
    step(given[0])
    began = now()
    for one in given:
        step(one)
    return (now() - began) / steps


def main() -> None:
    """Exactness first, then time."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs="+", default=[8])
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--width", type=int, nargs="+", default=[256, 4192])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    exact = _steppers(3, 32, 16, torch.float64, given.device)
    for _ in range(5):
        rows = exact["rows"]()
        exact["one by one"](rows)
        exact["stacked"](rows)
    print(f"largest difference of a parameter after 5 steps, float64: {exact['apart']():.1e}")
    found = []
    for models in given.models:
        for width in given.width:
            for batch in given.batch:
                both = _steppers(models, width, batch, torch.float32, given.device)
                times: dict[str, list[float]] = {"one by one": [], "stacked": []}
                for _ in range(given.rounds):  # in turn, so that a busy machine is busy for both
                    for name, took in times.items():
                        took.append(_seconds(both[name], both["rows"], given.steps, given.device))
                told = {name: statistics.median(took) for name, took in times.items()}
                gain = told["one by one"] / told["stacked"]
                print(f"{models} models, {width} features, batch {batch}: {told}, stacked is {gain:.2f} times as fast")
                found.append({"models": models, "width": width, "batch": batch, **told, "gain": round(gain, 3)})
    if given.save:
        machine = {"platform": platform.platform(), "cores": os.cpu_count(), "threads": torch.get_num_threads()}
        path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-stacked.json"
        told = {"command": "python benchmarks/stacked.py", "device": given.device, **machine, "apart": exact["apart"]()}
        path.write_text(json.dumps({**told, "runs": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
