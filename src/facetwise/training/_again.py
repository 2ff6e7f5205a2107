"""A finished run's own table once more, from the cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facetwise.events import silent
from facetwise.training._finished import FinishedRun
from facetwise.training._prepare import Prepared, prepare, read_structure

__all__ = ["prepare_again"]


def prepare_again(run: FinishedRun, about: Mapping[str, Any]) -> Prepared:
    """The table that a run was trained on; the sides are those that were saved.

    Args:
        run: The run.
        about: Where its table and pictures were; see `Run.source`.
    """
    read = read_structure(
        about["table"], images=Path(about["images"]), schema=run.schema, config=run.config, test=about["test"],
        corrections=about["corrections"],
    )  # fmt: skip
    given = None if about["features"] is None else Path(about["features"])
    # The sides are those of split.csv: what looks the same has had its say. So have the columns that were chosen: the
    # run's schema has those and no others.
    done = {"near_duplicates": False, "group_near_duplicates": False, "attributes": None, "exclude": []}
    config = run.config.model_copy(update=done)
    tuned = None if run.bundle.network is None else run.backbone()
    return prepare(read, config, features=given, split_from=run.path, backbone=tuned, report=silent)
