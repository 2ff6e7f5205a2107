"""The trained model as a graph: features to logits and representation, by torch's exporter."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from facetwise.features import FARTHEST, Standardizer, quiet_exporter
from facetwise.models import FacetModel

if TYPE_CHECKING:
    import onnx

__all__ = ["Network", "bare", "network_graph"]


class Network(nn.Module):
    """Raw features of the chosen levels to packed logits and representation; standardiser inside.

    Args:
        model: The trained model.
        standardizer: How it reads features.
        skip: Columns in front that the model does not read.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, model: FacetModel, standardizer: Standardizer, *, skip: int = 0) -> None:
        super().__init__()
        self.model = model.eval()
        self.register_buffer("mean", torch.from_numpy(np.array(standardizer.mean, dtype=np.float32)))
        self.register_buffer("deviation", torch.from_numpy(np.array(standardizer.deviation, dtype=np.float32)))
        self.levels = standardizer.levels
        self.l2_normalize = standardizer.l2_normalize
        self.skip = skip

    def forward(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch logit"], Float[Tensor, "batch width"]]:
        """Features of the backbone to logits, and to the representation that neighbours are looked up by."""
        chosen = features[:, self.skip :]
        if self.l2_normalize:
            parts = torch.split(chosen, list(self.levels), dim=1)
            lengths = [part.norm(dim=1, keepdim=True).clamp_min(1e-12) for part in parts]
            chosen = torch.cat([part / length for part, length in zip(parts, lengths, strict=True)], dim=1)
        told = self.model(((chosen - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST))
        own = told.features if told.features.ndim == 2 else told.features.mean(dim=1)
        return told.logits, own


def network_graph(network: Network) -> "onnx.ModelProto":
    """float32 `features` (batch, width) to `logits` (batch, logit) and `representation` (batch, width)."""
    example = torch.zeros(2, network.skip + len(network.mean))
    with quiet_exporter(), torch.no_grad():
        program = torch.onnx.export(
            network, (example,), dynamo=True, dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            input_names=["features"], output_names=["logits", "representation"], external_data=False, verbose=False,
        )  # fmt: skip
    assert program is not None, "the dynamo exporter returns a program"
    return bare(program.model_proto)


def bare(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Without the exporter's diary: it holds stack traces, with this machine's folders in them."""
    graph = model.graph
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del value.metadata_props[:]
    del graph.metadata_props[:]
    del model.metadata_props[:]
    return model
