"""Estimates: measured while the work begins, said once, and again only if they were wrong."""

import pytest

from facetwise.cli import _progress as progress
from facetwise.cli._estimate import Pace, rounded
from facetwise.cli._progress import Reporter
from facetwise.cli._screen import Screen
from facetwise.events import Event


def test_nothing_is_said_before_the_speed_is_known() -> None:
    pace = Pace(now=0.0, done=0)
    assert pace.left(100) is None
    assert pace.news(100) is None
    pace.add(1.0, 1)
    assert pace.news(1000) is None
    pace.add(3.0, 3)
    assert pace.news(1000) == pytest.approx(997)


def test_an_estimate_is_said_once() -> None:
    pace = Pace(now=0.0, done=0)
    said = []
    for second in range(1, 101):
        pace.add(float(second), second)
        said.append(pace.news(100))
    assert [second for second, left in enumerate(said, 1) if left] == [3]


def test_a_fast_beginning_from_the_cache_is_corrected() -> None:
    """1,000 pictures come from the cache in four seconds, the other 9,000 at ten a second."""
    pace, said = Pace(now=0.0, done=0), []
    for second in range(1, 900):
        pace.add(float(second), 250 * second if second <= 4 else 1000 + 10 * (second - 4))
        if (left := pace.news(10_000)) is not None:
            said.append((second, left, (10_000 - pace._seen[-1][1]) / 10))
    assert said[0][1] < 60
    _, last, truth = said[-1]
    assert last == pytest.approx(truth, rel=0.3)
    assert 2 <= len(said) <= 6


def test_short_work_is_not_announced() -> None:
    pace = Pace(now=0.0, done=0)
    pace.add(4.0, 50)
    assert pace.news(100) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "5 s"), (58, "1 min"), (89, "1 min"), (5_300, "88 min"), (400_000, "111 h")]
)
def test_guesses_are_round(seconds: float, words: str) -> None:
    assert rounded(seconds) == words


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_reporter_announces_long_work(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(Screen(), then="training") as report:
        report(Event("stage", "features of 8,852 pictures with a backbone"))
        for second in range(6):
            clock[0] = float(second)
            report(Event("progress", "pictures", 95 * second, 8_852))
        for epoch in range(1, 4):
            clock[0] += 4.0
            report(Event("epoch", "epoch", epoch, 20, data={"train_loss": 1.0}))
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("about")] == [
        "about 90 s: 8,567 pictures left at ~95/s, then training".replace("90 s", "2 min")
    ]
    [epochs] = [line for line in said if line.startswith("at most")]
    assert epochs.startswith("at most 1 min: 18 more epochs of ~4.0 s")


def test_quiet_announces_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(Screen(quiet=True)) as report:
        for second in range(6):
            clock[0] = float(second)
            report(Event("progress", "pictures", second, 1000))
    said = capsys.readouterr()
    assert said.out + said.err == ""


def test_a_long_first_epoch_is_announced_by_its_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with Reporter(Screen(quiet=False, machine=False)) as report:
        for done in range(50, 500, 50):
            report(Event("row", f"step {done}", done, 10_000))
    said = [line for line in capsys.readouterr().out.splitlines() if "at most about" in line]
    assert len(said) == 1
    assert "steps at ~25/s" in said[0]


def test_work_that_tells_what_is_left_is_announced_at_its_first_word(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of trainings the first is known by its own seconds, without the pictures that were described before it."""
    report = Reporter(Screen())
    report(Event("progress", "trainings", 1, 10, {"left": 540.0}))
    assert "about 9 min: 9 trainings left\n" in capsys.readouterr().out
    clock[0] = 61.0
    report(Event("progress", "trainings", 2, 10, {"left": 500.0}))
    assert "about" not in capsys.readouterr().out
    clock[0] = 121.0
    report(Event("progress", "trainings", 3, 10, {"left": 1500.0}))
    assert "about 25 min: 7 trainings left\n" in capsys.readouterr().out


def test_what_takes_long_is_told_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    report = Reporter(Screen())
    report(Event("estimate", "1,000,000 rows of 40 columns", data={"left": 44.0}))
    report(Event("estimate", "100 rows of 40 columns", data={"left": 0.004}))
    assert capsys.readouterr().out == "about 45 s: 1,000,000 rows of 40 columns\n"
    with Reporter(Screen(quiet=True)) as quiet:
        quiet(Event("estimate", "1,000,000 rows of 40 columns", data={"left": 44.0}))
    assert capsys.readouterr().out == ""
