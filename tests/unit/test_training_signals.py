"""When a request to stop is answered."""

import pytest

from facetwise.errors import Interrupted
from facetwise.training import Stopping


def test_a_signal_that_comes_while_the_others_are_asked_waits_for_the_next_check() -> None:
    stop = Stopping()

    def agree(mine: int) -> int:
        """The exchange takes a while; the signal comes in the middle of it, and nobody had been asked before."""
        stop.ask(15)
        return mine

    with stop.deferred():
        stop.check(lambda: "saved", agree=agree)
        with pytest.raises(Interrupted, match="saved") as raised:
            stop.check(lambda: "saved")
    assert raised.value.code == 143


def test_what_another_was_asked_stops_this_one_too() -> None:
    stop = Stopping()
    with stop.deferred(), pytest.raises(Interrupted) as raised:
        stop.check(lambda: "saved", agree=lambda mine: max(mine, 2))
    assert raised.value.code == 130
