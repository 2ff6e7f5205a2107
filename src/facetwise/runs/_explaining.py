"""A picture and some attributes to the regions that their answers come from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facetwise.decisions import CELLS, Decisions, Explained, regions_from
from facetwise.errors import Complaint, ComplaintsError, nearest
from facetwise.features import choose_levels, plan_engine
from facetwise.images import decode, fit, quiet_decoder, read_bytes
from facetwise.inference import cache_root
from facetwise.schema import Schema
from facetwise.training import FinishedRun

__all__ = ["Explainer", "check_explained", "explain_picture"]


def check_explained(schema: Schema, attributes: Sequence[str]) -> None:
    """Everything that can be wrong with the names of attributes, at once.

    Raises:
        ComplaintsError: Some are no attributes.
    """
    if wrong := [name for name in attributes if name not in schema.index]:
        rule, known = "what is explained is an attribute of the run", list(schema.index)
        raise ComplaintsError(
            [Complaint(place="explain", rule=rule, found=repr(name), fix=nearest(name, known)) for name in wrong]
        )


class Explainer:
    """Explains any number of pictures with one engine and one model.

    Args:
        run: The run.
        attributes: Columns; all complaints about them come at once.
        cells: Along a side of the map.
        checkpoint: Which checkpoint.

    Raises:
        ComplaintsError: A name that is no attribute.
        UserError: The run was trained on given features.
    """

    def __init__(
        self, run: FinishedRun, attributes: Sequence[str], *, cells: int = CELLS, checkpoint: str = "best_score"
    ) -> None:
        check_explained(run.schema, attributes)
        self._run, self._cells = run, cells
        self._places = [run.schema.index[name] for name in dict.fromkeys(attributes)]
        self._predictor, self._backbone = run.predictor(checkpoint), run.backbone()
        plan = plan_engine(self._backbone, cache=cache_root(), device="auto")
        self._engine, self._batch = plan.build(), plan.batch_size

    def _decide(self, pixels: np.ndarray) -> Decisions:
        rows = [self._engine(pixels[start : start + self._batch]) for start in range(0, len(pixels), self._batch)]
        return self._predictor(choose_levels(np.concatenate(rows), self._backbone.levels, self._run.bundle.levels)[0])

    def __call__(self, picture: Path, name: str | None = None) -> Explained:
        """The regions of one picture.

        Raises:
            ImageError: It cannot be read.
        """
        seen = self._backbone.preprocessing
        with quiet_decoder():
            pixels = fit(decode(read_bytes(picture)), size=seen.size, mode=seen.fit)
        regions = regions_from(
            self._run.schema, pixels, self._places, self._decide,
            calibration=self._run.bundle.policy.calibration, cells=self._cells,
        )  # fmt: skip
        return Explained(image=name or str(picture), pixels=pixels, regions=regions)


def explain_picture(
    run: FinishedRun,
    picture: str | Path,
    attributes: Sequence[str],
    *,
    cells: int = CELLS,
    checkpoint: str = "best_score",
) -> Explained:
    """One picture; see `Run.explain`."""
    names = [attributes] if isinstance(attributes, str) else attributes
    return Explainer(run, names, cells=cells, checkpoint=checkpoint)(Path(picture))
