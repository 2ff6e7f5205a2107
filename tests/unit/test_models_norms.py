"""Normalisations: PyTorch's numbers, one item, several processes."""

import pytest
import torch

from facetwise.models._norms import BatchNormBank


def test_batch_norm_is_pytorchs_with_its_running_statistics() -> None:
    ours, theirs = BatchNormBank(width=3, bank=2).double(), torch.nn.BatchNorm1d(6).double()
    for seed in range(4):
        given = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        torch.testing.assert_close(ours(given).flatten(1), theirs(given.flatten(1)))
    torch.testing.assert_close(ours.mean, theirs.running_mean)
    torch.testing.assert_close(ours.variance, theirs.running_var)
    torch.testing.assert_close(ours.eval()(given).flatten(1), theirs.eval()(given.flatten(1)))


def test_batch_norm_takes_one_item() -> None:
    """`nn.BatchNorm1d` raises an error on it while training: the tail of an epoch would end a run."""
    with pytest.raises(ValueError, match="more than 1 value"):
        torch.nn.BatchNorm1d(3)(torch.ones(1, 3))
    norm = BatchNormBank(width=3, bank=1)
    norm(torch.randn(8, 3))
    before = norm.mean.clone()
    one = torch.randn(1, 3)
    torch.testing.assert_close(norm(one), norm.eval()(one))
    assert torch.equal(norm.mean, before)


def test_batch_norm_over_processes_is_that_of_the_whole_batch() -> None:
    whole = torch.randn(6, 4, dtype=torch.float64)
    alone = BatchNormBank(width=4, bank=1).double()
    expected = alone(whole)
    part = BatchNormBank(width=4, bank=1).double()
    mean = whole.mean(dim=0)
    # What a sum over two processes gives to each of them: first counts and sums, then squares.
    sums = [torch.cat([torch.tensor([6.0]).double(), whole.sum(dim=0)]), (whole - mean).square().sum(dim=0)]
    part.total = lambda _: sums.pop(0)
    torch.testing.assert_close(part(whole[:2]), expected[:2])
    torch.testing.assert_close(part.variance, alone.variance)
