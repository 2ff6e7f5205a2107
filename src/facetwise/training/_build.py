"""A bare module from a recipe or a configuration: what a loop of one's own would train."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facetwise.config import Config, load_config, recipe_names
from facetwise.errors import UserError, nearest
from facetwise.models import FacetModel, build_model
from facetwise.models.backbones import create_backbone
from facetwise.schema import Schema, read_schema

__all__ = ["build", "model_of"]


def model_of(schema: Schema, config: Config, levels: Sequence[int], *, views: bool = False) -> FacetModel:
    """The model that a configuration describes, with its first parameters.

    Args:
        schema: The vocabulary.
        config: The configuration.
        levels: Width of each level of the features.
        views: Whether items have several pictures each.
    """
    return build_model(
        schema, levels=levels, adapters=[(one.name, one.options) for one in config.adapters], trunk=config.trunk.name,
        trunk_options=config.trunk.options, head=config.head.name, head_options=config.head.options,
        depth=config.depth, input_dropout=config.input_dropout, views=views, seed=config.seed,
    )  # fmt: skip


def build(
    what: str | Path | Config,
    schema: Schema | str | Path,
    *,
    levels: Sequence[int] | None = None,
    settings: Sequence[str] = (),
    **options: Any,
) -> FacetModel:
    """An `nn.Module` from standardised features (batch, width) to packed logits, for a training loop of your own.

    `schema.layout()` says which logit belongs to which attribute and class. The parameters are those that `train` would
    start from with the same seed.

    Args:
        what: Name of a recipe, a YAML file, or a configuration.
        schema: The vocabulary, or its file.
        levels: Width of each level of the features; those of the configuration's backbone if not given.
        settings: `KEY=VALUE` over it.
        options: Fields of the configuration by name.

    Raises:
        UserError: No such recipe or file; anything wrong in the configuration; a backbone whose widths cannot be known.

    >>> from facetwise.schema import Attribute, Kind
    >>> fish = Attribute(column="order", id="a00", kind=Kind.CATEGORICAL, classes=("eels", "carps", "others"))
    >>> model = build("fishnet-mmoe", Schema(images=("image",), attributes=(fish,)), levels=[384])
    >>> import torch
    >>> model.eval()(torch.zeros(2, 384)).logits.shape
    torch.Size([2, 3])
    """
    if isinstance(what, Config):
        if settings or options:
            raise UserError("settings and options change a recipe or a file. Found a Config. Fix: change it beforehand")
        config = what
    elif str(what) in recipe_names():
        config = load_config(None, settings, recipe=str(what), **options)
    elif Path(what).is_file():
        config = load_config(Path(what), settings, **options)
    else:
        fix = nearest(str(what), recipe_names())
        raise UserError(f"this is no recipe, and no file. Found {str(what)!r}. Fix: {fix}")
    vocabulary = schema if isinstance(schema, Schema) else read_schema(Path(schema))
    if levels is None:
        own = create_backbone(config.backbone.name, **config.backbone.options).levels
        levels = [level.width for level in (own if config.levels == "all" else own[-1:])]
    return model_of(vocabulary, config, levels)
