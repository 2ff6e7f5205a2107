"""Memory and disk are compared with what there is, before the first picture is opened."""

from dataclasses import replace
from pathlib import Path

import pytest

from facetwise.errors import UserError
from facetwise.features._budget import Machine, check_budget, fits_memory, measure_machine

GB = 10**9


def _machine(memory: int | None = 16 * GB, available: int | None = 12 * GB, disk: int | None = 100 * GB) -> Machine:
    return Machine(memory=memory, available=available, disk=disk)


def test_what_fits_is_not_mentioned() -> None:
    assert check_budget(100_000, 4192, machine=_machine()) == []


def test_what_cannot_fit_is_refused_with_its_numbers() -> None:
    with pytest.raises(UserError, match=r"1,000,000 pictures × 4,192 numbers are 16\.8 GB.*16\.0 GB of memory"):
        check_budget(1_000_000, 4192, machine=_machine())


def test_what_may_not_fit_is_said_and_goes_on() -> None:
    [memory] = check_budget(300_000, 4192, machine=_machine())
    assert "5.0 GB" in memory
    assert "4 copies" in memory
    [disk] = check_budget(100_000, 4192, machine=_machine(disk=GB))
    assert "FACETWISE_CACHE" in disk


def test_what_is_cached_needs_no_disk() -> None:
    assert check_budget(100_000, 4192, machine=_machine(disk=GB), cached=90_000) == []
    assert check_budget(100, 4192, machine=_machine(disk=0), cached=1_000) == []


def test_where_the_system_says_nothing_nothing_is_refused() -> None:
    assert check_budget(10**9, 4192, machine=_machine(None, None, None)) == []


def test_this_machine_is_measured(tmp_path: Path) -> None:
    found = measure_machine(tmp_path / "not" / "there" / "yet")
    assert found.disk is not None
    assert found.disk > 0
    if found.memory is not None and found.available is not None:
        assert 0 < found.available <= found.memory


def test_every_process_of_a_machine_holds_a_matrix_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`torchrun` tells how many there are; a variable that is no number is not its."""
    assert measure_machine(tmp_path).processes == 1
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "many")
    assert measure_machine(tmp_path).processes == 1
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert measure_machine(tmp_path).processes == 8
    alone, eight = _machine(), replace(_machine(), processes=8)
    assert fits_memory(200_000, 4192, machine=alone)
    assert not fits_memory(200_000, 4192, machine=eight)
    assert fits_memory(25_000, 4192, machine=eight)
    [memory] = check_budget(100_000, 4192, machine=eight)
    assert "4 copies in each of 8 processes" in memory
    with pytest.raises(UserError, match=r"200,000 pictures × 4,192 numbers are 3\.4 GB in each of 8 processes"):
        check_budget(200_000, 4192, machine=eight)
