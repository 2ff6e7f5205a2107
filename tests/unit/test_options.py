"""`options.json` is what the islands' signatures say."""

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from facetwise.config import Config, option_tables
from facetwise.config._load import COMPONENTS
from facetwise.config._read import TEXT_FIELDS

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
    assert set(COMPONENTS.values()) == set(option_tables())


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
            found = {option: about["default"] for option, about in option_tables()[name][line].items()}
            assert found == wanted, f"{name}: {line}"


def test_text_fields_are_those_of_the_tree() -> None:
    kinds = (str, str | None, list[str], list[str] | None)
    assert set(TEXT_FIELDS) == {name for name, field in Config.model_fields.items() if field.annotation in kinds}
