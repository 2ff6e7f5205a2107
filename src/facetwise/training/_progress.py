"""How far training has come, in numbers that a checkpoint can hold."""

from dataclasses import dataclass, field
from typing import Any

from facetwise.training._best import Trackers

__all__ = ["Progress"]


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far training has come. Order and dropout follow from the epoch and the step, so nothing else is needed.

    Args:
        epoch: Epochs that are complete.
        step: Steps of the next epoch that are done.
        seconds: Time spent so far.
        log_bytes: Length of the log.
        micro_batch: Items that there is memory for at once; 0 is the whole batch.
        finished: Nothing is left to train.
        trackers: What was best.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    log_bytes: int = 0
    micro_batch: int = 0
    finished: bool = False
    trackers: Trackers = field(default_factory=Trackers)

    def __str__(self) -> str:
        """Where that is, for people."""
        if not self.step:
            return f"after epoch {self.epoch}"
        return f"in epoch {self.epoch + 1}, after step {self.step}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what may be infinite is text.

        >>> from json import dumps, loads
        >>> at = Progress(epoch=3, step=1, seconds=2.5)
        >>> Progress.from_dict(loads(dumps(at.to_dict()))) == at
        True
        """
        best = self.trackers
        return {
            "epoch": self.epoch, "step": self.step, "seconds": self.seconds, "log_bytes": self.log_bytes,
            "micro_batch": self.micro_batch, "finished": self.finished,
            "best": {
                "score": [best.score[0], repr(best.score[1])], "loss": repr(best.loss),
                "both": [best.both[0][0], repr(best.both[0][1]), repr(best.both[1])], "since": best.since,
            },
        }  # fmt: skip

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> "Progress":
        """Back from JSON, to the last bit."""
        best, rest = given["best"], {name: value for name, value in given.items() if name != "best"}
        scored, score, loss = best["both"]
        trackers = Trackers(
            score=(best["score"][0], float(best["score"][1])),
            loss=float(best["loss"]),
            both=((scored, float(score)), float(loss)),
            since=best["since"],
        )
        return cls(trackers=trackers, **rest)
