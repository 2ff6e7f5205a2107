"""What a mixture of experts costs: against one dense product of the same work, and what sparse gates save.

    python benchmarks/experts.py --save

1. 8 experts of width 2,048 on 1,280 features, 12 attributes, batch 256: one forward pass, and one forward and backward
   pass, beside a dense product with as many multiplications. The ratio is to stay below 1.3.
2. The same experts behind a top-k gate, unselected experts left out or not, for 1, 4 and 12 attributes. An expert is
   wanted for an item as soon as one attribute selects it, so the saving goes with the number of attributes.
3. Logits of representations that each attribute has for itself, 50 attributes and 1,000 logits: rows gathered per
   logit, one padded product, products by size (what facetwise does), a loop.

Everything is timed in turn, round by round, and compared by medians, so that a busy machine slows all alike.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

import facetwise as fw
from facetwise.models._rows import RowProduct
from facetwise.models.trunks import MmoeTrunk, _experts

FEATURES, BATCH, EXPERTS, WIDTH = 1280, 256, 8, 2048
Steps = dict[str, Callable[[], object]]


def interleaved(steps: Steps, rounds: int) -> dict[str, list[float]]:
    """Seconds of each step in each round, after two rounds that allocate."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 2):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if turn >= 2:
                times[name].append(time.perf_counter() - began)
    return times


def ratio(times: dict[str, list[float]], above: str, below: str) -> float:
    """Median over rounds of one step's time over another's."""
    return median(a / b for a, b in zip(times[above], times[below], strict=True))


def trunk_of(attributes: int, **options: object) -> MmoeTrunk:
    """A mixture of the size that is timed."""
    names = [f"a{n:02d}" for n in range(attributes)]
    sizes = {"experts": EXPERTS, "hidden": WIDTH, "width": WIDTH, "dropout": 0.0}
    return MmoeTrunk(features=FEATURES, attributes=names, seed=0, **sizes, **options)


def backward(module: Callable[[Tensor], Tensor], given: Tensor) -> Callable[[], None]:
    """Forward and backward, down to the input, from a gradient as a head gives it (not the one number of a sum)."""
    with torch.no_grad():
        gradient = torch.randn_like(module(given))

    def step() -> None:
        read = given.requires_grad_()
        module(read).backward(gradient)
        read.grad = None

    return step


def forward(module: Callable[[Tensor], Tensor], given: Tensor) -> Callable[[], None]:
    """Forward without gradients."""

    def step() -> None:
        with torch.no_grad():
            module(given)

    return step


def dense_steps() -> Steps:
    """A mixture and one dense product with as many multiplications: FEATURES to `wide`."""
    given, trunk = torch.randn(BATCH, FEATURES), trunk_of(12)
    multiplications = EXPERTS * (FEATURES * WIDTH + WIDTH * WIDTH) + 12 * EXPERTS * (FEATURES + WIDTH)
    dense = nn.Linear(FEATURES, round(multiplications / FEATURES))
    return {
        "mixture, forward": forward(trunk, given),
        "dense, forward": forward(dense, given),
        "mixture, forward and backward": backward(trunk, given.clone()),
        "dense, forward and backward": backward(dense, given.clone()),
    }


def sparse_steps(k: int) -> tuple[Steps, dict[str, float]]:
    """Top-k with everything computed and with unselected experts left out; the busiest expert's share of the rows."""
    steps: Steps = {}
    shares: dict[str, float] = {}
    for attributes in (1, 4, 12):
        trunk = trunk_of(attributes, gate="top_k", k=k)
        given = torch.randn(BATCH, FEATURES)
        used = (trunk.gate(given).weights > 0).any(dim=1)
        shares[f"{attributes}"] = float(used.sum(dim=0).max()) / BATCH
        for name, below in (("all", 0.0), ("selected", 2.0)):
            run = backward(trunk, given.clone())

            def step(run: Callable[[], None] = run, below: float = below) -> None:
                kept, _experts.SPARSE_BELOW = _experts.SPARSE_BELOW, below
                run()
                _experts.SPARSE_BELOW = kept

            steps[f"{attributes}, {name}"] = step
    return steps, shares


def head_steps(sizes: list[int], width: int = 256) -> Steps:
    """Four ways to logits of representations that each attribute has for itself."""
    owner = [a for a, size in enumerate(sizes) for _ in range(size)]
    given = torch.randn(BATCH, len(sizes), width)
    weight = nn.Parameter(torch.randn(len(owner), width))
    by_size, index = RowProduct(owner=owner), torch.tensor(owner)
    starts = [sum(sizes[:a]) for a in range(len(sizes))]
    rows = torch.tensor(
        [[s + min(n, size - 1) for n in range(max(sizes))] for s, size in zip(starts, sizes, strict=True)]
    )
    places = torch.tensor([a * max(sizes) + n for a, size in enumerate(sizes) for n in range(size)])

    def gathered(read: Tensor) -> Tensor:
        return (read.index_select(1, index) * weight).sum(dim=2)

    def padded(read: Tensor) -> Tensor:
        return torch.bmm(read.transpose(0, 1), weight[rows].transpose(1, 2)).transpose(0, 1).flatten(1)[:, places]

    def looped(read: Tensor) -> Tensor:
        parts = weight.split(sizes)
        return torch.cat([own @ part.T for own, part in zip(read.unbind(1), parts, strict=True)], dim=1)

    ways = {"gathered": gathered, "padded": padded, "by size": lambda read: by_size(read, weight), "loop": looped}
    return {name: backward(way, given.clone()) for name, way in ways.items()}


def main() -> None:
    """Time, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-experts.json")
    arguments = parser.parse_args()
    result: dict[str, object] = {"environment": fw.environment()}

    times = interleaved(dense_steps(), arguments.rounds)
    for kind in ("forward", "forward and backward"):
        found = ratio(times, f"mixture, {kind}", f"dense, {kind}")
        result[f"mixture / dense, {kind}"] = found
        print(f"mixture / dense, {kind:<24}{found:6.2f}   ({median(times[f'mixture, {kind}']) * 1000:.0f} ms)")

    for k in (1, 2):
        steps, shares = sparse_steps(k)
        times = interleaved(steps, arguments.rounds)
        for attributes, share in shares.items():
            found = ratio(times, f"{attributes}, selected", f"{attributes}, all")
            result[f"top-{k}, {attributes} attributes"] = {"selected / all": found, "busiest expert's share": share}
            print(f"top-{k}, {attributes:>2} attributes: selected / all {found:6.2f}, busiest expert has {share:.0%}")

    evenly, unevenly = [20] * 50, [500, 100, *[2] * 24, *[14] * 23, 30]
    for name, sizes in (("even", evenly), ("one of 500", unevenly)):
        times = interleaved(head_steps(sizes), arguments.rounds)
        result[f"logits, {name}"] = {way: median(each) * 1000 for way, each in times.items()}
        print(
            f"logits of {sum(sizes)}, {name}: " + ", ".join(f"{w} {median(t) * 1000:.1f} ms" for w, t in times.items())
        )
    if arguments.save:
        target = Path(__file__).parent / "results" / f"{date.today().isoformat()}-experts.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
