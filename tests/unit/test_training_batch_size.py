"""How many items a step has: what was asked for, or what the table's size says."""

import pytest

from facetwise.config import Config, load_config
from facetwise.training._batch_size import LARGE, in_batches


@pytest.mark.parametrize(("rows", "size", "rate"), [(LARGE - 1, 128, 1.0), (LARGE, 256, 2**0.5)])
def test_many_rows_learn_in_larger_steps_at_a_higher_rate(rows: int, size: int, rate: float) -> None:
    found = in_batches(Config(), rows)
    assert found.batch_size == size
    assert found.learning_rate == pytest.approx(Config().learning_rate * rate)


def test_a_size_that_was_given_stays_and_so_does_the_rate() -> None:
    config = load_config(None, (), batch_size=64)
    assert in_batches(config, 10 * LARGE) is config


def test_pictures_that_a_backbone_learns_from_keep_the_usual_size() -> None:
    config = load_config(None, (), finetune="all")
    found = in_batches(config, 10 * LARGE)
    assert (found.batch_size, found.learning_rate) == (128, config.learning_rate)
