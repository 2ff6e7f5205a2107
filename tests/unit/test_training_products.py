"""How exact matrix products are belongs to the training, and to nobody before or after it."""

from pathlib import Path

import pytest
import torch

from facetwise.config import load_config
from facetwise.training import _products
from facetwise.training._batch_size import LARGE
from facetwise.training._products import in_bfloat16, matrix_products
from facetwise.training.together import World
from made_facets import made_schema
from made_training import small_config, small_model, stop_after, train_small

EXACT = "highest"


@pytest.mark.parametrize("wanted", ["highest", "high", "medium"])
def test_for_the_training_alone(wanted: str, tmp_path: Path) -> None:
    seen: list[str] = []
    stop = stop_after(1, lambda _: seen.append(torch.get_float32_matmul_precision()))
    assert torch.get_float32_matmul_precision() == EXACT
    train_small(tmp_path, config=small_config(matmul_precision=wanted), stop=stop)
    assert seen == [wanted]
    assert torch.get_float32_matmul_precision() == EXACT


def test_what_was_set_before_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), matrix_products(load_config(None, (), matmul_precision="medium")):
        raise KeyError
    assert torch.get_float32_matmul_precision() == EXACT


def test_a_backbone_that_learns_has_an_option_of_its_own() -> None:
    with matrix_products(load_config(None, (), finetune="all", matmul_precision="medium")):
        assert torch.get_float32_matmul_precision() == EXACT


ABLE = {"avx512_bf16": True, "amx_bf16": False}
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("options", "rows", "device", "able", "expected"),
    [
        ({}, LARGE, CPU, ABLE, True),
        ({}, LARGE, CPU, {"amx_bf16": True}, True),
        ({}, LARGE, CPU, {"avx512_bf16": False}, False),
        ({}, LARGE, CPU, {}, False),
        ({}, LARGE - 1, CPU, ABLE, False),
        ({"matmul_precision": "high"}, LARGE, CPU, ABLE, False),
        ({"finetune": "all"}, LARGE, CPU, ABLE, False),
        ({"balancing": "mgda"}, LARGE, CPU, ABLE, False),
        ({}, LARGE, torch.device("cuda"), ABLE, False),
    ],
)
def test_bfloat16_where_it_is_quick_and_there_is_enough_to_do(
    options: dict[str, object], rows: int, device: torch.device, able: dict[str, bool], expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert in_bfloat16(load_config(None, (), **options), rows, device) is expected


@pytest.mark.parametrize(("balancing", "expected"), [("equal", {True}), ("mgda", {False})])
def test_what_is_scored_and_compared_stays_float32(
    balancing: str, expected: set[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: ABLE)
    monkeypatch.setattr(_products, "LARGE", 1)
    schema, config = made_schema(), small_config(epochs=1, balancing=balancing)
    model = small_model(schema, config)
    seen: dict[bool, set[bool]] = {True: set(), False: set()}
    model.register_forward_hook(lambda module, *_: seen[module.training].add(torch.is_autocast_enabled("cpu")))
    train_small(tmp_path, config=config, model=model)
    assert seen == {True: expected, False: {False}}
    assert all(parameter.dtype is torch.float32 for parameter in model.parameters())


class _Beside(World):
    """A rank beside others that have a processor of another kind; what it asks them for more than that is its own."""

    def __init__(self, *, others: bool) -> None:
        super().__init__()
        self.others, self.asked = others, 0

    def most(self, number: int) -> int:
        self.asked += 1
        return max(number, int(not self.others)) if self.asked == 1 else number


@pytest.mark.parametrize(
    ("own", "others", "expected"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_all_ranks_are_as_exact_as_each_other(
    own: bool,
    others: bool,
    expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: ABLE if own else {})
    world = _Beside(others=others)
    assert in_bfloat16(load_config(None, ()), LARGE, CPU, world) is expected
    assert world.asked == 1
    monkeypatch.setattr(_products, "LARGE", 1)
    schema, config = made_schema(), small_config(epochs=1)
    model, seen = small_model(schema, config), set[bool]()
    model.register_forward_hook(
        lambda module, *_: seen.add(torch.is_autocast_enabled("cpu")) if module.training else None
    )
    train_small(tmp_path, config=config, model=model, world=_Beside(others=others))
    assert seen == {expected}


def test_a_table_that_is_too_small_needs_no_agreement() -> None:
    """Rows and configuration are the same on every rank, so that either all ask or none."""
    world = _Beside(others=True)
    assert not in_bfloat16(load_config(None, ()), LARGE - 1, CPU, world)
    assert world.asked == 0
