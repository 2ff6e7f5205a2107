"""What this machine can do: rates, and what follows from them for the usual jobs."""

from pathlib import Path

import pytest

from facetwise.training import Speed, measure_speed


def _speed(**changed: float) -> Speed:
    plain = {"decode": 200.0, "describe": 100.0, "steps": 50.0, "judged": 1000.0}
    return Speed(device="cpu", cores=2, batch_size=100, epochs=10, **{**plain, **changed})


def test_the_same_cores_do_one_after_the_other_and_a_gpu_does_both_at_once() -> None:
    assert _speed().extract == pytest.approx(200 / 3)
    gpu = Speed(device="cuda", cores=8, decode=200.0, describe=900.0, steps=1, judged=1, batch_size=1, epochs=1)
    assert gpu.extract == 200.0


def test_a_job_takes_what_its_parts_take() -> None:
    told = _speed().seconds(10_000)
    assert told["extract"] == pytest.approx(150)
    # 7,000 rows are 70 steps of 1/50 s, and 1,500 rows are judged at 1,000/s, ten times.
    assert told["train"] == pytest.approx(10 * (70 / 50 + 1.5))
    assert _speed(steps=100.0).seconds(10_000)["train"] < told["train"]


def test_this_machine_is_measured(tmp_path: Path) -> None:
    speed = measure_speed(cache=tmp_path, seconds=0.4)
    assert min(speed.decode, speed.describe, speed.steps, speed.judged) > 0
    assert speed.cores >= 1
    assert speed.seconds(9_000)["extract"] > 0
