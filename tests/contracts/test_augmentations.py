"""Every augmentation keeps pictures pictures, and draws from the generator that it is given and from nothing else."""

import numpy as np
import pytest
import torch

from facetwise.errors import UserError
from facetwise.training.augmentation import AUGMENTATIONS, HorizontalFlip, RandomErasing, chained

NAMES = ["none", "light", "strong", "random_resized_crop", "flip", "rotation", "perspective", "colour_jitter",
         "random_erasing", "coarse_dropout", "elastic", "grid_distortion", "trivial_augment"]  # fmt: skip


def _picture(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = rng.integers(0, 256, (6, 5, 3)).repeat(6, axis=0).repeat(8, axis=1)
    return np.clip(smooth + rng.integers(-9, 10, smooth.shape), 0, 255).astype(np.uint8)


def test_the_table() -> None:
    assert list(AUGMENTATIONS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_same_draws_give_the_same_picture(name: str) -> None:
    """And torch's generator, which threads share, neither decides nor moves."""
    change = chained([AUGMENTATIONS[name]()])
    found = []
    for world in (1, 2):
        torch.manual_seed(world)
        np.random.seed(world)
        before = torch.get_rng_state(), np.random.get_state()[1].copy()
        found.append([change(_picture(), np.random.default_rng(seed)) for seed in range(40)])
        assert torch.equal(before[0], torch.get_rng_state())
        assert (before[1] == np.random.get_state()[1]).all()
    for first, second in zip(*found, strict=True):
        assert (first == second).all()


@pytest.mark.parametrize("name", NAMES)
def test_pictures_stay_pictures(name: str) -> None:
    change, original = chained([AUGMENTATIONS[name]()]), _picture()
    kept = original.copy()
    results = [change(original, np.random.default_rng(seed)) for seed in range(60)]
    assert all(result.shape == original.shape and result.dtype == np.uint8 for result in results)
    assert (original == kept).all(), "the picture that was given is not written to"
    changed = sum(bool((result != original).any()) for result in results)
    assert (changed == 0) == (name == "none")
    if name != "none":  # still about the same picture: nothing is blanked or inverted on the whole
        means = [abs(float(result.mean()) - float(original.mean())) for result in results]
        assert np.median(means) < 40


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in ("none", "light", "strong", "random_resized_crop")]
)
def test_probability_zero_is_no_change(name: str) -> None:
    change = chained([AUGMENTATIONS[name](probability=0.0)])
    for seed in range(20):
        assert (change(_picture(), np.random.default_rng(seed)) == _picture()).all()
    with pytest.raises(UserError, match="between 0 and 1"):
        AUGMENTATIONS[name](probability=1.5)


def test_a_flip_is_a_flip() -> None:
    flipped = chained([HorizontalFlip(probability=1.0)])(_picture(), np.random.default_rng(0))
    assert (flipped == _picture()[:, ::-1]).all()


def test_erasing_erases_as_much_as_it_says() -> None:
    change = chained([RandomErasing(least=0.1, most=0.2, probability=1.0)])
    shares = [(change(_picture(), np.random.default_rng(seed)) != _picture()).any(axis=2).mean() for seed in range(60)]
    assert min(shares) > 0.05
    assert max(shares) < 0.25
    assert 0.1 < np.mean(shares) < 0.2
