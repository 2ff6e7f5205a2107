"""The configuration: every mistake at once, with the nearest names; the short forms; the way back from YAML."""

from pathlib import Path

import pytest
import yaml

from facetwise.config import Component, Config, config_to_yaml, load_config, option_tables, resolve_config
from facetwise.errors import ConfigError


def _complaints(settings: list[str] | None = None, path: Path | None = None, **options: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, settings or [], **options)
    return str(caught.value)


def _file(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("epochs=5", lambda c: c.epochs == 5),
        ("learning_rate=1e-4", lambda c: c.learning_rate == 1e-4),
        ("learning_rate=1E-4", lambda c: c.learning_rate == 1e-4),
        ("learning_rate=0.01", lambda c: c.learning_rate == 0.01),
        ("clip=2", lambda c: c.clip == 2.0),
        ("depth=false", lambda c: c.depth is False),
        ("attributes=[a, b]", lambda c: c.attributes == ["a", "b"]),
        ("category=articleType", lambda c: c.category == "articleType"),
        ("category=NO", lambda c: c.category == "NO"),
        ("group=2010", lambda c: c.group == "2010"),
        ("attributes=[NO, 2010]", lambda c: c.attributes == ["NO", "2010"]),
        ("select_by=mean_accuracy + .5 mean_macro_f1", lambda c: c.select_by == "mean_accuracy + .5 mean_macro_f1"),
        ("trunk=shared", lambda c: c.trunk == Component(name="shared")),
        ("trunk.width=64", lambda c: c.trunk == Component(name="shared", options={"width": 64})),
        ("trunk.options.width=64", lambda c: c.trunk == Component(name="shared", options={"width": 64})),
        ("trunk.name=shared", lambda c: c.trunk.name == "shared"),
        (
            "losses.categorical.label_smoothing=0.1",
            lambda c: c.losses.categorical == Component(name="cross_entropy", options={"label_smoothing": 0.1}),
        ),
        ("losses.ordinal=corn", lambda c: c.losses.ordinal == Component(name="corn")),
    ],
)
def test_settings(setting: str, read: object) -> None:
    assert read(load_config(settings=[setting]))


def test_later_settings_win_and_add_up() -> None:
    config = load_config(
        settings=["trunk=shared", "trunk.width=8", "trunk.layers=2", "trunk.width=9", "epochs=1", "epochs=2"]
    )
    assert config.trunk == Component(name="shared", options={"width": 9, "layers": 2})
    assert config.epochs == 2


def test_order_of_precedence(tmp_path: Path) -> None:
    path = _file(tmp_path, "epochs: 3\nseed: 4\nbatch_size: 5\n")
    config = load_config(path, ["epochs=9"], epochs=7, seed=8)
    assert (config.epochs, config.seed, config.batch_size) == (9, 8, 5)


@pytest.mark.parametrize("form", ["shared", {"name": "shared"}, {"name": "shared", "options": {}}, {}])
def test_forms_of_a_component(form: object) -> None:
    assert load_config(trunk=form).trunk == Component(name="shared")


@pytest.mark.parametrize(
    "form", [{"name": "shared", "width": 8}, {"name": "shared", "options": {"width": 8}}, {"width": 8}]
)
def test_forms_of_an_option(form: object, tmp_path: Path) -> None:
    wanted = Component(name="shared", options={"width": 8})
    assert load_config(trunk=form).trunk == wanted
    assert load_config(_file(tmp_path, yaml.safe_dump({"trunk": form}))).trunk == wanted


def test_numbers_in_a_file_as_people_write_them(tmp_path: Path) -> None:
    config = load_config(_file(tmp_path, "learning_rate: 1e-4\nweight_decay: 0\n"))
    assert (config.learning_rate, config.weight_decay) == (1e-4, 0.0)


def test_given_data_is_left_alone() -> None:
    given = {"name": "shared", "options": {"width": 8}}
    load_config(settings=["trunk.width=9"], trunk=given)
    assert given == {"name": "shared", "options": {"width": 8}}


def test_none_is_not_given() -> None:
    assert load_config(epochs=None, category=None) == Config()


def test_everything_that_is_wrong_at_once() -> None:
    text = _complaints(
        ["epochs=0", "learning_rat=1", "trunk=shard", "losses.categorical=cross_entrpy", "noequals", "head.widht=3",
         "losses.ordnal=corn", "val_ratio=2", "levels=some"],
        batchsize=3,
    )  # fmt: skip
    for word in (
        "--set epochs=0: epochs is at least 1", "did you mean learning_rate",
        "did you mean shared", "did you mean cross_entropy",
        "'noequals'",
        "head.widht", "did you mean batch_size", "did you mean ordinal", "val_ratio", "levels",
    ):  # fmt: skip
        assert word in text, word


@pytest.mark.parametrize("value", [True, "5", 5.5, None, [5]])
def test_values_are_not_bent(value: object, tmp_path: Path) -> None:
    assert "epochs" in _complaints(path=_file(tmp_path, yaml.safe_dump({"epochs": value})))


@pytest.mark.parametrize(
    "setting",
    ["trunk.width=wide", "trunk.width=1.5", "trunk.dropout=none", "losses.numeric.beta=x", "trunk.layers=true"],
)
def test_options_have_the_types_of_their_signatures(setting: str) -> None:
    assert setting.partition("=")[0] in _complaints([setting])


@pytest.mark.parametrize(
    "text",
    ["- a", "just text", "3", "a: [", "trunk: {options: 3, width: 4}", "trunk: 5", "losses: 7", "1: 2",
     "trunk: {name: [shared]}", "losses: {categorical: 4}", "trunk: {1: 2}"],
)  # fmt: skip
def test_odd_files_are_complaints(text: str, tmp_path: Path) -> None:
    assert _complaints(path=_file(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "nowhere.yaml" in _complaints(path=tmp_path / "nowhere.yaml")


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(_file(tmp_path, "")) == Config()


def test_a_loss_of_another_kind_is_refused() -> None:
    assert "ordinal" in _complaints(["losses.ordinal=cross_entropy"])


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["learning_rate=1e-05", "trunk.width=64", "losses.categorical.label_smoothing=0.1", "category='NO'"],
        ["attributes=['2010', '12:30', NO, \"👗\"]", "exclude=['']", "weight_decay=0", "levels=last"],
    ],
)
def test_the_resolved_configuration_comes_back(settings: list[str], tmp_path: Path) -> None:
    config = load_config(settings=settings)
    assert load_config(_file(tmp_path, config_to_yaml(config))) == config


def test_defaults_name_lines_of_the_tables() -> None:
    config, tables = Config(), option_tables()
    assert config.trunk.name in tables["TRUNKS"]
    assert config.balancing.name in tables["BALANCERS"]


def test_every_mistake_has_its_place(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "epochs: many\n"
        "trunk:\n"
        "  name: shared\n"
        "  widht: 3\n"
        "losses:\n"
        "  ordinal: [x]\n"
        "  numeric: {beta: x}\n"
        "attributes: [a, [b]]\n"
        "batch-size: 3\n"
        "seed: 99999999999\n",
    )
    said = _complaints(["val_ratio=2", "widht=3", "width=3"], path, epoch=3).splitlines()
    assert [line.partition(": ")[0].removeprefix(str(path)) for line in said] == [
        "--set val_ratio=2", "this is no option. Found 'epoch'. Fix", "--set widht=3", "--set width=3",
        ":1", ":4", ":6", ":7", ":8", ":9", ":10",
    ]  # fmt: skip
    assert "did you mean width" in said[5]
    assert "did you mean batch_size" in said[9]
    assert "did you mean trunk.width" in said[3]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("trunk.width=abc", ["trunk.width is a whole number", "'abc'", "--set trunk.width=256"]),
        ("trunk.width=.nan", ["a whole number", "not finite"]),
        ("trunk.dropout=.inf", ["a number", "not finite"]),
        ("trunk.width=99999999999", ["a whole number"]),
        ("clip=.nan", ["finite"]),
        ("learning_rate=-1e-4", ["more than 0", "-0.0001"]),
        ("epochs=" + "9" * 5000, ["5,000 digits"]),
        ("levels=lst", ["one of all, last", "did you mean last"]),
        ("attributes=colour", ["--set attributes=[colour, heel]"]),
        ("depth=maybe", ["true or false", "--set depth=true"]),
        ("backbone.fit=cropp", ["one of squash, crop, pad", "did you mean crop"]),
        ("backbone='timm:'", ["timm:NAME"]),
        ("backbone=dinov2-bse", ["did you mean dinov2-base"]),
        ("a.b.c.d.e.f.g.h=1", ["KEY=VALUE"]),
        (".".join(["a"] * 100_000) + "=1", ["KEY=VALUE"]),
        ("=3", ["KEY=VALUE"]),
        ("epochs", ["KEY=VALUE"]),
        ("group={a: 1}", ["text"]),
        ("epochs.x=3", ["whole number"]),
        ("epochs: 3", ["KEY=VALUE"]),
        ("preset=fsat", ["fast, balanced, best", "did you mean fast"]),
    ],
)
def test_settings_are_checked_as_files_are(setting: str, words: list[str]) -> None:
    said = _complaints([setting])
    assert [word for word in words if word not in said] == []
    assert len(said) < 600
    assert said.count("\n") == 0


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert "config.yaml:2: a key stands once" in _complaints(path=_file(tmp_path, "epochs: 1\nepochs: 2\n"))


def test_a_value_given_later_hides_the_mistake_before_it(tmp_path: Path) -> None:
    path = _file(tmp_path, "epochs: many\ntrunk: {name: shared, width: x}\n")
    assert load_config(path, ["trunk=shared"], epochs=3).epochs == 3


def test_shares_leave_something_for_training() -> None:
    assert "--set test_ratio=0.5: val_ratio and test_ratio leave something" in _complaints(
        ["val_ratio=0.5", "test_ratio=0.5"]
    )
    assert load_config(val_ratio=0.5, test_ratio=0.4).test_ratio == 0.4


def test_a_mistyped_file_is_answered_with_those_there(tmp_path: Path) -> None:
    _file(tmp_path, "")
    assert "did you mean config.yaml" in _complaints(path=tmp_path / "cofnig.yaml")
    assert "no folder" in _complaints(path=tmp_path / "conf" / "config.yaml")


def test_huge_numbers_from_python() -> None:
    assert "digits" in _complaints(epochs=10**5000)
    assert "epochs" in _complaints(epochs=10**30)


def test_where_values_come_from(tmp_path: Path) -> None:
    path = _file(tmp_path, "epochs: 3\nlosses: {categorical: {label_smoothing: 0.1}}\n")
    found = resolve_config(path, ["trunk.width=64"], seed=4)
    origins = {
        key: found.origin(*key.split("."))
        for key in (
            "epochs",
            "losses.categorical",
            "losses.binary",
            "trunk.options.width",
            "trunk.name",
            "seed",
            "clip",
        )
    }
    assert origins == {
        "epochs": f"{path}:1", "losses.categorical": f"{path}:2", "losses.binary": "default",
        "trunk.options.width": "--set trunk.width=64", "trunk.name": "default", "seed": "option", "clip": "default",
    }  # fmt: skip
