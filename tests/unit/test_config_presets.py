"""Presets lie beneath everything that a user says."""

from pathlib import Path

import pytest

from facetwise.config import PRESETS, Component, Config, config_to_yaml, load_config
from facetwise.config import _given as given_module
from facetwise.config._tree import PRESET_NAMES


def test_balanced_is_the_defaults() -> None:
    assert PRESETS["balanced"] == {}
    assert load_config(preset="balanced") == load_config() == Config()
    assert tuple(PRESETS) == PRESET_NAMES


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_configuration(name: str) -> None:
    config = load_config(preset=name).model_dump()
    for key, value in PRESETS[name].items():
        if isinstance(value, dict):
            assert config[key]["name"] == value["name"], "a preset names its components"
        else:
            assert config[key] == value
    changed = {key for key, value in config.items() if value != Config().model_dump()[key]}
    assert changed == set(PRESETS[name]) | ({"preset"} if name != "balanced" else set())


@pytest.mark.parametrize("name", PRESETS)
def test_a_saved_configuration_comes_back_whole(name: str, tmp_path: Path) -> None:
    path, config = tmp_path / "c.yaml", load_config(preset=name)
    path.write_text(config_to_yaml(config), encoding="utf-8")
    assert load_config(path) == config


def test_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = {"epochs": 1, "patience": 1, "seed": 1, "clip": 1.5, "trunk": {"name": "shared", "options": {"width": 8}}}
    monkeypatch.setattr(given_module, "PRESETS", {**PRESETS, "fast": preset})
    path = tmp_path / "c.yaml"
    path.write_text("preset: best\nepochs: 2\npatience: 2\nseed: 2\n", encoding="utf-8")
    config = load_config(path, ["epochs=4"], preset="fast", patience=3, epochs=3)
    assert (config.preset, config.clip, config.seed, config.patience, config.epochs) == ("fast", 1.5, 2, 3, 4)
    assert config.trunk == Component(name="shared", options={"width": 8})


def test_a_presets_options_stay_with_its_component(monkeypatch: pytest.MonkeyPatch) -> None:
    preset = {"trunk": {"name": "shared", "options": {"width": 8, "layers": 2}}}
    monkeypatch.setattr(given_module, "PRESETS", {**PRESETS, "fast": preset})
    mine = {"width": 9}
    assert load_config(preset="fast", trunk=mine).trunk == Component(name="shared", options={"width": 9, "layers": 2})
    assert load_config(preset="fast", trunk="shared").trunk.options == {"width": 8, "layers": 2}
    assert load_config(preset="fast", trunk="linear").trunk == Component(name="linear")
    assert PRESETS["fast"] is not preset
    assert preset == {"trunk": {"name": "shared", "options": {"width": 8, "layers": 2}}}, "a preset is never changed"
