"""Numbers that ran away: found before they reach a parameter, and traced to attributes and rows."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from facetwise.config import Config
from facetwise.errors import FacetwiseError, RunError
from facetwise.models import FacetModel
from facetwise.schema import Schema
from facetwise.training._part import Part
from facetwise.training._progress import Progress

__all__ = ["NotFiniteError", "ran_away", "require_finite", "rows_told"]

# Enough to look at, few enough for one line.
NAMED = 5


class NotFiniteError(FacetwiseError):
    """A loss or the gradient of a step is infinite or not a number; no parameter has moved.

    Args:
        places: Attributes whose loss it is; none of them where only the gradient is not finite.
    """

    def __init__(self, places: Sequence[int]) -> None:
        self.places = tuple(places)
        super().__init__("a loss is not finite" if places else "the gradient is not finite")


def require_finite(losses: Float[Tensor, " attribute"], *, norm: Float[Tensor, ""] | None = None) -> None:
    """Nothing, if the losses (or, where it is given, the norm of the gradient) are finite.

    Raises:
        NotFiniteError: They are not.

    >>> require_finite(torch.tensor([1.0, 2.0]))
    """
    finite = torch.isfinite(losses if norm is None else norm)
    if not bool(finite.all()):
        raise NotFiniteError([] if norm is not None else torch.nonzero(~finite).flatten().tolist())


def ran_away(
    error: NotFiniteError,
    schema: Schema,
    model: FacetModel,
    train: Part,
    places: np.ndarray,
    *,
    config: Config,
    at: Progress,
) -> RunError:
    """What to tell: the attributes, the epoch, the step, and the rows of the table.

    The rows are those that the model has no finite answer for; all rows of the batch, where each has one alone.

    Args:
        error: What was found.
        schema, model, config: What was trained, and how.
        train, places: The training rows, and the batch among them.
        at: Where training stood.
    """
    columns = [repr(schema.attributes[place].column) for place in error.places]
    named = ", ".join(columns[:NAMED]) + (f", ... ({len(columns)} in all)" if len(columns) > NAMED else "")
    what = f"the loss of {named}" if columns else "the gradient of finite losses"
    model.eval()
    rows = torch.from_numpy(places).to(train.features.device)
    with torch.inference_mode():
        features = train.features[rows]
        spoiled = ~torch.isfinite(model(features).logits).all(dim=1)
        if features.ndim == 2:  # with several pictures per item, NaN is where there is none
            spoiled |= ~torch.isfinite(features).all(dim=1)
    guilty = rows[spoiled] if bool(spoiled.any()) else rows
    return RunError(
        f"training keeps every number finite. Found infinity or NaN in {what}, epoch {at.epoch + 1}, "
        f"step {at.step + 1}, {rows_told(train.table_rows(guilty))} of the table. The last checkpoint is as it was. "
        f"Fix: look at these rows, lower learning_rate (now {config.learning_rate:g})"
        + ("" if config.clip else ", or set clip=1")
    )


def rows_told(rows: np.ndarray) -> str:
    """Rows of the table as people count them, the first five.

    >>> rows_told(np.array([8, 2, 0, 1, 3, 4]))
    'rows 1, 2, 3, 4, 5, ... (6 in all)'
    """
    shown = ", ".join(str(row + 1) for row in sorted(rows.tolist())[:NAMED])
    return f"rows {shown}" + (f", ... ({len(rows)} in all)" if len(rows) > NAMED else "")
