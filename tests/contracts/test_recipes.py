"""Recipes that ship: each says what it costs, each is a configuration, each trains."""

import json
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import facetwise as fw
from facetwise.cli import run
from facetwise.config import RECIPE_FACTS, Config, load_config, read_recipe, recipe_names, resolve_config
from facetwise.errors import ConfigError, UserError
from facetwise.models.backbones import create_backbone
from facetwise.runs import load
from facetwise.schema import read_schema
from facetwise.studies import space_of, variants_of
from facetwise.studies._search import check_space

EXPECTED = {
    "mmoe-dinov2", "attribute-classifier-resnet18", "cnn-mtl", "fishnet-linear", "fishnet-multihead", "fishnet-mmoe",
    "visual-taxonomy-vitb32", "sweep-dinov3-small", "sweep-dinov3-base", "sweep-dinov3-large", "chest-findings",
}  # fmt: skip
every_recipe = pytest.mark.parametrize("name", recipe_names())
# What a test says over a recipe, so that it takes a second: ready features in place of a network that learns.
SMALL = {"finetune": "none", "augmentation": [], "micro_batch": 0, "epochs": 1, "batch_size": 32, "patience": 1}
ITEMS = 120


def _table(folder: Path) -> tuple[Path, Path]:
    """A table with every column that a recipe names."""
    rng = np.random.default_rng(0)
    kind, family = rng.integers(2, size=ITEMS), rng.integers(4, size=ITEMS)
    habitats = ("Tropical", "Polar", "brackish")
    pl.DataFrame(
        {
            "image": [f"p{n:03d}.png" for n in range(ITEMS)],
            "Patient ID": [str(n // 2) for n in range(ITEMS)],
            "Category": [("Sarees", "Kurtis")[n] for n in kind],
            "family": [f"f{n}" for n in family],
            "order": [f"o{n // 2}" for n in family],
            "striped": [("no", "yes")[n] for n in rng.integers(2, size=ITEMS)],
            "habitat": ["|".join(h for h in habitats if rng.random() < 0.5) for _ in range(ITEMS)],
            "Finding Labels": ["|".join(h for h in habitats if rng.random() < 0.5) for _ in range(ITEMS)],
            "trophic_level": [f"{v:.2f}" for v in rng.random(ITEMS) * 3 + 2],
        }
    ).write_csv(folder / "table.csv")
    features = rng.normal(size=(ITEMS, 12)).astype(np.float32)
    features[:, :4] += 2 * np.eye(4, dtype=np.float32)[family]
    np.save(folder / "features.npy", features)
    return folder / "table.csv", folder / "features.npy"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return _table(tmp_path_factory.mktemp("made"))


def _narrow(config: Config) -> dict[str, object]:
    """The widths of a recipe, small."""
    options = config.trunk.options
    small = {key: 8 for key in ("width", "hidden") if key in options}
    return {"trunk": {"name": config.trunk.name, "options": {**options, **small}}} if small else {}


def test_the_promised_ones_are_there() -> None:
    assert set(recipe_names()) == EXPECTED


def _normalises_by_the_batch(config: Config) -> bool:
    parts = [config.trunk, *config.adapters]
    return any(part.options.get("norm") == "batch" for part in parts) or config.batch_norm == "batch"


@every_recipe
def test_parts_of_a_batch_change_nothing(name: str) -> None:
    config = resolve_config(recipe=name).config
    assert not (config.micro_batch and _normalises_by_the_batch(config))


@every_recipe
def test_a_recipe_opens_with_what_it_costs(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.about.endswith(".")
    assert tuple(recipe.facts) == RECIPE_FACTS
    assert all(len(said) > 10 for said in recipe.facts.values()), recipe.facts
    for fact in ("time", "score"):
        assert any(word in recipe.facts[fact] for word in ("measured", "published", "not measured")), fact
    assert len(recipe.text.splitlines()) < 60
    assert max(map(len, recipe.text.splitlines())) <= 120


@every_recipe
def test_its_command_is_one(name: str) -> None:
    program, command, *words = shlex.split(read_recipe(name).facts["command"])
    assert (program, command in ("train", "sweep")) == ("facetwise", True)
    assert words[words.index("--recipe") + 1] == name
    frozen = (Path(__file__).parents[1] / "house" / "cli_options.txt").read_text(encoding="utf-8")
    for word in words:
        assert not word.startswith("--") or f"facetwise {command} {word}\n" in frozen, word


@every_recipe
def test_it_is_a_configuration_and_lies_beneath_what_the_user_says(name: str, tmp_path: Path) -> None:
    resolved = resolve_config(recipe=name)
    said = {path[0] for path in resolved.places}
    assert said == set(read_recipe(name).values)
    assert all(place.startswith(f"recipe {name}:") for place in resolved.places.values())
    own = tmp_path / "own.yaml"
    own.write_text("epochs: 3\nbackbone: lite0\n", encoding="utf-8")
    over = load_config(own, ["trunk=linear", "seed=4"], recipe=name, epochs=2)
    assert (over.epochs, over.backbone.name, over.trunk.name, over.seed) == (2, "lite0", "linear", 4)
    assert not over.trunk.options


@every_recipe
def test_it_trains(name: str, made: tuple[Path, Path], tmp_path: Path) -> None:
    config = load_config(recipe=name)
    needed = {"category": "Category"} if any(one.name == "category" for one in config.adapters) else {}
    found = fw.train(
        made[0], features=made[1], out=tmp_path / "run", recipe=name, settings=["min_count=2"],
        **{**SMALL, **_narrow(config), **needed},
    )  # fmt: skip
    told = json.loads((found.path / "run.json").read_text(encoding="utf-8"))["recipe"]
    assert told == {"name": name, "digest": read_recipe(name).digest}
    kept = load(found.path).config
    for key in read_recipe(name).values.keys() - SMALL.keys() - needed.keys() - {"trunk"}:
        assert getattr(kept, key) == getattr(config, key), key
    # The saved configuration says everything by itself: it needs no recipe to be read back.
    assert load_config(found.path / "config.yaml") == kept


def test_a_misspelt_name_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="fishnet-mmoe"):
        load_config(recipe="fishnet-mmo")
    assert run(["config", "--recipe", "fishnet-mmo"]) == 2
    assert "facetwise recipes" in capsys.readouterr().err


def test_the_command_lists_and_prints(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["recipes"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in EXPECTED)
    assert run(["recipes", "cnn-mtl"]) == 0
    (tmp_path / "mine.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_config(tmp_path / "mine.yaml") == load_config(recipe="cnn-mtl")
    assert run(["recipes", "cnn-mtl", "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)["recipes"]
    assert told["digest"] == read_recipe("cnn-mtl").digest


@every_recipe
def test_build_gives_a_bare_module(name: str, made: tuple[Path, Path], tmp_path: Path) -> None:
    schema = fw.inspect(made[0], category="Category").schema
    small = _narrow(load_config(recipe=name))
    model = fw.build(name, schema, levels=[12], settings=["balancing=equal"], **small)
    assert isinstance(model, torch.nn.Module)
    logits = model.eval()(torch.randn(3, 12)).logits
    assert logits.shape == (3, schema.layout().num_logits)
    logits.sum().backward()


def test_comparisons_and_sweeps_lie_over_a_recipe() -> None:
    given = {"recipe": "fishnet-linear", "backbone": "lite0"}
    found = variants_of(config=None, settings=["trunk.width=8"], options=given, vary=["epochs=1,2"])
    assert [one.config.epochs for one in found] == [1, 2]
    assert {one.config.trunk.options["dropout"] for one in found} == {0.2}
    assert {one.config.trunk.options["width"] for one in found} == {8}
    for name in (one for one in recipe_names() if one.startswith("sweep-")):
        check_space(space_of([], "fishnet"), config=None, settings=[], options={"recipe": name})


def test_build_takes_files_and_configurations_too(made: tuple[Path, Path], tmp_path: Path) -> None:
    schema = fw.inspect(made[0]).schema
    (tmp_path / "mine.yaml").write_text("trunk: {name: shared, width: 16}\n", encoding="utf-8")
    first = fw.build(tmp_path / "mine.yaml", schema, levels=[12])
    again = fw.build(load_config(tmp_path / "mine.yaml"), schema, levels=[12])
    assert [*map(torch.equal, first.state_dict().values(), again.state_dict().values())].count(False) == 0
    with pytest.raises(UserError, match="fishnet-mmoe"):
        fw.build("fishnet-moe", schema)
    with pytest.raises(UserError, match="Config"):
        fw.build(load_config(), schema, levels=[12], epochs=3)


def test_build_knows_the_widths_of_the_backbone(made: tuple[Path, Path]) -> None:
    model = fw.build("fishnet-linear", fw.inspect(made[0]).schema, backbone="lite0")
    last = create_backbone("lite0").levels[-1].width
    assert model.eval()(torch.zeros(1, last)).features.shape == (1, 2048), "the last level alone, as the recipe says"


def test_the_same_start_as_training(made: tuple[Path, Path], tmp_path: Path) -> None:
    found = fw.train(made[0], features=made[1], out=tmp_path / "run", epochs=1, learning_rate=1e-12, min_count=2)
    bare = fw.build(found.config, read_schema(found.path / "schema.yaml"), levels=[12])
    kept = found.bundle.tensors
    for name, tensor in bare.state_dict().items():
        np.testing.assert_allclose(kept[name], tensor.numpy(), atol=1e-6, err_msg=name)
