"""What is written comes back: schemas with hostile names, predictions, bundles."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from facetwise.decisions import decide, scores_from_logits
from facetwise.errors import BundleError
from facetwise.features import Standardizer
from facetwise.inference import Bundle, Predictor, read_bundle, read_predictions, write_bundle, write_predictions
from facetwise.inference import _bundle as _bundle_module
from facetwise.models import build_model
from facetwise.schema import (
    Attribute,
    Kind,
    Labels,
    Parent,
    Schema,
    read_schema,
    schema_digest,
    schema_from_dict,
    schema_to_dict,
    schema_to_yaml,
)
from made_facets import made_features, made_labels, made_logits, made_scales, made_schema

HOSTILE = [
    "NO", "yes", "2010", "12:30", "null", "~", "1e3", "0x1f", "👗 dress", "it's \"quoted\"", "line\nbreak", "tab\tbed",
    " padded ", "a: b", "- item", "# no comment", "{x}", "[y]", "&anchor", "*alias", "!tag", "%dir", "@at", "`tick`",
    "back\\slash", "é", "e\u0301", "\u200b", "\ufeffbom", "\u2028", "\x85", "\r\n", "|", ">", "a,b", "=1+1", "naïve",
    "id", "column", "parent", "2001-01-01", ".inf", "-", "?", "--- ", "...", "x" * 300,
]  # fmt: skip
SCHEMA = made_schema()
texts = st.one_of(
    st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
)
names = st.lists(texts, min_size=2, max_size=5, unique=True).map(tuple)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Schemas whose every name is hostile."""
    columns = draw(st.lists(texts, min_size=4, max_size=6, unique=True))
    fine, coarse, other, several, *rest = columns
    above, below = draw(names), draw(names)
    of = {name: draw(st.sampled_from(above)) for name in below}
    more = draw(st.lists(st.sampled_from(above), unique=True))
    parent = Parent(
        column=coarse, of=of, alone=tuple(name for name in above if name in more or name not in of.values())
    )
    attributes = [
        Attribute(column=coarse, id="a00", kind=Kind.CATEGORICAL, classes=above),
        Attribute(column=fine, id="a01", kind=Kind.CATEGORICAL, classes=below, parent=parent),
        Attribute(
            column=other, id="no", kind=Kind.ORDINAL, classes=draw(names), applies_to=above[:1], undecided=above[1:]
        ),
        Attribute(
            column=several, id="on", kind=Kind.MULTILABEL, classes=draw(names), separator=draw(st.sampled_from("|,; "))
        ),
        *(Attribute(column=column, id=f"n{n}", kind=Kind.NUMERIC, unit=draw(texts)) for n, column in enumerate(rest)),
    ]  # fmt: skip
    return Schema(
        images=tuple(draw(st.lists(texts, min_size=1, max_size=2, unique=True))),
        attributes=tuple(attributes),
        category=coarse,
        group=draw(st.none() | texts),
        groups={draw(texts): tuple(columns[:2])},
        unknown=("", "?!"),
        not_applicable=draw(st.just(()) | st.just(("NA", "n/a"))),
    )


@settings(max_examples=60, deadline=None)
@given(schema=schemas())
def test_a_schema_comes_back_from_yaml(schema: Schema) -> None:
    text = schema_to_yaml(schema)
    back = schema_from_dict(yaml.safe_load(text))
    assert back == schema
    assert schema_digest(back) == schema_digest(schema)
    assert schema_from_dict(json.loads(json.dumps(schema_to_dict(schema)))) == schema


def test_a_schema_comes_back_from_a_file(tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        schema = Schema(
            images=(name,), attributes=(Attribute(column=name, id="a00", kind=Kind.CATEGORICAL, classes=(name, "b")),)
        )
        path = tmp_path / f"{number}.yaml"
        path.write_text(schema_to_yaml(schema), encoding="utf-8")
        assert read_schema(path) == schema


def test_every_kind_comes_back() -> None:
    assert schema_from_dict(yaml.safe_load(schema_to_yaml(SCHEMA))) == SCHEMA


def _same_labels(first: Labels, second: Labels) -> None:
    for name in Labels.__slots__:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
        assert getattr(first, name).dtype == getattr(second, name).dtype


@settings(max_examples=20, deadline=None)
@given(items=st.integers(1, 12), seed=st.integers(0, 999), unknown=st.sampled_from([0.0, 0.5, 1.0]))
def test_predictions_come_back(tmp_path_factory: pytest.TempPathFactory, items: int, seed: int, unknown: float) -> None:
    path = tmp_path_factory.mktemp("predictions") / "test.parquet"
    truth = made_labels(SCHEMA, items, seed=seed, unknown=unknown)
    scales = made_scales(SCHEMA, made_labels(SCHEMA, 50))
    thresholds = {"a04": (0.3,), "a05": (0.2, 0.5, 0.8)}
    logits = made_logits(SCHEMA, items, seed=seed).numpy()
    decisions = decide(SCHEMA, *scores_from_logits(SCHEMA, scales, logits), thresholds=thresholds)
    rows = np.random.default_rng(seed).permutation(items).astype(np.int64) + 5
    images = [HOSTILE[n % len(HOSTILE)] for n in range(items)]
    write_predictions(path, SCHEMA, rows, images, truth, decisions)
    items_back, truth_back, decisions_back = read_predictions(path, SCHEMA, thresholds)
    assert items_back.tolist() == rows.tolist()
    _same_labels(truth, truth_back)
    for name in decisions.__slots__:
        np.testing.assert_array_equal(getattr(decisions_back, name), getattr(decisions, name), err_msg=name)


def test_predictions_of_no_item(tmp_path: Path) -> None:
    truth = made_labels(SCHEMA, 1).take(np.array([], dtype=np.int64))
    scores = np.zeros((0, SCHEMA.layout().num_scores), np.float32)
    decisions = decide(SCHEMA, scores, np.zeros((0, len(SCHEMA.attributes)), np.float32))
    write_predictions(tmp_path / "p.parquet", SCHEMA, np.array([], dtype=np.int64), [], truth, decisions)
    items, back, _ = read_predictions(tmp_path / "p.parquet", SCHEMA, {})
    assert len(items) == len(back) == 0


def test_predictions_are_found_by_name(tmp_path: Path) -> None:
    """A file of a schema in another order is not read as if it were this one's."""
    truth = made_labels(SCHEMA, 4)
    scores, applies = scores_from_logits(
        SCHEMA, made_scales(SCHEMA, made_labels(SCHEMA, 50)), made_logits(SCHEMA, 4).numpy()
    )
    write_predictions(
        tmp_path / "p.parquet", SCHEMA, np.arange(4), list("abcd"), truth, decide(SCHEMA, scores, applies)
    )
    other = replace(SCHEMA, attributes=SCHEMA.attributes[::-1])
    with pytest.raises(Exception, match="attribute"):
        read_predictions(tmp_path / "p.parquet", other, {})


def _bundle() -> tuple[Bundle, np.ndarray]:
    labels = made_labels(SCHEMA, 60)
    features = made_features(labels, SCHEMA, 9)
    model = build_model(SCHEMA, levels=[4, 5], trunk_options={"width": 6}, seed=3)
    return Bundle(
        schema=SCHEMA,
        tensors={name: tensor.numpy() for name, tensor in model.state_dict().items()},
        standardizer=Standardizer.fit(features, [4, 5]),
        scales=made_scales(SCHEMA, labels),
        thresholds={"a04": (0.25,), "a05": (0.1, 0.2, 1 / 3)},
        model={
            "trunk": {"name": "shared", "options": {"width": 6}},
            "head": {"name": "linear", "options": {}},
            "depth": True,
        },
        levels="all",
        backbone={"mode": "given", "name": None, "options": {}, "width": 9},
        metrics={"split": "test", "overall": {"mean_macro_f1": None}},
        facetwise="0.1.0",
    ), features  # fmt: skip


def test_a_bundle_comes_back(tmp_path: Path) -> None:
    bundle, features = _bundle()
    write_bundle(tmp_path, bundle)
    back = read_bundle(tmp_path)
    for name in ("schema", "scales", "thresholds", "model", "levels", "backbone", "metrics", "facetwise"):
        assert getattr(back, name) == getattr(bundle, name), name
    assert back.tensors.keys() == bundle.tensors.keys()
    for name, array in bundle.tensors.items():
        np.testing.assert_array_equal(back.tensors[name], array)
    first, second = Predictor(bundle)(features), Predictor(back)(features)
    for name in first.__slots__:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_answers_do_not_depend_on_the_company() -> None:
    bundle, features = _bundle()
    whole = Predictor(bundle)(features)
    part = Predictor(bundle)(features[7:9])
    np.testing.assert_allclose(part.scores, whole.scores[7:9], rtol=1e-4, atol=1e-5)
    assert (part.state == whole.state[7:9]).all()


def test_a_changed_tensor_file_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path, _bundle()[0])
    raw = bytearray((tmp_path / "heads.safetensors").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "heads.safetensors").write_bytes(raw)
    with pytest.raises(BundleError, match="digest differs"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_a_foreign_format_is_refused(tmp_path: Path, version: object) -> None:
    write_bundle(tmp_path, _bundle()[0])
    data = json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"))
    data["format"] = version
    (tmp_path / "bundle.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BundleError, match="reads format 1"):
        read_bundle(tmp_path)


def test_a_changed_description_is_refused(tmp_path: Path) -> None:
    """A threshold that somebody has turned by hand reads well, and is not what was trained."""
    write_bundle(tmp_path, _bundle()[0])
    data = json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"))
    data["levels"] = "last"
    (tmp_path / "bundle.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BundleError, match=r"bundle\.json is not what was written"):
        read_bundle(tmp_path)


def test_an_old_format_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle(tmp_path, _bundle()[0])
    data = json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"))
    data["tiers"], data["format"] = data.pop("levels"), 0
    del data["digest"]
    (tmp_path / "bundle.json").write_text(json.dumps(data), encoding="utf-8")

    def newer(old: dict) -> dict:
        return {**old, "levels": old["tiers"], "format": 1}

    monkeypatch.setitem(_bundle_module._MIGRATIONS, 0, newer)
    assert read_bundle(tmp_path).levels == _bundle()[0].levels


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', "\x00"])
def test_a_damaged_description_is_refused(tmp_path: Path, text: str) -> None:
    write_bundle(tmp_path, _bundle()[0])
    (tmp_path / "bundle.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    "key", ["schema", "backbone", "levels", "standardizer", "model", "scales", "thresholds", "files"]
)
def test_a_description_with_a_hole_is_refused(tmp_path: Path, key: str) -> None:
    write_bundle(tmp_path, _bundle()[0])
    data = json.loads((tmp_path / "bundle.json").read_text(encoding="utf-8"))
    del data[key]
    (tmp_path / "bundle.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BundleError, match=key):
        read_bundle(tmp_path)


@pytest.mark.parametrize("name", ["bundle.json", "heads.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write_bundle(tmp_path, _bundle()[0])
    (tmp_path / name).unlink()
    with pytest.raises(BundleError, match=name):
        read_bundle(tmp_path)
