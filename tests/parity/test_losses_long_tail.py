"""Losses for classes of unequal frequency against their papers' formulas, written out with plain loops in float64."""

from collections.abc import Callable
from math import exp, log

import numpy as np
import pytest
import torch

from facetwise.objectives import LOSSES, ClassCounts, ClassWeights, Loss, Outputs, Targets, count_classes
from facetwise.objectives._leaf_counts import leaf_counts
from facetwise.schema import Attribute, Kind, Labels, Parent, Schema
from made_facets import even_weights, made_labels, made_logits, made_schema, made_targets

ITEMS = 40
SCHEMA = made_schema()
LAYOUT = SCHEMA.layout()
LABELS = made_labels(SCHEMA, ITEMS, seed=4)
TARGETS = made_targets(SCHEMA, LABELS)
LOGITS = made_logits(SCHEMA, ITEMS)
FEATURES = torch.randn(ITEMS, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
# Logits that are cosines times a scale say so beside them; LDAM reads it.
AUX = {"scale": torch.linspace(2.0, 5.0, LAYOUT.num_logits, dtype=torch.float64)}
COUNTS = count_classes(SCHEMA, LABELS)
# Long-tailed, one class that no training row has.
LONG = np.array([1000.0, 100.0, 10.0, 0.0])


def _counted(column: str, found: np.ndarray) -> ClassCounts:
    score = COUNTS.score.copy()
    score[LAYOUT.blocks[SCHEMA.index[column]].scores] = found
    return ClassCounts(score, COUNTS.sign)


def _uneven() -> ClassWeights:
    weights = even_weights(SCHEMA)
    generator = torch.Generator().manual_seed(9)
    weights.score.copy_(torch.rand(len(weights.score), generator=generator, dtype=torch.float64) + 0.5)
    return weights


def _built(name: str, column: str, counts: ClassCounts = COUNTS, **options: object) -> Loss:
    loss = LOSSES[name](schema=SCHEMA, places=(SCHEMA.index[column],), **options)
    loss.prepare(counts, dtype=torch.float64)
    loss.begin_epoch(progress=0.9, epoch=90)
    return loss


def _cells(loss: Loss, logits: torch.Tensor = LOGITS, targets: Targets = TARGETS) -> np.ndarray:
    return loss(Outputs(logits, FEATURES, AUX), targets, _uneven()).loss[:, 0].detach().numpy()


def _expected(column: str, formula: Callable[[np.ndarray, int, int], float], *, weighted: bool = True) -> np.ndarray:
    """`formula(logits of the attribute, class, row)` for every labelled cell, times the class weight."""
    block, weights = LAYOUT.blocks[place := SCHEMA.index[column]], _uneven().score.numpy()
    result = np.zeros(ITEMS)
    for row in range(ITEMS):
        code = int(LABELS.index[row, place])
        if code >= 0:
            weight = weights[block.score_start + code] if weighted else 1.0
            result[row] = weight * formula(LOGITS[row, block.logits].numpy(), code, row)
    assert (result > 0).any()
    return result


def _p(z: np.ndarray) -> np.ndarray:
    return np.array([exp(value) for value in z]) / sum(exp(value) for value in z)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal(gamma: float) -> None:
    wanted = _expected("colour", lambda z, y, _: -0.7 * (1 - _p(z)[y]) ** gamma * log(_p(z)[y]))
    np.testing.assert_allclose(_cells(_built("focal", "colour", gamma=gamma, alpha=0.7)), wanted, rtol=1e-11)


def test_focal_of_a_certain_cell_has_a_gradient() -> None:
    """(1 - p)^γ with γ < 1 has an infinite slope at p = 1, and 0 * infinity is not a number."""
    logits = (1e4 * LOGITS).requires_grad_()
    loss = _built("focal", "colour", gamma=0.5)(Outputs(logits, FEATURES, AUX), TARGETS, _uneven()).loss
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert (loss == 0).any()
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("beta", "published"), [(0.9999, [0.028, 0.271, 2.70]), (0.999, [0.042, 0.28, 2.68])], ids=["cui", "fishnet"]
)
def test_class_balanced_weights_are_the_published_ones(beta: float, published: list[float]) -> None:
    balance = _built("class_balanced", "colour", _counted("colour", LONG), beta=beta).balance.numpy()
    np.testing.assert_allclose(3 * balance[:3] / balance[:3].sum(), published, atol=0.005)
    assert balance[3] == 0


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_class_balanced(gamma: float) -> None:
    def formula(z: np.ndarray, y: int, _: int) -> float:
        effective = [0.0 if n == 0 else (1 - 0.99) / (1 - 0.99**n) for n in LONG]
        mean = sum(v * n for v, n in zip(effective, LONG, strict=True)) / sum(LONG)
        return -effective[y] / mean * (1 - _p(z)[y]) ** gamma * log(_p(z)[y])

    loss = _built("class_balanced", "colour", _counted("colour", LONG), beta=0.99, gamma=gamma)
    np.testing.assert_allclose(_cells(loss), _expected("colour", formula, weighted=False), rtol=1e-10)


def _one_scale(scale: float) -> dict[str, torch.Tensor]:
    return {"scale": torch.full((LAYOUT.num_logits,), scale, dtype=torch.float64)}


@pytest.mark.parametrize("head", [30.0, 14.0])
@pytest.mark.parametrize("scale", [None, 30.0])
def test_ldam(head: float, scale: float | None) -> None:
    """The authors' code on the cosines: subtract the margin at y, multiply by s, cross-entropy."""

    def formula(z: np.ndarray, y: int, _: int) -> float:
        margins = [0.4 * (n**-0.25) / (10**-0.25) if n else 0.4 for n in LONG]
        cosine = z / 3
        cosine[y] -= margins[y]
        return -log(_p((scale or head) * cosine)[y])

    loss = _built("ldam", "colour", _counted("colour", LONG), max_margin=0.4, scale=scale)
    assert loss.needs == {"counts", "cosine"}
    found = loss(Outputs(LOGITS / 3 * head, FEATURES, _one_scale(head)), TARGETS, _uneven()).loss[:, 0]
    np.testing.assert_allclose(found, _expected("colour", formula), rtol=1e-9, atol=1e-13)


def test_ldam_is_exact_where_the_probability_rounds_to_one() -> None:
    """1 - p loses its digits in float32 at scale 30; the margin is what is left of the loss there."""
    loss = _built("ldam", "brand")
    place = SCHEMA.index["brand"]
    results = {}
    for dtype in (torch.float32, torch.float64):
        logits = torch.zeros(1, LAYOUT.num_logits, dtype=dtype)
        logits[0, LAYOUT.blocks[place].start] = 30 * 0.6
        targets = made_targets(SCHEMA, LABELS.take(np.array([0])), dtype)
        targets.index[0, place] = 0
        outputs = Outputs(logits, FEATURES[:1], _one_scale(30.0))
        results[dtype] = float(loss(outputs, targets, even_weights(SCHEMA, dtype)).loss)
    margin = float(loss.margin[0])
    assert results[torch.float64] == pytest.approx(log(1 + exp(-30 * (0.6 - margin))), rel=1e-12)
    assert results[torch.float32] == pytest.approx(results[torch.float64], rel=1e-4)


def test_vector_scaling() -> None:
    def formula(z: np.ndarray, y: int, _: int) -> float:
        counts = np.maximum(LONG, 1)
        delta, prior = (counts.max() / counts) ** 0.3, counts / counts.sum()
        return -log(_p(z / delta + 1.2 * np.log(prior))[y])

    loss = _built("vector_scaling", "colour", _counted("colour", LONG), gamma=0.3, tau=1.2)
    np.testing.assert_allclose(_cells(loss), _expected("colour", formula), rtol=1e-10)


def test_vector_scaling_starts_late() -> None:
    loss, plain = _built("vector_scaling", "colour", start=5), _cells(_built("cross_entropy", "colour"))
    for epoch, same in ((4, True), (5, False)):
        loss.begin_epoch(progress=epoch / 20, epoch=epoch)
        assert np.allclose(_cells(loss), plain, rtol=1e-12) is same


def test_its_limits_are_logit_adjustment_and_temperatures() -> None:
    counts = _counted("colour", LONG)
    la = _cells(_built("vector_scaling", "colour", counts, gamma=0.0, tau=1.0))
    np.testing.assert_allclose(_cells(_built("logit_adjustment", "colour", counts)), la, rtol=1e-12)
    np.testing.assert_allclose(_cells(_built("balanced_softmax", "colour", counts)), la, rtol=1e-12)
    cdt = _cells(_built("vector_scaling", "colour", counts, gamma=0.3, tau=0.0))
    np.testing.assert_allclose(_cells(_built("class_dependent_temperature", "colour", counts)), cdt, rtol=1e-12)


def test_logit_adjustment() -> None:
    prior = np.maximum(LONG, 1) / np.maximum(LONG, 1).sum()
    wanted = _expected("colour", lambda z, y, _: -log(_p(z + 0.8 * np.log(prior))[y]))
    loss = _built("logit_adjustment", "colour", _counted("colour", LONG), tau=0.8)
    np.testing.assert_allclose(_cells(loss), wanted, rtol=1e-10)


def test_balanced_softmax() -> None:
    def formula(z: np.ndarray, y: int, _: int) -> float:
        terms = [max(n, 1) * exp(value) for n, value in zip(LONG, z, strict=True)]
        return -log(terms[y] / sum(terms))

    loss = _built("balanced_softmax", "colour", _counted("colour", LONG))
    np.testing.assert_allclose(_cells(loss), _expected("colour", formula), rtol=1e-10)


def test_class_dependent_temperature() -> None:
    counts = np.maximum(LONG, 1)
    wanted = _expected("colour", lambda z, y, _: -log(_p(z * (counts / counts.max()) ** 0.6)[y]))
    loss = _built("class_dependent_temperature", "colour", _counted("colour", LONG), gamma=0.6)
    np.testing.assert_allclose(_cells(loss), wanted, rtol=1e-10)


def test_logit_adjustment_of_a_perfect_model_balances_it() -> None:
    """The loss is least at the logits log p(x | class), those of equal frequencies, not of the table's.

    It is convex in the logits, so that a gradient of 0 is the minimum.
    """
    likelihood = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.25, 0.25, 0.5]])  # p(x | class), row per class
    counts = np.array([600.0, 300.0, 100.0])
    attribute = Attribute(column="c", id="a", kind=Kind.CATEGORICAL, classes=tuple("abc"))
    schema = Schema(images=("i",), attributes=(attribute,))
    loss = LOSSES["logit_adjustment"](schema=schema, places=(0,))
    loss.prepare(ClassCounts(counts, np.zeros((3, 2))), dtype=torch.float64)
    logits = torch.from_numpy(np.log(likelihood.T)).requires_grad_()  # (x, class)
    joint = torch.from_numpy(likelihood * counts[:, None] / counts.sum())  # (class, x)
    false, index = torch.zeros(9, 3, dtype=torch.bool), torch.arange(3)[:, None].expand(3, 3).reshape(-1, 1)
    targets = Targets(
        index=index, sign=false.double(), sign_mask=false, number=torch.zeros(9, 1).double(), number_mask=false[:, :1]
    )
    cells = loss(Outputs(logits.repeat(3, 1), torch.empty(0), {}), targets, even_weights(schema)).loss
    (gradient,) = torch.autograd.grad((cells.reshape(3, 3) * joint).sum(), logits)
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_influence_balanced(gamma: float) -> None:
    loss, place = _built("influence_balanced", "colour", gamma=gamma), SCHEMA.index["colour"]
    logits = LOGITS.clone().requires_grad_()
    found = loss(Outputs(logits, FEATURES, {}), TARGETS, _uneven())
    factor = np.zeros(ITEMS)
    for row in range(ITEMS):
        if (code := int(LABELS.index[row, place])) >= 0:
            miss = _p(LOGITS[row, LAYOUT.blocks[place].logits].numpy())
            miss[code] -= 1
            factor[row] = 1 / (np.abs(miss).sum() * np.abs(FEATURES[row].numpy()).sum() + 1e-3)
    np.testing.assert_allclose(found.divisor[:, 0].numpy(), factor, rtol=1e-10)
    focal = _expected("colour", lambda z, y, _: -((1 - _p(z)[y]) ** gamma) * log(_p(z)[y]))
    np.testing.assert_allclose(found.loss[:, 0].detach().numpy(), factor * focal, rtol=1e-10)
    # The mean that the objective takes: factors of mean 1, without gradient.
    labelled = factor > 0
    scaled = factor / factor[labelled].mean()
    mean = found.loss.sum() / found.divisor.sum()
    assert float(mean.detach()) == pytest.approx((scaled * focal)[labelled].mean(), rel=1e-10)
    other = LOGITS.clone().requires_grad_()
    plain = _built("focal", "colour", gamma=gamma)(Outputs(other, FEATURES, {}), TARGETS, _uneven()).loss[:, 0]
    (torch.from_numpy(scaled) * plain).sum().div(labelled.sum()).backward()
    mean.backward()
    torch.testing.assert_close(logits.grad, other.grad, rtol=1e-9, atol=1e-13)


def test_influence_balanced_reads_the_features_of_the_attribute() -> None:
    """A trunk with one representation per attribute: each attribute has its own norm."""
    loss, rows = _built("influence_balanced", "colour"), sorted(set(LAYOUT.owner))  # parents have no logits, and no row
    shared = loss(Outputs(LOGITS, FEATURES, {}), TARGETS, _uneven())
    stacked = torch.rand(ITEMS, len(rows), 7, dtype=torch.float64)
    stacked[:, rows.index(SCHEMA.index["colour"])] = FEATURES
    own = loss(Outputs(LOGITS, stacked, {}), TARGETS, _uneven())
    torch.testing.assert_close(own.divisor, shared.divisor)


# -- the hierarchy ---------------------------------------------------------------------------------------------------


def _small() -> tuple[Schema, Labels, ClassCounts]:
    """Two coarse classes, three fine ones, and coarse rows that no fine class explains."""
    of = {"heel": "shoe", "flat": "shoe", "tote": "bag"}
    schema = Schema(
        images=("image",),
        attributes=(
            Attribute(column="coarse", id="a00", kind=Kind.CATEGORICAL, classes=("shoe", "bag")),
            Attribute(
                column="fine", id="a01", kind=Kind.CATEGORICAL, classes=tuple(of),
                parent=Parent(column="coarse", of=of, alone=("bag",)),
            ),
        ),
    )  # fmt: skip
    counts = ClassCounts(np.array([90.0, 30.0, 60.0, 30.0, 5.0]), np.zeros((schema.layout().num_logits, 2)))
    return schema, made_labels(schema, 8, unknown=0.0), counts


def test_leaf_counts() -> None:
    schema, _, counts = _small()
    assert schema.layout().names == ("a01/a01/heel", "a01/a01/flat", "a01/a01/tote", "a01/a00/bag")
    assert leaf_counts(schema, counts).tolist() == [60, 30, 5, 25]


def test_leaf_counts_add_up_over_three_levels() -> None:
    found = leaf_counts(SCHEMA, COUNTS)
    fine = LAYOUT.blocks[SCHEMA.index["fine"]]
    assert (found[fine.start : fine.start + 6] == COUNTS.score[fine.scores]).all()
    for column in ("coarse", "department"):
        block = LAYOUT.blocks[SCHEMA.index[column]]
        for score, leaves in zip(COUNTS.score[block.scores], block.leaves, strict=True):
            assert found[list(leaves)].sum() >= min(score, found[list(leaves)].sum())
            lone = [leaf for leaf in leaves if leaf >= fine.start + 6]
            if lone:
                assert found[list(leaves)].sum() >= score


@pytest.mark.parametrize(
    "name", ["logit_adjustment", "balanced_softmax", "vector_scaling", "class_dependent_temperature"]
)
def test_parents_are_sums_of_adjusted_leaves(name: str) -> None:
    schema, labels, counts = _small()
    loss = LOSSES[name](schema=schema, places=(0, 1))
    loss.prepare(counts, dtype=torch.float64)
    logits = made_logits(schema, 8)
    found = loss(Outputs(logits, torch.empty(0), {}), made_targets(schema, labels), even_weights(schema)).loss
    scale, shift = loss.adjustment(np.array([60.0, 30.0, 5.0, 25.0]))
    for row in range(8):
        chance = _p(logits[row].numpy() * scale + shift)
        parents = [chance[0] + chance[1], chance[2] + chance[3]]
        if labels.state[row, 0] == 1:
            assert float(found[row, 0]) == pytest.approx(-log(parents[labels.index[row, 0]]), rel=1e-10)
        if labels.state[row, 1] == 1:
            assert float(found[row, 1]) == pytest.approx(-log(chance[labels.index[row, 1]]), rel=1e-10)


@pytest.mark.parametrize("name", ["focal", "ldam", "class_balanced", "influence_balanced"])
def test_parents_are_sums_of_leaves(name: str) -> None:
    schema, labels, counts = _small()
    options = {"start": 0} if name == "influence_balanced" else {}
    loss = LOSSES[name](schema=schema, places=(0, 1), **options)
    loss.prepare(counts, dtype=torch.float64)
    logits, features = made_logits(schema, 8), torch.ones(8, 3, dtype=torch.float64)
    aux = {"scale": torch.full((4,), 2.0, dtype=torch.float64)}
    found = loss(Outputs(logits, features, aux), made_targets(schema, labels), even_weights(schema)).loss
    margins = {
        0: 0.5 * np.array([(30 / 90) ** 0.25, 1.0]),
        1: 0.5 * np.array([(5 / 60) ** 0.25, (5 / 30) ** 0.25, 1.0]),
    }
    effective = (1 - 0.9999) / (1 - 0.9999**counts.score)
    balance = np.concatenate([
        effective[part] * counts.score[part].sum() / (effective[part] * counts.score[part]).sum()
        for part in (slice(0, 2), slice(2, 5))
    ])  # fmt: skip
    for row in range(8):
        chance = _p(logits[row].numpy())
        for place, chances in enumerate(([chance[0] + chance[1], chance[2] + chance[3]], chance[:3])):
            if labels.state[row, place] != 1:
                continue
            y = int(labels.index[row, place])
            p = chances[y]
            lowered = p * exp(-2.0 * margins[place][y])
            wanted = {
                "focal": -((1 - p) ** 2) * log(p),
                "ldam": -log(lowered / (lowered + 1 - p)),
                "class_balanced": -balance[2 * place + y] * log(p),
                "influence_balanced": -log(p) / (2 * (1 - p) * 3 + 1e-3),
            }[name]
            assert float(found[row, place]) == pytest.approx(wanted, rel=1e-9)
