"""Gates: features to weights of experts. One island per file; this table is the only list of them."""

from facetwise.models.gates._dselect_k import DSelectKGate
from facetwise.models.gates._gate import Gate, Gated
from facetwise.models.gates._noisy_top_k import NoisyTopKGate
from facetwise.models.gates._softmax import SoftmaxGate
from facetwise.models.gates._top_k import TopKGate

GATES: dict[str, type[Gate]] = {
    "softmax": SoftmaxGate,
    "top_k": TopKGate,
    "noisy_top_k": NoisyTopKGate,
    "dselect_k": DSelectKGate,
}

__all__ = ["GATES", "DSelectKGate", "Gate", "Gated", "NoisyTopKGate", "SoftmaxGate", "TopKGate"]
