"""One file that carries its meaning: graph, numpy and torch decide the same; what differs is found and refused."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from facetwise.decisions import ABSTAINED, NEVER, Decisions
from facetwise.errors import UserError
from facetwise.inference import Predictor
from facetwise.inference.exporting import (
    FileAnswering,
    Probe,
    ProgramAnswering,
    Verification,
    check_exportable,
    onnx_file,
    program_file,
    verify,
)
from facetwise.inference.exporting._compared import Difference, changes_of, differences_of
from facetwise.inference.exporting._verify import _far
from facetwise.models.heads import HEADS
from facetwise.models.trunks import TRUNKS
from facetwise.runtime import Model, facts_from, load, read_contents
from facetwise.schema import UNKNOWN, VALUE, Kind, Labels, Rule
from made_export import made_predictor, plain_predictor
from made_facets import made_labels
from tiny_backbone import TinyBackbone
from tiny_graphs import tiny_graphs

# Small, and with whatever each of them needs.
SMALL: dict[str, dict[str, Any]] = {
    "shared": {"width": 6},
    "multihead": {"width": 4},
    "mmoe": {"experts": 3, "hidden": 5, "width": 6},
    "ple": {"layers": 2, "hidden": 5, "width": 4, "shared_experts": 2},
    "query": {"width": 8, "heads": 2, "hidden": 8},
    "factorised": {"width": 5},
}
COUNTS = {1: 5, 2: 6, 7: 14, 32: 40}


def _model(data: bytes) -> Model:
    return Model(data, facts_from(read_contents(data)))


def _verified(predictor: Predictor, features: np.ndarray, data: bytes, **options: Any) -> Verification:
    truth = options.pop("truth", None)
    probe = Probe(
        images=[f"{n}.jpg" for n in range(len(features))], values=lambda rows: features[rows],
        expected=options.pop("expected", None) or predictor(features), truth=truth,
    )  # fmt: skip
    return verify(FileAnswering(_model(data)), probe, counts=COUNTS)


_FILES: dict[int, tuple[Predictor, bytes]] = {}


def _file(predictor: Predictor) -> bytes:
    """Of each predictor once: torch's exporter takes seconds."""
    if id(predictor) not in _FILES:
        _FILES[id(predictor)] = predictor, _exported(predictor)
    return _FILES[id(predictor)][1]


def _exported(predictor: Predictor) -> bytes:
    return onnx_file(predictor, backbone=None, cache=Path("unused"))


# torch's exporter takes seconds.
SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "trunk", [pytest.param(name, marks=[SLOW] if place else []) for place, name in enumerate(TRUNKS)]
)
def test_every_trunk_decides_the_same_in_a_file(trunk: str) -> None:
    head = next(name for name, line in HEADS.items() if TRUNKS[trunk].output in line.accepts)
    predictor, features = made_predictor(trunk=trunk, trunk_options=SMALL.get(trunk, {}), head=head)
    found = _verified(predictor, features, _file(predictor))
    assert found.holds, found.complaints
    assert found.differences == ()
    assert max(found.largest.values()) < 1e-5
    assert found.batches == COUNTS


@SLOW
@pytest.mark.parametrize("head", HEADS)
def test_every_head_does(head: str) -> None:
    trunk = next(name for name, line in TRUNKS.items() if line.output in HEADS[head].accepts)
    predictor, features = made_predictor(trunk=trunk, trunk_options=SMALL[trunk], head=head)
    assert _verified(predictor, features, _file(predictor)).holds


@SLOW
@pytest.mark.parametrize("options", [{"neighbours": False}, {"l2_normalize": True}, {"depth": False}], ids=str)
def test_with_and_without_each_part(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    predictor, features = made_predictor(**options)
    found = _verified(predictor, features, _file(predictor))
    loud = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert [text for text in loud if "constant folding" in text] == [], "the exporter speaks of its own insides"
    assert found.holds, found.complaints


def test_a_file_predicts_the_category_even_where_the_run_would_read_it() -> None:
    """The file has no entry for a category: one that is given conditions its answers, and never reaches the network."""
    reads, deaf = (
        made_predictor(adapters=[("category", {"embedding": 4, **told})])[0] for told in ({"known": True}, {})
    )
    features = made_predictor()[1]
    file = _file(reads)
    found = _verified(reads, features, file)
    assert found.holds, found.complaints
    schema = reads.schema
    category = schema.category_attribute
    place = schema.index[category.column]
    shape = (len(features), len(schema.attributes))
    state, index = np.full(shape, UNKNOWN, dtype=np.int8), np.full(shape, -1, dtype=np.int32)
    state[:, place], index[:, place] = VALUE, np.arange(len(features)) % len(category.classes)
    given = Labels(
        state=state, index=index, members=Labels.no_members(len(features), schema.layout().num_scores),
        number=np.full(shape, np.nan),
    )  # fmt: skip
    said = _model(file).decide(features, given=given)
    np.testing.assert_allclose(said.confidence, deaf(features, given=given).confidence, atol=1e-4)
    assert np.nanmax(np.abs(said.confidence - reads(features, given=given).confidence)) > 0.01


def test_a_network_that_is_far_too_sure() -> None:
    """Where a chance is too small for float32 the votes go on from it, and so do the lines of the calibration."""
    predictor, features = made_predictor()
    assert predictor.model.depth is not None
    with torch.no_grad():
        for learned in (predictor.model.head.weight, predictor.model.depth.weight):
            learned.mul_(20.0)
    assert np.abs(predictor.read(features)[0]).max() > 50
    found = _verified(predictor, features, _exported(predictor))
    assert found.holds, found.complaints
    assert found.differences == ()


def test_the_graph_alone_gives_named_outputs(tmp_path: Path) -> None:
    """What somebody gets who knows ONNX Runtime and the metadata, and nothing of facetwise."""
    import onnxruntime

    predictor, features = plain_predictor()
    path = tmp_path / "model.onnx"
    path.write_bytes(_file(predictor))
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    told = json.loads(session.get_modelmeta().custom_metadata_map["facetwise"])
    decisions, schema = predictor(features), predictor.bundle.schema
    assert np.unique(decisions.state).tolist() == [0, 1, 2], "the made model abstains, answers and does not apply"
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        about = told["about"]["outputs"][attribute.id]
        assert (about["column"], about["classes"]) == (attribute.column, list(attribute.classes))
        found = dict(zip(about["names"], session.run(about["names"], {"features": features}), strict=True))
        key = attribute.id
        np.testing.assert_array_equal(found[f"{key}.state"], decisions.state[:, place])
        np.testing.assert_allclose(found[f"{key}.applies"], decisions.applies[:, place], atol=1e-5)
        np.testing.assert_allclose(found[f"{key}.scores"], decisions.scores[:, block.scores], rtol=2e-4, atol=1e-5)
        np.testing.assert_allclose(found[f"{key}.chances"], decisions.chances[:, block.scores], rtol=2e-4, atol=1e-5)
        np.testing.assert_allclose(found[f"{key}.confidence"], decisions.confidence[:, place], atol=1e-5)
        if attribute.kind is Kind.MULTILABEL:
            np.testing.assert_array_equal(found[f"{key}.decision"], decisions.members[:, block.scores])
        elif attribute.kind is Kind.NUMERIC:
            np.testing.assert_allclose(found[f"{key}.decision"], decisions.number[:, place], rtol=1e-4)
        else:
            np.testing.assert_array_equal(found[f"{key}.decision"], decisions.index[:, place])


def test_what_is_left_open_altogether_is_so_in_a_file() -> None:
    """Yes or no, and labels, whose goal could not be shown: open in the graph as in numpy, whatever the threshold."""
    plain, features = made_predictor()
    policy = plain.bundle.policy
    closed = replace(policy, least={**policy.least, "a04": NEVER, "a05": NEVER})
    predictor = Predictor(replace(plain.bundle, policy=closed), model=plain.model)
    places = [plain.bundle.schema.index[column] for column in ("waterproof", "season")]
    assert (plain(features).state[:, places] == VALUE).all()
    assert (predictor(features).state[:, places] == ABSTAINED).all()
    data = _exported(predictor)
    found = _verified(predictor, features, data)
    assert found.holds, found.complaints
    assert found.differences == ()
    for key in ("a04", "a05"):
        assert (_model(data).raw(features, [f"{key}.state"])[f"{key}.state"] == ABSTAINED).all()


def test_from_pixels_to_decisions() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    import torch

    with torch.inference_mode():
        described = TinyBackbone().describer()(torch.from_numpy(pixels)).numpy()
    trained = np.random.default_rng(1).normal(described.mean(0), described.std(0) + 0.1, (150, 36)).astype(np.float32)
    about = {"mode": "referenced", "name": "tiny", "options": {}, "sha256": "a" * 64, "licence": "CC0-1.0"}
    predictor, _ = made_predictor((8, 12, 16), backbone=about, features=trained)
    data = onnx_file(predictor, backbone=TinyBackbone(), cache=tiny_graphs())
    found = _verified(predictor, pixels, data, expected=predictor(described))
    assert found.holds, found.complaints
    half = onnx_file(predictor, backbone=TinyBackbone(), cache=tiny_graphs(), precision="fp16")
    assert len(half) < len(data) + 20_000
    largest = max(_verified(predictor, pixels, half, expected=predictor(described)).largest.values())
    assert 1e-7 < largest < 0.3  # a network of nothing but noise, in sixteen bits
    batches = iter([pixels[:20], pixels[20:]])
    eight = onnx_file(predictor, backbone=TinyBackbone(), cache=tiny_graphs(), precision="int8", calibrating=batches)
    assert b"QuantizeLinear" in eight
    labels = made_labels(predictor.bundle.schema, 40, seed=3)
    judged = _verified(predictor, pixels, eight, expected=predictor(described), truth=labels)
    assert [change.column for change in judged.changes] == [None], "too few rows of every attribute"


def test_a_program_decides_the_same() -> None:
    predictor, features = plain_predictor()
    answering = ProgramAnswering(program_file(predictor, backbone=None))
    probe = Probe(images=[""] * 40, values=lambda rows: features[rows], expected=predictor(features))
    found = verify(answering, probe, counts=COUNTS)
    assert found.holds, found.complaints
    assert max(found.largest.values()) < 1e-5


def test_a_file_that_decides_differently_is_found_out() -> None:
    """Another class order, another threshold, other pixels: the silent mistakes of this trade."""
    predictor, features = plain_predictor()
    data, right = _file(predictor), predictor(features)
    swapped = features[:, ::-1].copy()
    found = _verified(predictor, features, data, expected=predictor(swapped))
    assert not found.holds
    assert found.differences
    assert any("probability differs" in line for line in found.complaints)
    place = predictor.bundle.schema.index["waterproof"]
    index = right.index.copy()
    index[3, place] = 1 - index[3, place]
    state = right.state.copy()
    state[3, place] = VALUE
    flipped = Decisions(
        scores=right.scores, applies=right.applies, state=state, index=index, members=right.members,
        number=right.number, confidence=right.confidence, chances=right.chances,
    )  # fmt: skip
    found = _verified(predictor, features, data, expected=flipped)
    # Once for each size of a batch that the fourth picture was in.
    assert [(each.image, each.column) for each in found.differences] == [("3.jpg", "waterproof")] * 4
    [margin] = {each.margin for each in found.differences}
    column = predictor.bundle.schema.layout().blocks[place].score_start + 1
    assert margin == pytest.approx(abs(float(right.scores[3, column]) - 0.4), abs=1e-6)
    # The probabilities are the same; that the decision is not is enough to refuse it.
    [line] = found.complaints
    assert line.startswith("waterproof: 4 decisions differ, |p - threshold| = ")


@pytest.mark.parametrize(("margin", "holds"), [(9e-5, True), (1.1e-4, False), (float("nan"), False)])
def test_an_fp32_file_may_decide_differently_next_to_a_threshold_only(margin: float, holds: bool) -> None:
    one = Difference(image="3.jpg", column="colour", batch=7, expected="red", found="blue", margin=margin)
    told = list(_far([one, one]))
    assert (not told) == holds
    assert holds or "colour: 2 decisions differ" in told[0]


def test_cells_that_are_decided_together_are_as_near_as_their_scores() -> None:
    """A rule takes an attribute along whose own probability is nowhere near its threshold."""
    predictor, features = plain_predictor()
    facts, right = _model(_file(predictor)).facts, predictor(features)
    place = facts.schema.index["waterproof"]
    index, scores, state = right.index.copy(), right.scores.copy(), right.state.copy()
    index[3, place], state[3, place] = 1 - index[3, place], VALUE
    scores[3, 0] += 3e-5
    other = replace(right, index=index, scores=scores, state=state)
    rule = Rule(given=(("colour", ("red",)),), column="waterproof", classes=("yes",))
    ruled = replace(facts, schema=replace(facts.schema, rules=(rule,)))
    margins = [
        differences_of(about, [""] * 40, right, other, batch=1, limit=1.0, scored=scored)[0].margin
        for about, scored in ((facts, True), (ruled, True), (ruled, False))
    ]
    assert margins[0] == margins[2] > 1e-3
    assert margins[1] == pytest.approx(3e-5, rel=0.1)


def test_a_graph_that_contradicts_its_logits_is_found_out() -> None:
    predictor, features = plain_predictor()
    model = onnx.load_from_string(_file(predictor))
    [node] = [node for node in model.graph.node if "a03.scores" in node.output]
    names = list(node.output)
    one, two = names.index("a03.scores"), names.index("a12.scores")
    softmax = [n for n in model.graph.node if n.op_type == "Softmax"]
    assert one != two
    softmax[-1].op_type = "LogSoftmax"
    changed = _model_unchecked(model)
    probe = Probe(images=[""] * 40, values=lambda rows: features[rows], expected=predictor(features))
    found = verify(FileAnswering(changed), probe, counts=COUNTS)
    assert any("contradict" in line for line in found.complaints)


def _model_unchecked(model: onnx.ModelProto) -> Model:
    facts = facts_from(read_contents(_file(plain_predictor()[0])))
    return Model(model.SerializeToString(), facts)


def test_what_a_file_costs_is_paired_by_picture() -> None:
    predictor, _ = made_predictor(neighbours=False)
    schema = predictor.bundle.schema
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1.2, (1500, 9)).astype(np.float32)
    labels, decided = made_labels(schema, 1500, seed=4, unknown=0.0), predictor(features)
    same = changes_of(schema, labels, decided, decided, fewest=500)
    assert all(change.drop == 0 and change.bound == 0 for change in same)
    place = schema.index["colour"]
    spoilt = decided.take(np.arange(1500))
    right = np.flatnonzero((decided.index[:, place] == labels.index[:, place]) & (decided.state[:, place] == VALUE)
                           & (labels.state[:, place] == VALUE))[:30]  # fmt: skip
    spoilt.index[right, place] = (spoilt.index[right, place] + 1) % 4
    [change] = [each for each in changes_of(schema, labels, decided, spoilt, fewest=500) if each.column == "colour"]
    share = len(right) / change.rows
    assert change.drop == pytest.approx(100 * share)
    # The paired differences are 30 ones among zeros: a binomial share.
    deviation = np.sqrt(share * (1 - share) / (change.rows - 1))
    assert change.bound == pytest.approx(100 * (share + 1.6449 * deviation), rel=1e-3)


def test_what_one_file_cannot_hold_is_refused() -> None:
    predictor, _ = made_predictor(neighbours=False)
    with pytest.raises(UserError, match="trained on given features"):
        check_exportable(predictor.bundle, features_only=False)
    check_exportable(predictor.bundle, features_only=True)
    predictor.bundle.model["views"] = "attention"
    with pytest.raises(UserError, match="one picture per item"):
        check_exportable(predictor.bundle, features_only=True)


def test_a_file_with_features_says_so(tmp_path: Path) -> None:
    predictor, features = plain_predictor()
    path = tmp_path / "model.onnx"
    path.write_bytes(_file(predictor))
    model = load(path)
    with pytest.raises(UserError, match="reads features"):
        model(["a.jpg"])
    with pytest.raises(UserError, match="item, 9"):
        model.decide(features[:, :5])
    np.testing.assert_array_equal(model.decide(features).index, predictor(features).index)
