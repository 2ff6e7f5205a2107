"""What training leaves behind: heads on features, whether or not the backbone has learned with them."""

from dataclasses import replace

import numpy as np

from facetwise.config import Config
from facetwise.events import Report
from facetwise.training._assemble import Assembled, make_part
from facetwise.training._learned_backbone import describe_again
from facetwise.training._prepare import Prepared

__all__ = ["settled"]


def settled(
    prepared: Prepared, config: Config, made: Assembled, tensors: dict[str, np.ndarray], *, report: Report
) -> tuple[Prepared, Assembled, dict[str, np.ndarray]]:
    """Of a fine-tuned run: the table and the parts with the tuned backbone's features, and the heads' parameters alone.

    Everything else is given back as it is.

    Args:
        prepared, config, made: As they were trained with; the model has the parameters of the best epoch.
        tensors: These parameters.
        report: Told about progress.
    """
    if made.model.reader is None:
        return prepared, made, tensors
    tuned = describe_again(prepared, config, made.model, report=report)
    features = made.standardizer(tuned.features)
    parts = {
        side: make_part(tuned.schema, tuned, made.scales, features, rows).to(made.device)
        for side, rows in made.sides.items()
    }
    heads = {name: array for name, array in tensors.items() if not name.startswith("reader.")}
    return tuned, replace(made, features=features, parts=parts), heads
