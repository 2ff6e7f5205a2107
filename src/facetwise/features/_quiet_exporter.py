"""torch's ONNX exporter without remarks about its own insides: what it wrote is compared, and that is what counts."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["quiet_exporter"]

# It optimises what the exporter has written, and says "Skipping constant folding for op Split" of a sound graph.
_TALKER = "onnxscript"


@contextmanager
def quiet_exporter() -> Generator[None]:
    """Within it neither warnings nor the log of the exporter reach the terminal; its errors do."""
    log = logging.getLogger(_TALKER)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
