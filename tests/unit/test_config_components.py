"""Components per column (`losses_of`) and in lists (`adapters`): every form, every mistake with its place."""

from pathlib import Path

import pytest

from facetwise.config import (
    Component,
    commented_config,
    config_json_schema,
    config_to_yaml,
    load_config,
    resolve_config,
)
from facetwise.errors import ConfigError


def _complaints(settings: list[str] | None = None, path: Path | None = None, **options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, settings or [], **options)
    return str(caught.value)


def _file(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


FOCAL = Component(name="focal")
STRICT = Component(name="focal", options={"gamma": 2})


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (["losses_of.gender=focal"], {"gender": FOCAL}),
        (["losses_of.heel height=focal"], {"heel height": FOCAL}),
        (["losses_of.NO=focal", "losses_of.2010=focal"], {"NO": FOCAL, "2010": FOCAL}),
        (['losses_of."a.b"=focal'], {"a.b": FOCAL}),
        (['losses_of."a=b"=focal'], {"a=b": FOCAL}),
        (['losses_of."5"" heel"=focal'], {'5" heel': FOCAL}),
        (["losses_of.gender=focal", "losses_of.gender.gamma=2"], {"gender": STRICT}),
        (["losses_of.gender={name: focal, gamma: 2}"], {"gender": STRICT}),
        (["losses_of={gender: focal, a.b: {name: focal, gamma: 2}}"], {"gender": FOCAL, "a.b": STRICT}),
        (["losses_of.name=focal", "losses_of.options=focal"], {"name": FOCAL, "options": FOCAL}),
    ],
)
def test_a_loss_of_one_column(settings: list[str], wanted: dict[str, Component]) -> None:
    assert load_config(settings=settings).losses_of == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("[]", []),
        ("[gate]", [Component(name="gate")]),
        (
            "[gate, {name: shared, width: 64}]",
            [Component(name="gate"), Component(name="shared", options={"width": 64})],
        ),
        ("[{name: shared, options: {width: 64}}]", [Component(name="shared", options={"width": 64})]),
        ("[shared, shared]", [Component(name="shared"), Component(name="shared")]),
    ],
)
def test_a_list_of_adapters(tmp_path: Path, given: str, wanted: list[Component]) -> None:
    assert load_config(settings=[f"adapters={given}"]).adapters == wanted
    assert load_config(_file(tmp_path, f"adapters: {given}\n")).adapters == wanted


def test_keywords_take_the_same_forms() -> None:
    config = load_config(adapters=["gate"], losses_of={"a": "focal", "b": {"name": "focal", "gamma": 2}})
    assert config.adapters == [Component(name="gate")]
    assert config.losses_of == {"a": FOCAL, "b": STRICT}


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    settings = [
        'losses_of."a.b"={name: focal, gamma: 2}',
        "losses_of.NO=focal",
        "adapters=[gate, {name: shared, width: 8}]",
    ]
    resolved = resolve_config(settings=settings)
    assert load_config(_file(tmp_path, config_to_yaml(resolved.config))) == resolved.config
    assert load_config(_file(tmp_path, commented_config(resolved))) == resolved.config


def test_a_published_name_stands_for_ours() -> None:
    config = load_config(settings=["losses_of.a=Focal", "losses_of.b={name: Focal, gamma: 3}"])
    assert config.losses_of["a"] == Component(name="focal", options={"gamma": 1.0})
    assert config.losses_of["b"] == Component(name="focal", options={"gamma": 3})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("losses_of: {gender: fokal}", ["config.yaml:1", "no loss has this name", "'fokal'", "focal"]),
        ("epochs: 3\nlosses_of:\n  gender: {name: focal, gama: 2}", ["config.yaml:3", "no option of focal", "gamma"]),
        ("losses_of:\n  gender: {name: focal, gamma: x}", ["config.yaml:2", "losses_of.gender.gamma is a number"]),
        ("losses_of:\n  a.b: {name: focal, gamma: x}", ['losses_of."a.b".gamma is a number']),
        ("losses_of:\n  gender: 3", ["config.yaml:2", "losses_of.gender is a name", "Found 3"]),
        ("losses_of:\n  gender: {gamma: 2}", ["config.yaml:2", "losses_of.gender is a name"]),
        ("losses_of: focal", ["config.yaml:1", "maps columns to names"]),
        ("losses_of: [focal]", ["maps columns to names"]),
        ("adapters: gate", ["config.yaml:1", "a list of names and options", "[NAME"]),
        ("adapters: [gat]", ["config.yaml:1", "no adapter has this name", "gate"]),
        ("adapters: [gate, {name: shared, widht: 3}]", ["config.yaml:1", "no option of shared", "width"]),
        ("adapters: [{width: 3}]", ["config.yaml:1", "each of adapters is a name"]),
        ("adapters: [3]", ["each of adapters is a name", "Found 3"]),
        ("adapters: {gate: 1}", ["a list of names and options"]),
    ],
)
def test_mistakes(tmp_path: Path, text: str, parts: list[str]) -> None:
    said = _complaints(path=_file(tmp_path, text))
    for part in parts:
        assert part in said, said


def test_a_dot_without_quotes_is_explained() -> None:
    said = _complaints(["losses_of.heel.height=focal"])
    assert "losses_of.heel is a name" in said
    assert """--set 'losses_of."heel.height"=NAME'""" in said


def test_a_place_in_a_list_cannot_be_set() -> None:
    said = _complaints(["adapters.0.width=3"])
    assert "adapters is a list, set as a whole" in said
    assert "--set 'adapters=[NAME" in said


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    said = _complaints(path=_file(tmp_path, "losses_of: {a: fokal, b: fical}\nadapters: [gat, shard]\n"))
    assert all(word in said for word in ("fokal", "fical", "gat", "shard"))


def test_editors_know_them() -> None:
    properties = config_json_schema()["properties"]
    assert properties["adapters"]["type"] == "array"
    assert "gate" in properties["adapters"]["items"]["anyOf"][0]["enum"]
    assert "focal" in properties["losses_of"]["additionalProperties"]["anyOf"][0]["enum"]
