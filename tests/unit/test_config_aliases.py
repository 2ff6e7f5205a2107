"""Published names are ours under another spelling: resolved on loading, so that a saved configuration is canonical."""

import importlib.util
from pathlib import Path

import pytest

from facetwise.config import config_to_yaml, load_config, option_tables
from facetwise.config._aliases import published_names
from facetwise.errors import ConfigError

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_options.py"


def test_the_file_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("write_options", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    found = script.TARGET.with_name("aliases.json").read_text(encoding="utf-8")
    assert found == script.render_aliases(), "run `python scripts/write_options.py`"


@pytest.mark.parametrize("alias", sorted(published_names()["BALANCERS"]))
def test_every_published_balancer_is_taken(alias: str) -> None:
    name, options = published_names()["BALANCERS"][alias]
    config = load_config(settings=[f"balancing={alias}"])
    assert (config.balancing.name, config.balancing.options) == (name, options)


def test_every_published_loss_is_taken_for_the_kinds_that_it_scores() -> None:
    taken = 0
    for alias, (name, options) in published_names()["LOSSES"].items():
        for kind in ("categorical", "binary", "multilabel", "ordinal", "numeric"):
            if name in option_tables()[f"LOSSES.{kind}"]:
                found = getattr(load_config(losses={kind: alias}).losses, kind)
                assert (found.name, found.options) == (name, options)
                taken += 1
    assert taken >= len(published_names()["LOSSES"])


@pytest.mark.parametrize("kind", ["binary", "multilabel"])
def test_the_focal_loss_of_yes_or_no_goes_by_its_published_names(kind: str) -> None:
    """The names that the focal loss of several classes has; they were refused."""
    for alias, options in {"focal": {}, "Focal": {"gamma": 1.0}}.items():
        found = getattr(load_config(settings=[f"losses.{kind}={alias}"]).losses, kind)
        assert (found.name, found.options) == ("binary_focal", options)
    own = getattr(load_config(losses={kind: {"name": "Focal", "options": {"alpha": None}}}).losses, kind)
    assert own.options == {"gamma": 1.0, "alpha": None}
    assert load_config(settings=["losses.categorical=focal"]).losses.categorical.name == "focal"


def test_options_of_the_user_win() -> None:
    found = load_config(losses={"categorical": {"name": "F-CB", "options": {"gamma": 3.0}}}).losses.categorical
    assert (found.name, found.options) == ("class_balanced", {"beta": 0.9999, "gamma": 3.0})


def test_what_is_saved_has_our_names_and_loads_to_the_same(tmp_path: Path) -> None:
    config = load_config(settings=["balancing=Nash_MTL", "reweighting=DRW"])
    text = config_to_yaml(config)
    assert "Nash" not in text
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path / "config.yaml") == config


def test_a_name_of_another_table_is_no_alias() -> None:
    with pytest.raises(ConfigError, match="no balancer has this name"):
        load_config(settings=["balancing=F-CB"])
    with pytest.raises(ConfigError, match="loss"):
        load_config(losses={"numeric": "LDAM"})
