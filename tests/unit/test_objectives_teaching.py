"""What a teacher says, as a loss: against brute force for every kind, masked, and 0 where the student agrees."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from facetwise.objectives import Outputs, Teaching
from facetwise.schema import VALUE, Attribute, Coding, Kind, Schema
from made_facets import even_weights, made_labels, made_logits, made_objective, made_schema, made_targets

SCHEMA = made_schema()


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max())
    return e / e.sum()


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    return float((p * (np.log(p) - np.log(q))).sum())


def _bernoulli(a: float) -> np.ndarray:
    return np.array([1 / (1 + np.exp(-a)), 1 / (1 + np.exp(a))])


def _by_hand(ours: np.ndarray, theirs: np.ndarray, place: int, cool: float) -> float:
    """One item, one attribute: distributions written out, then their KL."""
    attribute, block = SCHEMA.attributes[place], SCHEMA.layout().blocks[place]
    s, t = ours[block.logits], theirs[block.logits]
    if block.coding is Coding.SOFTMAX:
        return cool**2 * _kl(_softmax(t / cool), _softmax(s / cool))
    if block.coding is Coding.SIGMOID:
        return cool**2 * float(
            np.mean([_kl(_bernoulli(b / cool), _bernoulli(a / cool)) for a, b in zip(s, t, strict=True)])
        )
    if attribute.kind is Kind.ORDINAL:

        def classes(z: np.ndarray) -> np.ndarray:
            beyond = np.concatenate([[1.0], np.cumprod(1 / (1 + np.exp(-z / cool))), [0.0]])
            return beyond[:-1] - beyond[1:]

        return cool**2 * _kl(classes(t), classes(s))
    if block.coding is Coding.GAUSS:
        p, q = stats.norm(t[0], np.exp(t[1])), stats.norm(s[0], np.exp(s[1]))
        low, high = p.ppf(1e-14), p.isf(1e-14)
        return integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), low, high, limit=200)[0]
    return 0.0


@pytest.mark.parametrize("cool", [1.0, 3.0])
def test_divergence_is_the_one_of_the_distributions(cool: float) -> None:
    ours, theirs = made_logits(SCHEMA, 3, seed=1), made_logits(SCHEMA, 3, seed=2)
    found = Teaching(schema=SCHEMA, temperature=cool).divergence(ours, theirs).numpy()
    for item in range(3):
        for place in range(len(SCHEMA.attributes)):
            expected = _by_hand(ours[item].numpy(), theirs[item].numpy(), place, cool)
            assert found[item, place] == pytest.approx(expected, rel=1e-6, abs=1e-9), SCHEMA.attributes[place].column


def test_a_student_that_agrees_has_nothing_to_learn() -> None:
    logits = made_logits(SCHEMA, 4).requires_grad_()
    found = Teaching(schema=SCHEMA).divergence(logits, logits.detach())
    assert found.abs().max() < 1e-12
    found.sum().backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-12


def test_class_weights_weigh_what_the_teacher_expects() -> None:
    schema = Schema(
        images=("image",),
        attributes=(
            Attribute(column="colour", id="a00", kind=Kind.CATEGORICAL, classes=("red", "blue")),
            Attribute(column="ripe", id="a01", kind=Kind.BINARY, classes=("no", "yes")),
        ),
    )
    weights = even_weights(schema)
    weights.score[:2] = torch.tensor([1.0, 5.0])
    weights.positive[2], weights.negative[2] = 7.0, 2.0
    sure = torch.tensor([[-50.0, 50.0, 50.0], [50.0, -50.0, -50.0]], dtype=torch.float64)
    teaching, ours = Teaching(schema=schema, temperature=1.0), torch.zeros(2, 3, dtype=torch.float64)
    ratio = teaching.divergence(ours, sure, weights) / teaching.divergence(ours, sure)
    torch.testing.assert_close(ratio, torch.tensor([[5.0, 7.0], [1.0, 2.0]], dtype=torch.float64))


def _batch(items: int = 8) -> tuple[Outputs, object]:
    labels = made_labels(SCHEMA, items)
    targets = made_targets(SCHEMA, labels)
    told = {
        "teacher": made_logits(SCHEMA, items, seed=5),
        "taught": torch.from_numpy((labels.state == VALUE).astype(np.float64)),
        "guide": torch.randn(items, 6, dtype=torch.float64),
    }
    from dataclasses import replace

    return Outputs(made_logits(SCHEMA, items, seed=6), torch.randn(items, 9, dtype=torch.float64), {}), replace(
        targets, **told
    )


def test_masked_cells_teach_nothing_and_silent_ones_as_much_as_they_apply() -> None:
    outputs, targets = _batch()
    teaching = Teaching(schema=SCHEMA, likeness=0.0)
    each = teaching.divergence(outputs.logits, targets.teacher)
    total, cells = teaching(outputs, targets)
    own = torch.tensor([block.applicability is None for block in SCHEMA.layout().blocks])
    torch.testing.assert_close(total[own], (each * targets.taught).sum(dim=0)[own])
    parents = [place for place, block in enumerate(SCHEMA.layout().blocks) if block.coding is Coding.SUM]
    assert (cells[parents] == 0).all()


def test_labels_and_teacher_share_the_loss_and_an_unlabelled_batch_teaches() -> None:
    outputs, targets = _batch()
    objective = made_objective(SCHEMA)
    alone, _ = objective(outputs, targets, even_weights(SCHEMA)).mean()
    objective.teaching = Teaching(schema=SCHEMA, share=0.25, likeness=0.0)
    total, cells = objective.teaching(outputs, targets, even_weights(SCHEMA))
    both, active = objective(outputs, targets, even_weights(SCHEMA)).mean()
    torch.testing.assert_close(both, 0.75 * alone + 0.25 * total / cells.clamp_min(1e-9))
    from dataclasses import replace

    silent = replace(
        targets, index=torch.full_like(targets.index, -1), sign_mask=torch.zeros_like(targets.sign_mask),
        number_mask=torch.zeros_like(targets.number_mask), taught=torch.ones_like(targets.taught),
    )  # fmt: skip
    reduced = objective(outputs, silent, even_weights(SCHEMA))
    _, active = reduced.mean()
    assert active.sum() == sum(block.coding is not Coding.SUM for block in SCHEMA.layout().blocks)
    assert objective.touched(reduced)[: len(active)].sum() >= active.sum()


def test_likeness_is_none_where_the_same_pictures_look_alike() -> None:
    outputs, targets = _batch()
    from dataclasses import replace

    turned = torch.linalg.qr(torch.randn(9, 9, dtype=torch.float64))[0]
    same = replace(targets, guide=3.0 * outputs.features @ turned)
    with_it, without = Teaching(schema=SCHEMA, likeness=1.0), Teaching(schema=SCHEMA, likeness=0.0)
    torch.testing.assert_close(with_it(outputs, same)[0], without(outputs, same)[0])
    assert (with_it(outputs, targets)[0] > without(outputs, targets)[0]).any()
