"""A configuration from preset, recipe, YAML file, `KEY=VALUE` settings and keywords; every mistake at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from facetwise.config._aliases import resolve_aliases
from facetwise.config._complain import about_components, about_shares, about_values, by_line
from facetwise.config._given import Given, Key
from facetwise.config._recipes import read_recipe
from facetwise.config._tree import COMPONENTS, Config
from facetwise.errors import ConfigError

__all__ = ["Resolved", "config_to_yaml", "load_config", "resolve_config"]


@dataclass(frozen=True)
class Resolved:
    """A configuration, and where its values come from.

    Args:
        config: All values.
        places: Path of a value → `preset fast`, `config.yaml:3`, `--set epochs=5` or `option`; defaults have none.
    """

    config: Config
    places: dict[Key, str]

    def origin(self, *path: str) -> str:
        """Where a value comes from; `default` where nobody has said it."""
        for size in range(len(path), 0, -1):
            # The line `losses:` says nothing about each of them.
            if path[:size] != ("losses",) and (place := self.places.get(path[:size])) is not None:
                return place
        return "default"


def resolve_config(
    path: Path | None = None,
    settings: Sequence[str] = (),
    *,
    recipe: str | None = None,
    weights: str | Path | None = None,
    **options: object,
) -> Resolved:
    """The configuration and the place of every value: defaults, then preset, recipe, file, keywords, settings.

    Args:
        path: YAML file.
        recipe: Name of a recipe that ships with the package.
        settings: `KEY=VALUE`, with dots into the tree: `trunk.width=512`.
        weights: File of the backbone's weights, whoever chose the backbone.
        options: Fields by name; None means not given.

    Raises:
        ConfigError: Everything that is wrong, at once, each with its place.
    """
    given = Given()
    if recipe is not None:
        given.add_document(read_recipe(recipe).document, f"recipe {recipe}")
    if path is not None:
        given.add_file(path)
    given.add_options(options)
    given.add_settings(settings)
    given.add_weights(weights)
    given.fill_from_preset()
    _name_components(given)
    resolve_aliases(given)
    complaints, config = given.complaints, None
    try:
        config = Config.model_validate(given.data)
        complaints = [*complaints, *about_shares(config, given)]
    except ValidationError as error:
        complaints = [*complaints, *about_values(error, given)]
    complaints = [*complaints, *about_components(given)]
    if complaints or config is None:
        raise ConfigError(sorted(complaints, key=by_line))
    return Resolved(config, dict(given.places))


def load_config(
    path: Path | None = None,
    settings: Sequence[str] = (),
    *,
    recipe: str | None = None,
    weights: str | Path | None = None,
    **options: object,
) -> Config:
    """The configuration alone; see `resolve_config`.

    >>> load_config(settings=["epochs=5", "trunk.width=64"]).trunk.options
    {'width': 64}
    """
    return resolve_config(path, settings, recipe=recipe, weights=weights, **options).config


def _name_components(given: Given) -> None:
    """A component that is given by its options alone is the default one, with those options."""
    defaults = Config()
    for key in COMPONENTS:
        found, default = given.data, defaults
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
            default = getattr(default, part)
        if isinstance(found, dict):
            found.setdefault("name", default.name)  # ty: ignore


def config_to_yaml(config: Config) -> str:
    """The resolved configuration; loading it gives the same one back."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True, width=120)
