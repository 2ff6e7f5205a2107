"""Who describes the pictures of a prediction: this process, a pool of them, or the actors of a cluster."""

from collections.abc import Callable
from pathlib import Path

from facetwise.features import Extraction, Sharded, TunedWeights, check_engine, extract
from facetwise.inference import NETWORK, Bundle

__all__ = ["extractor_of"]


def extractor_of(
    folder: Path, bundle: Bundle, *, processes: int, engine: str, address: str | None
) -> Callable[..., Extraction]:
    """What computes features as the run's backbone does; workers read fine-tuned weights from the run's folder.

    Args:
        folder: Of the bundle.
        bundle: What is in it.
        processes: How many at once; 0 is this one, or with Ray one per device.
        engine: `local` or `ray`.
        address: Of a Ray cluster; None starts one in this machine.

    Raises:
        UserError: An engine that is none; a cluster that anybody may use.
    """
    check_engine(engine, address)
    if processes <= 1 and engine == "local":
        return extract
    about = bundle.backbone
    tuned = None
    if bundle.network is not None:
        weights = str((folder / NETWORK).resolve())
        tuned = TunedWeights(file=weights, sha256=about["sha256"], licence=about["licence"])
    return Sharded(
        backbone=about["name"], options=about["options"], tuned=tuned, processes=processes, engine=engine,
        address=address,
    )  # fmt: skip
