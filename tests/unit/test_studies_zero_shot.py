"""A run from class names, with a small model of the real class that has learned nothing: arithmetic, not quality."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facetwise as fw
from facetwise.cli import run as command
from facetwise.errors import SchemaError, UnavailableError, UserError
from facetwise.models import prompts_of, rows_from_words
from facetwise.models.backbones import ReadsText, create_backbone
from facetwise.schema import Attribute, Kind, Schema, read_schema, schema_from_dict, schema_to_dict
from facetwise.studies import zero_shot
from made_backbones import images_for, made_open_clip_model, pixels_for, saved
from made_shop import draw_shop

open_clip = pytest.importorskip("open_clip")
torch = pytest.importorskip("torch")

NAME = "open_clip:facetwise-tiny"
# Random towers say nearly the same of everything; this is what makes it visible.
SCALE = 300.0
SCHEMA = """
version: 1
image: "image"
category: "sort"
attributes:
- {column: "sort", kind: categorical, classes: ["shirt", "shoe"]}
- column: "colour"
  kind: categorical
  classes: ["red", "blue"]
  prompts: ["a photo of a {value} {category}", "{attribute}: {value}"]
- {column: "striped", kind: binary, classes: ["no", "yes"]}
- {column: "size", kind: ordinal, classes: ["S", "M", "L"], prompts: "size {value}"}
- {column: "tags", kind: multilabel, classes: ["warm", "light"]}
- {column: "price", kind: numeric}
- {column: "heel", kind: categorical, classes: ["flat", "high"], applies_to: {"sort": ["shoe"]}}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Pictures, a schema, and a model with random values in a file."""
    folder = tmp_path_factory.mktemp("words")
    model = made_open_clip_model(folder, words=49_408)
    with torch.no_grad():
        model.logit_scale.fill_(float(np.log(SCALE)))
    table = draw_shop(folder / "shop", items=40)
    (folder / "schema.yaml").write_text(SCHEMA, encoding="utf-8")
    weights = saved(model.state_dict(), folder / "open_clip_model.safetensors")
    return {"table": table, "schema": folder / "schema.yaml", "model": model, "weights": weights, "folder": folder}


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("FACETWISE_CACHE", str(tmp_path_factory.getbasetemp() / "words-cache"))


def _made(shop: dict[str, Any], out: Path, **options: Any) -> Any:
    given = {"schema": shop["schema"], "backbone": NAME, "weights": shop["weights"], **options}
    return zero_shot(given.pop("source", shop["table"]), out=out, **given)


def test_the_answers_are_those_of_the_two_towers(shop: dict[str, Any], tmp_path: Path) -> None:
    """Computed again with open_clip alone: softmax(s cos(picture, mean of the prompts))."""
    made = _made(shop, tmp_path / "run", margin=0.0)
    run = fw.load(made.path)
    model, tokens = shop["model"].eval(), open_clip.get_tokenizer("facetwise-tiny")
    backbone = run.backbone()
    assert [level.width for level in backbone.levels] == [12]
    pixels = pixels_for(backbone)
    with torch.no_grad():
        pictures = model.encode_image(images_for(backbone, pixels), normalize=True)
        raw = model.encode_image(images_for(backbone, pixels))

    def meant(*texts: str) -> Any:
        with torch.no_grad():
            mean = model.encode_text(tokens(list(texts)), normalize=True).mean(0)
        return mean / mean.norm()

    scores, _ = run.predictor().scores(raw.numpy())
    layout = run.schema.layout()

    def expected(column: str, wanted: Any) -> None:
        found = scores[:, layout.blocks[run.schema.index[column]].scores]
        np.testing.assert_allclose(found, wanted.numpy(), atol=5e-4)

    shirts = [meant(*(f"a photo of a {c} {s}" for s in ("shirt", "shoe")), f"colour: {c}") for c in ("red", "blue")]
    expected("colour", (SCALE * pictures @ torch.stack(shirts).T).softmax(1))
    heels = torch.stack([meant(f"a photo of a {c} shoe") for c in ("flat", "high")])  # of what it applies to
    expected("heel", (SCALE * pictures @ heels.T).softmax(1))
    both = torch.stack([meant("a photo of a shirt", "a photo of a shoe"),
                        meant("a photo of a striped shirt", "a photo of a striped shoe")])  # fmt: skip
    expected("striped", (SCALE * pictures @ both.T).softmax(1))
    warm = meant("a photo of a warm shirt", "a photo of a warm shoe")
    tags = layout.blocks[run.schema.index["tags"]]
    wanted = (SCALE * pictures @ torch.stack([both[0], warm]).T).softmax(1)[:, 1]
    np.testing.assert_allclose(scores[:, tags.score_start], wanted.numpy(), atol=5e-4)
    sizes = torch.stack([meant(f"size {c}") for c in "SML"])
    chances = (SCALE * pictures @ sizes.T).softmax(1)
    # Of the last step, where one class is above, nothing is approximated: P(L | M or L).
    found = scores[:, layout.blocks[run.schema.index["size"]].scores]
    np.testing.assert_allclose(found[:, 2] / found[:, 1:].sum(1), (chances[:, 2] / chances[:, 1:].sum(1)).numpy(),
                               atol=2e-3)  # fmt: skip
    assert float(chances.std()) > 0.01, "the towers tell classes apart at all"


def test_an_order_is_near_the_softmax() -> None:
    """Texts that mean nearly the same: the bound of the log-odds is nearly exact."""
    sizes = Attribute(column="size", id="a00", kind=Kind.ORDINAL, classes=("S", "M", "L", "XL"))
    rng = np.random.default_rng(0)
    base = rng.normal(size=8)

    def read(texts: Any) -> np.ndarray:
        drawn = base + 0.05 * rng.normal(size=(len(texts), 8))
        kept.append(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
        return kept[0]

    kept: list[np.ndarray] = []
    rows = rows_from_words(Schema(images=("image",), attributes=(sizes,)), read, scale=10.0, width=8)
    picture = rng.normal(size=8)
    picture /= np.linalg.norm(picture)
    odds = 1 / (1 + np.exp(-(rows.weight @ picture + rows.bias)))
    raised = np.exp(10.0 * kept[0][:4] @ picture)
    chances = raised / raised.sum()
    np.testing.assert_allclose(odds, [chances[k + 1 :].sum() / chances[k:].sum() for k in range(3)], atol=0.01)


def test_a_margin_leaves_cells_open(shop: dict[str, Any], tmp_path: Path) -> None:
    all_of_it = _made(shop, tmp_path / "all", margin=0.0)
    some, none = _made(shop, tmp_path / "some", margin=0.3), _made(shop, tmp_path / "none", margin=0.999)
    assert all_of_it.given == 1.0
    assert 0 < some.given < 1
    assert none.given < some.given
    run = fw.load(some.path)
    least, decisions = run.bundle.policy.least, run.predictor()(run.prepared.features)
    place = run.schema.index["colour"]
    assert least["a01"] == pytest.approx(0.5 + 0.3 * 0.5)
    told = (decisions.state[:, place] == 1) == (decisions.confidence[:, place] >= least["a01"])
    assert told.all()
    assert made_the_same(fw.load(all_of_it.path), run)


def made_the_same(one: fw.Run, two: fw.Run) -> bool:
    """The words decide, and nothing is drawn."""
    return all(np.array_equal(one.bundle.tensors[name], two.bundle.tensors[name]) for name in one.bundle.tensors)


def test_a_folder_is_enough_and_every_reader_reads_the_run(shop: dict[str, Any], tmp_path: Path) -> None:
    made = _made(shop, tmp_path / "run", source=shop["table"].parent, margin=0.0)
    assert made.left_out == ("price",)
    assert (made.labelled, made.macro_f1) == (0, None)
    header, first, *_ = (tmp_path / "run" / "table.csv").read_text(encoding="utf-8").splitlines()
    assert (header, first) == ("image,sort,colour,striped,size,tags,heel", "000.png,,,,,,")
    run = fw.load(made.path)
    rows = run.predict([shop["table"].parent / "001.png"]).rows
    assert rows[0]["sort"].value in ("shirt", "shoe")
    assert run.report().is_file()
    exported = run.export("onnx", out=tmp_path / "model.onnx")
    assert exported.verification.holds
    assert run.evaluate(shop["table"]).attributes["sort"].accuracy is not None
    assert read_schema(made.path / "schema.yaml").attribute("size").prompts == (("", ("size {value}",)),)


def test_what_is_trained_begins_with_the_words(shop: dict[str, Any], tmp_path: Path) -> None:
    """With a learning rate of nearly nothing it ends with them; with a real one it has learned."""
    words = fw.load(_made(shop, tmp_path / "words").path)
    still = _made(shop, tmp_path / "still", train=True,
                  settings=["learning_rate=1e-12", "epochs=1", "val_ratio=0.3"])  # fmt: skip
    for name in ("head.weight", "head.bias"):
        np.testing.assert_allclose(fw.load(still.path).bundle.tensors[name], words.bundle.tensors[name], atol=1e-6)
    assert still.trained
    moved = _made(shop, tmp_path / "moved", train=True, settings=["epochs=3", "val_ratio=0.3"])
    apart = fw.load(moved.path).bundle.tensors["head.weight"] - words.bundle.tensors["head.weight"]
    assert 1e-4 < np.abs(apart).max() < 5


def test_as_typed(shop: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = command(["zero-shot", str(shop["table"]), "--schema", str(shop["schema"]), "--backbone", NAME, "--weights",
                    shop["weights"], "--out", str(tmp_path / "run"), "--json"])  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert told["left_out"] == ["price"]
    assert told["labelled"] > 0
    assert told["macro_f1"] is not None


def test_what_is_refused(shop: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"trained with words\. Found 'lite0'.*open_clip:"):
        _made(shop, tmp_path / "no", backbone="lite0", weights=None)
    with pytest.raises(UserError, match="a margin is"):
        _made(shop, tmp_path / "no", margin=1.0)
    with pytest.raises(UserError, match="Found --set trunk"):
        _made(shop, tmp_path / "no", settings=["trunk=shared"])
    with pytest.raises(UserError, match="training needs labels"):
        _made(shop, tmp_path / "no", source=shop["table"].parent, train=True)
    assert not (tmp_path / "no").exists()
    visual = {name: value for name, value in shop["model"].state_dict().items() if name.startswith("visual.")}
    half = saved(visual, tmp_path / "half.safetensors")
    reader = create_backbone(NAME, weights=half, depths=0)
    assert isinstance(reader, ReadsText)
    with pytest.raises(UnavailableError, match="its text tower"):
        reader.text_reader()


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (["a photo of {colour}"], "{colour}"),
        (["a photo"], "write {value}"),
        ({"green": ["x"]}, "'green'"),
        ({"red": []}, "at least one prompt"),
        (["{value} {category}"], "{category}"),
        ([3], "in quotes"),
    ],
)
def test_prompts_that_say_nothing(prompts: Any, message: str) -> None:
    data = {"version": 1, "image": "image",
            "attributes": [{"column": "colour", "classes": ["red", "blue"], "prompts": prompts}]}  # fmt: skip
    with pytest.raises(SchemaError, match=message.replace("{", r"\{")):
        schema_from_dict(data)


def test_prompts_of_single_classes_and_of_nothing() -> None:
    data = {"version": 1, "image": "image", "attributes": [
        {"column": "ripe", "kind": "binary", "classes": ["no", "yes"],
         "prompts": {"no": ["an unripe fruit"], "yes": "a ripe fruit"}},
        {"column": "light_colour", "classes": ["sky_blue", "red"], "prompts": {"red": "red", "": "in {value}"}},
    ]}  # fmt: skip
    schema = schema_from_dict(data)
    assert schema_to_dict(schema)["attributes"][0]["prompts"] == {"no": ["an unripe fruit"], "yes": ["a ripe fruit"]}
    assert schema_from_dict(schema_to_dict(schema)) == schema
    assert prompts_of(schema, "ripe", "no") == ("an unripe fruit",)
    assert prompts_of(schema, "light_colour", "sky_blue") == ("in sky blue",)
    assert prompts_of(schema, "light_colour", "red") == ("red",)
    assert prompts_of(schema, "light_colour", None) == ("in thing",)
    plain = replace(schema.attribute("ripe"), prompts=())
    assert prompts_of(replace(schema, attributes=(plain,)), "ripe", "yes") == ("a photo of a ripe",)
    assert hash(schema.attribute("light_colour")) == hash(schema.attribute("light_colour"))
