"""An exported file that answers: pictures in, the rows of `facetwise predict` out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.decisions import Decisions, decide, rows_from, scores_from_logits
from facetwise.errors import BundleError, ImageError, UserError
from facetwise.images import Box, decode, fit, policy_version, quiet_decoder, read_bytes
from facetwise.runtime._facts import Facts, facts_from
from facetwise.runtime._wire import read_contents
from facetwise.schema import Labels, Schema

__all__ = ["LOGITS", "VOTES", "Model", "load"]

# Packed outputs, as the schema's layout places them: what answers are made from here.
LOGITS, VOTES = "logits", "votes"
# Pictures that are decoded and wait for their answer; bounds memory.
WAITING = 256


def load(path: str | Path, *, threads: int = 0) -> Model:
    """A file that `facetwise export` wrote, ready to answer.

    The file is checked before ONNX Runtime sees it: it must be whole, refer to no other file, bring no operators of
    its own, and be what was exported.

    Args:
        path: The file.
        threads: Pictures that are answered at the same time; 0 for as many as there are cores.

    Raises:
        BundleError: It is none of ours, of a later format, damaged or changed.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}. Fix: check the path") from error
    try:
        facts = facts_from(read_contents(data))
        if facts.size and facts.images != (own := policy_version(draft=False)):
            raise BundleError(f"it was trained on pictures read by rule {facts.images!r}; this version has {own!r}")
        return Model(data, facts, threads=threads)
    except BundleError as error:
        raise BundleError(f"{path} was refused: {error}. Fix: export it again with this version") from error


def _refusals() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises of a graph that it cannot run; its errors have no class in common."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    return (RuntimeError, *(getattr(state, name) for name in names))


class Model:
    """The answers of one exported file.

    One picture at a time on one thread, and as many threads as there are cores: in a batch, sums may be taken in
    another order, and this way a picture has the same answer in any company, as it has in `facetwise predict`.

    Args:
        data: The file, checked.
        facts: What its metadata says.
        threads: Pictures at the same time; 0 for as many as there are cores.

    Raises:
        BundleError: ONNX Runtime cannot run it.
    """

    def __init__(self, data: bytes, facts: Facts, *, threads: int = 0) -> None:
        import onnxruntime

        self.facts = facts
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._threads = threads or cores
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._only_asked = onnxruntime.RunOptions()
        self._only_asked.only_execute_path_to_fetches = True
        try:
            # From bytes, not from a path: there is no folder that the file could refer to.
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except _refusals() as error:
            raise BundleError(f"ONNX Runtime cannot run it: {str(error)[:200]}") from error
        names = {output.name for output in self._session.get_outputs()}
        self._asked = [LOGITS, *([VOTES] if facts.shares else [])]
        if missing := [name for name in self._asked if name not in names]:
            raise BundleError(f"it has no output {missing[0]!r}")
        self.outputs = tuple(output.name for output in self._session.get_outputs())

    @property
    def schema(self) -> Schema:
        """The vocabulary."""
        return self.facts.schema

    def pixels(self, picture: str | Path | bytes, *, box: Box | None = None) -> np.ndarray:
        """A file, or its bytes, to uint8 (size, size, 3) as the model reads it.

        Args:
            picture: The file.
            box: x0, y0, x1, y1: the part of it that counts; all of it if not given.

        Raises:
            ImageError: It cannot be read; `reason` says why.
            UserError: The file reads features.
        """
        self._reads_pixels()
        data = picture if isinstance(picture, bytes) else read_bytes(Path(picture))
        with quiet_decoder():
            return fit(decode(data, box=box), size=self.facts.size, mode=self.facts.fit)

    def _reads_pixels(self) -> None:
        if not self.facts.size:
            raise UserError(
                "this file reads features, not pictures. Fix: use decide(features), or export without --features-only"
            )

    def read(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (item, size, size, 3) uint8, or features (item, width), to logits and the neighbours' votes.

        Raises:
            UserError: Another shape or type.
        """
        facts = self.facts
        shape, kind = ((facts.size, facts.size, 3), np.uint8) if facts.size else ((facts.width,), np.float32)
        values = np.asarray(values) if facts.size else np.asarray(values, dtype=np.float32)
        if values.shape[1:] != shape or values.dtype != kind:
            raise UserError(f"this file reads {kind.__name__} (item, {', '.join(map(str, shape))}). "
                            f"Found {values.dtype} {values.shape}")  # fmt: skip
        name = "pixels" if facts.size else "features"
        found = self._session.run(self._asked, {name: np.ascontiguousarray(values)}, self._only_asked)
        return np.asarray(found[0]), np.asarray(found[1]) if len(found) > 1 else None

    def decide(self, values: np.ndarray, *, given: Labels | None = None) -> Decisions:
        """Pixels or features, see `read`, and what is known already, to decisions: one batch, as it is."""
        return self.decide_packed(*self.read(values), given=given)

    def decide_packed(self, logits: np.ndarray, votes: np.ndarray | None, *, given: Labels | None = None) -> Decisions:
        """What `read` gave, and what is known already, to decisions."""
        facts = self.facts
        shares = facts.shares if votes is not None else None
        scores, applies = scores_from_logits(
            facts.schema, facts.scales, logits, given=given,
            votes=None if votes is None else votes.astype(np.float64), shares=shares,
        )  # fmt: skip
        return decide(facts.schema, scores, applies, thresholds=facts.thresholds, policy=facts.policy, given=given)

    def raw(self, values: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Outputs of the graph itself, by name: what somebody gets who runs the file without this module."""
        name = "pixels" if self.facts.size else "features"
        found = self._session.run(list(names), {name: np.ascontiguousarray(values)})
        return {key: np.asarray(value) for key, value in zip(names, found, strict=True)}

    def __call__(self, pictures: Sequence[str | Path | bytes], *, sets: bool = False) -> list[dict[str, Any]]:
        """Pictures, as files or as their bytes, to one row each, in order.

        Args:
            pictures: The pictures.
            sets: Tell sets of classes and intervals of numbers too, with the coverage of the run.

        Returns:
            Per picture `image` (its path, or its place for bytes), `issue` (None, or why it could not be read), and by
            column one `facetwise.decisions.Cell` with value, state and confidence.
        """
        self._reads_pixels()
        if isinstance(pictures, str | Path | bytes):
            pictures = [pictures]
        images = [str(place) if isinstance(one, bytes) else str(one) for place, one in enumerate(pictures)]
        found: list[str | tuple[np.ndarray, np.ndarray | None]] = []
        with ThreadPoolExecutor(self._threads) as pool:
            for start in range(0, len(pictures), WAITING):
                found += pool.map(self._answer, pictures[start : start + WAITING])
        read = [each for each in found if not isinstance(each, str)]
        layout = self.schema.layout()
        logits = np.concatenate([each[0] for each in read]) if read else np.zeros((0, layout.num_logits), np.float32)
        votes = None
        if self.facts.shares:
            each_vote = [each[1] for each in read if each[1] is not None]
            votes = np.concatenate(each_vote) if each_vote else np.zeros((0, layout.num_scores), np.float32)
        issues = [each if isinstance(each, str) else None for each in found]
        policy = self.facts.policy if sets else None
        return list(rows_from(self.schema, images, issues, self.decide_packed(logits, votes), sets_of=policy)[0])

    def _answer(self, picture: str | Path | bytes) -> str | tuple[np.ndarray, np.ndarray | None]:
        """Logits and votes of one picture, or the reason why it cannot be read."""
        try:
            return self.read(self.pixels(picture)[None])
        except ImageError as problem:
            return problem.reason
