"""Which engine describes the pictures, known before anything heavy is loaded."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from facetwise.features._engine import Engine
from facetwise.features._onnx_engine import OnnxEngine, export_graph
from facetwise.features._torch_engine import TorchEngine
from facetwise.images import policy_version
from facetwise.models.backbones import Backbone

__all__ = ["EnginePlan", "feature_key", "plan_engine"]


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """An engine that has not been built: its name and version are in the cache key, building it is costly and may
    turn out not to be needed. Where it takes pictures `alone`, one after the other, a small batch costs nothing."""

    name: str
    version: str
    batch_size: int
    build: Callable[[], Engine]
    alone: bool = False


def plan_engine(backbone: Backbone, *, cache: Path, device: str = "auto") -> EnginePlan:
    """ONNX Runtime for the CPU, torch for every other device; `auto` takes a GPU where torch sees one.

    `torch:cpu` runs torch on the CPU, in float32: slower, and there to compare with.
    """
    if device == "auto":
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":

        def build_onnx() -> Engine:
            return OnnxEngine(export_graph(backbone, cache))

        return EnginePlan(
            OnnxEngine.name, OnnxEngine.installed_version(), OnnxEngine.batch_size, build_onnx, alone=True
        )
    on_torch = device.removeprefix("torch:")

    def build_torch() -> Engine:
        return TorchEngine(backbone, device=on_torch)

    name = TorchEngine.name_on(on_torch)
    return EnginePlan(name, TorchEngine.installed_version(), TorchEngine.batch_size, build_torch)


def feature_key(backbone: Backbone, plan: EnginePlan, *, draft: bool) -> dict[str, object]:
    """Everything that decides the numbers of a row: two caches are the same kind exactly if this is equal."""
    return {
        "format": 1,
        "backbone": backbone.name,
        "weights": backbone.weights_digest(),
        "graph": backbone.graph_version,
        "preprocessing": asdict(backbone.preprocessing),
        "images": policy_version(draft=draft),
        "levels": [asdict(level) for level in backbone.levels],
        "dtype": "float32",
        "engine": plan.name,
        "engine_version": plan.version,
    }
