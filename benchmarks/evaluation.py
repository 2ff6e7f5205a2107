"""Time and memory of an evaluation: 100,000 and 1,000,000 items of 50 attributes.

    python benchmarks/evaluation.py 100000 1000000

Thirty categorical attributes with 2 to 20 classes, ten binary, five ordinal, five numeric; a fifth of the cells
unknown, a tenth not applicable, a category, 10,000 groups. Memory is the process's peak, the made-up labels and scores
included.
"""

import resource
import sys
import time

import numpy as np

from facetwise.decisions import Decisions
from facetwise.metrics import evaluate
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Attribute, Kind, Labels, Schema

GROUPS = 10_000


def made_schema() -> Schema:
    """Fifty attributes and a category."""
    sizes = [12, *np.random.default_rng(0).integers(2, 21, size=29).tolist()]
    kinds = [Kind.CATEGORICAL] * 30 + [Kind.BINARY] * 10 + [Kind.ORDINAL] * 5 + [Kind.NUMERIC] * 5
    sizes += [2] * 10 + [5] * 5 + [0] * 5
    attributes = tuple(
        Attribute(column=f"column {place}", id=f"a{place:02d}", kind=kind, classes=tuple(f"c{n}" for n in range(size)))
        for place, (kind, size) in enumerate(zip(kinds, sizes, strict=True))
    )
    return Schema(images=("image",), attributes=attributes, category="column 0")


def made_labels(schema: Schema, items: int, generator: np.random.Generator) -> Labels:
    """Values, unknown cells and cells that do not apply."""
    shape = (items, len(schema.attributes))
    state = generator.choice(np.array([VALUE, UNKNOWN, NOT_APPLICABLE], np.int8), p=[0.7, 0.2, 0.1], size=shape)
    state[:, 0] = VALUE
    index, number = np.full(shape, -1, np.int32), np.full(shape, np.nan)
    for place, attribute in enumerate(schema.attributes):
        if attribute.kind is Kind.NUMERIC:
            number[:, place] = np.where(state[:, place] == VALUE, generator.normal(size=items), np.nan)
        else:
            drawn = (len(attribute.classes) * generator.random(items) ** 2).astype(np.int32)
            index[:, place] = np.where(state[:, place] == VALUE, drawn, -1)
    return Labels(state=state, index=index, members=Labels.no_members(items, schema.layout().num_scores), number=number)


def made_decisions(schema: Schema, truth: Labels, generator: np.random.Generator) -> Decisions:
    """Right in most cells, with confidence that says so."""
    items, layout = len(truth), schema.layout()
    scores = np.zeros((items, layout.num_scores), np.float32)
    index, number = np.full(truth.index.shape, -1, np.int32), np.full(truth.number.shape, np.nan)
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        if attribute.kind is Kind.NUMERIC:
            number[:, place] = np.nan_to_num(truth.number[:, place]) + 0.3 * generator.normal(size=items)
            continue
        drawn = generator.random((items, len(attribute.classes)), dtype=np.float32)
        drawn[np.arange(items), np.maximum(truth.index[:, place], 0)] += 0.6
        drawn /= drawn.sum(axis=1, keepdims=True)
        scores[:, block.scores], index[:, place] = drawn, drawn.argmax(axis=1)
    confidence = generator.random(truth.index.shape, dtype=np.float32)
    return Decisions(
        scores=scores, applies=confidence, state=np.full(truth.state.shape, VALUE, np.int8), index=index,
        members=Labels.no_members(items, layout.num_scores), number=number, confidence=confidence,
    )  # fmt: skip


def main() -> None:
    """Print one line per size."""
    schema = made_schema()
    for items in [int(size) for size in sys.argv[1:]] or [100_000, 1_000_000]:
        generator = np.random.default_rng(0)
        truth = made_labels(schema, items, generator)
        decisions = made_decisions(schema, truth, generator)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        began, used = time.perf_counter(), time.process_time()
        groups = generator.integers(GROUPS, size=items)
        told = evaluate(schema, truth, decisions, train=truth.take(np.arange(min(items, 10_000))), groups=groups)
        seconds = time.perf_counter() - began
        work = time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{items:,} items x {len(schema.attributes)} attributes: {seconds:.1f} s ({work:.1f} s of a core), "
            f"peak {peak:.2f} GB "
            f"({before:.2f} GB before), macro F1 {told.overall['mean_macro_f1']:.3f}"
        )


if __name__ == "__main__":
    main()
