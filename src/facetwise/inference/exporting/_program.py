"""A bundle as a `torch.export` program: pixels to logits and representation, and beside them what they mean."""

import base64
import hashlib
import io
import warnings

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.decisions import Decisions, Neighbours, decide, scores_from_logits
from facetwise.inference._atomic import tensors_as_bytes
from facetwise.inference._neighbours_file import neighbours_from_tensors, neighbours_to_tensors
from facetwise.inference._predictor import Predictor
from facetwise.inference.exporting._file import facts_of, network_of
from facetwise.inference.exporting._network import Network
from facetwise.models.backbones import Backbone
from facetwise.runtime import METADATA_KEY, Contents, Facts, facts_from, facts_text

__all__ = ["ProgramAnswering", "program_file"]

# What stands beside a program is text.
_FACTS, _NEIGHBOURS = f"{METADATA_KEY}.json", "neighbours.safetensors.base64"


class _Whole(nn.Module):
    """uint8 pixels to logits and representation."""

    def __init__(self, describer: nn.Module, network: Network) -> None:
        super().__init__()
        self.describer = describer
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Float[Tensor, "batch logit"], Float[Tensor, "batch width"]]:
        """What the backbone says, read by the trained model."""
        return self.network(self.describer(pixels))


def program_file(predictor: Predictor, *, backbone: Backbone | None) -> bytes:
    """One `.pt2` file: the program, the metadata of an ONNX file, and the neighbours.

    The program ends at packed logits and representation; `facetwise.decisions` makes answers of them.

    Args:
        predictor: The trained model, ready to answer.
        backbone: What describes pictures; None: the program reads its features.
    """
    bundle = predictor.bundle
    if backbone is None:
        module: nn.Module = network_of(predictor)
        example = torch.zeros(2, len(bundle.standardizer.mean))
    else:
        network = network_of(predictor, skip=backbone.width - len(bundle.standardizer.mean))
        module = _Whole(backbone.describer().eval(), network)
        size = backbone.preprocessing.size
        example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # about its own insides; the comparison with the run is what counts
        program = torch.export.export(
            module.eval(), (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), strict=False
        )
    beside = {_FACTS: facts_text(facts_of(bundle, backbone, "fp32", {}), _code(program))}
    if bundle.neighbours is not None:
        packed = tensors_as_bytes(neighbours_to_tensors(bundle.neighbours))
        beside[_NEIGHBOURS] = base64.b64encode(packed).decode("ascii")
    sink = io.BytesIO()
    torch.export.save(program, sink, extra_files=beside)
    return sink.getvalue()


def _code(program: "torch.export.ExportedProgram") -> str:
    return hashlib.sha256(program.graph_module.code.encode()).hexdigest()


class ProgramAnswering:
    """A program that this process has just written, answering.

    Args:
        data: What `program_file` made.
    """

    def __init__(self, data: bytes) -> None:
        beside = {_FACTS: "", _NEIGHBOURS: ""}
        program = torch.export.load(io.BytesIO(data), extra_files=beside)
        self._module = program.module()
        self._facts = facts_from(Contents({METADATA_KEY: beside[_FACTS]}, _code(program)))
        self._neighbours: Neighbours | None = None
        if raw := beside[_NEIGHBOURS]:
            from safetensors.numpy import load

            packed = load(base64.b64decode(raw))
            self._neighbours = neighbours_from_tensors(self._facts.schema, packed, dict(self._facts.shares))

    @property
    def facts(self) -> Facts:
        """What the file says about itself."""
        return self._facts

    def answer(self, values: np.ndarray) -> tuple[Decisions, float]:
        """One batch to decisions; a program has no outputs that could contradict its logits."""
        facts = self._facts
        with torch.inference_mode():
            told = self._module(torch.from_numpy(np.ascontiguousarray(values)))
        logits, representation = (each.float().numpy() for each in told)
        votes = None
        if self._neighbours is not None and facts.shares:
            votes = self._neighbours.votes(facts.schema, facts.scales, representation, only=facts.shares)
        scores, applies = scores_from_logits(facts.schema, facts.scales, logits, votes=votes, shares=facts.shares)
        return decide(facts.schema, scores, applies, thresholds=facts.thresholds, policy=facts.policy), 0.0
