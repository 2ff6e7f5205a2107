"""`options.json` is what the islands' signatures say."""

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from facetwise.config import COMPONENT_LISTS, COMPONENTS, COMPONENTS_BY_COLUMN, OptionType, option_tables

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_options.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_options", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_up_to_date(script: ModuleType) -> None:
    assert script.TARGET.read_text(encoding="utf-8") == script.render(), "run `python scripts/write_options.py`"


def test_every_line_of_every_table_is_there(script: ModuleType) -> None:
    assert {name: set(table) for name, table in script.TABLES.items()} == {
        name: set(table) for name, table in option_tables().items()
    }
    named = {**COMPONENTS, **COMPONENTS_BY_COLUMN, **COMPONENT_LISTS}
    assert set(named.values()) == set(option_tables())


def test_every_loss_is_in_the_table_of_its_kinds(script: ModuleType) -> None:
    for name, loss in script.LOSSES.items():
        assert all(name in option_tables()[f"LOSSES.{kind}"] for kind in loss.kinds)


def test_options_are_what_the_signature_gives_a_default(script: ModuleType) -> None:
    for name, table in script.TABLES.items():
        for line, island in table.items():
            wanted = {
                parameter.name: parameter.default
                for parameter in inspect.signature(island).parameters.values()
                if parameter.default is not inspect.Parameter.empty
            }
            found = {option: about.default for option, about in option_tables()[name][line].items()}
            assert found == wanted, f"{name}: {line}"


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("int", [3, -1, 0], [True, 3.0, "3", None, 2**40, [3]]),
        ("float", [3, 0.5], [True, "x", None, float("nan"), float("inf")]),
        ("bool", [True], [1, "true", None]),
        ("str", ["x"], [3, None, True, ["x"]]),
        ("int | None", [3, None], ["3", 3.5]),
        ("Path | None", ["a/b", None], [3]),
        ("list[int]", [[3]], []),
    ],
)
def test_options_have_the_types_of_their_signatures(type_: str, good: list[object], bad: list[object]) -> None:
    about = OptionType(type=type_, default=None)
    assert [value for value in good if about.refuses(value)] == []
    assert [value for value in bad if not about.refuses(value)] == []


def test_a_choice_is_one_of_its_texts() -> None:
    about = OptionType(type="str", default="a", choices=("a", "b"))
    assert about.refuses("a") is None
    assert about.refuses("c") == about.refuses(3) == "one of a, b"
