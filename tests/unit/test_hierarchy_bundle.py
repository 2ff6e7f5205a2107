"""Parents and children from a whole bundle: they agree, the answers say so, and an exported file is refused."""

from dataclasses import replace

import numpy as np
import pytest

from facetwise.errors import UserError
from facetwise.inference import Predictor
from facetwise.inference.exporting._file import check_exportable
from facetwise.schema import VALUE
from made_export import made_predictor


def _with(hierarchy: str) -> tuple[Predictor, np.ndarray]:
    predictor, features = made_predictor()
    policy = replace(predictor.bundle.policy, hierarchy=hierarchy)
    return Predictor(replace(predictor.bundle, policy=policy), model=predictor.model), features


def _contradictions(predictor: Predictor, features: np.ndarray) -> int:
    """Answered children whose answered parent is another."""
    schema, found, wrong = predictor.bundle.schema, predictor(features), 0
    for place, attribute in enumerate(schema.attributes):
        if attribute.parent is not None:
            above = schema.index[attribute.parent.column]
            classes = schema.attributes[above].classes
            of = np.array([classes.index(attribute.parent.of[name]) for name in attribute.classes])
            both = (found.state[:, place] == VALUE) & (found.state[:, above] == VALUE)
            wrong += int((both & (of[found.index[:, place]] != found.index[:, above])).sum())
            silent = (found.state[:, place] == VALUE) & (found.state[:, above] == 0)
            assert predictor.bundle.policy.hierarchy == "off" or not silent.any()
    return wrong


def test_votes_and_calibration_break_the_hierarchy_and_the_policy_mends_it() -> None:
    assert _contradictions(*_with("off")) > 0
    assert _contradictions(*_with("consistent")) == 0
    assert _contradictions(*_with("roll_up")) == 0


@pytest.mark.parametrize("hierarchy", ["consistent", "roll_up"])
def test_an_exported_file_is_refused_with_the_way_out(hierarchy: str) -> None:
    with pytest.raises(UserError, match="hierarchy=off"):
        check_exportable(_with(hierarchy)[0].bundle, features_only=True)
