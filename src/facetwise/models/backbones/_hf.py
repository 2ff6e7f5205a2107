"""Image encoders of transformers, by their repository on the Hugging Face hub or by a folder."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetwise.errors import UnavailableError, nearest
from facetwise.models.backbones._hub import cached, download, not_here
from facetwise.models.backbones._network_backbone import Blueprint, NetworkBackbone, three
from facetwise.models.backbones._weights import check_complete, read_weights

if TYPE_CHECKING:
    from torch import nn

__all__ = ["HfBackbone"]

# `model_type` in config.json → the class in transformers, and the last norm that its blocks' tokens go through.
_NETWORKS = {
    "dinov2": ("Dinov2Model", "layernorm"),
    "dinov2_with_registers": ("Dinov2WithRegistersModel", "layernorm"),
    "dinov3_vit": ("DINOv3ViTModel", "norm"),
    "dinov3_convnext": ("DINOv3ConvNextModel", "layer_norm"),
    "clip": ("CLIPVisionModel", "post_layernorm"),
    "clip_vision_model": ("CLIPVisionModel", "post_layernorm"),
    "siglip": ("SiglipVisionModel", "post_layernorm"),
    "siglip_vision_model": ("SiglipVisionModel", "post_layernorm"),
}
# In a file with two towers: what belongs to the other or to both.
_OTHER_PARTS = ("text_model.", "text_projection.", "visual_projection.", "logit_scale", "logit_bias", "classifier.")

_CONFIG, _PIXELS = "config.json", "preprocessor_config.json"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
# Meta's licence follows the weights and what is made from them; other repositories say theirs on their page only.
_DINOV3 = "LicenseRef-DINOv3"


class HfBackbone(NetworkBackbone):
    """An image encoder in the format of transformers: `hf:ORGANISATION/NAME` (`@REVISION` if wanted) or `hf:FOLDER`.

    DINOv2, with registers too, DINOv3 (transformer and ConvNeXt), CLIP, SigLIP and the fixed sizes of SigLIP 2. Code
    from a repository is never run. Mean, deviation and size are those of its preprocessor_config.json. Every depth
    goes through the encoder's last norm, of CLIP too, where transformers leaves the last tokens without.

    Source: Wolf et al. 2020, "Transformers: State-of-the-Art Natural Language Processing"; the classes named in
    `_NETWORKS`, of which each module's docstring names the paper.
    """

    @property
    def _family(self) -> str:
        return "hf:"

    @property
    def _drawn_by(self) -> tuple[str, ...]:
        return ("torch", "transformers")

    def _describe(self) -> Blueprint:
        about = json.loads(self._file(_CONFIG).read_text(encoding="utf-8"))
        kind = about.get("model_type")
        if kind not in _NETWORKS:
            raise UnavailableError(
                f"{self.name} is one of these kinds: {', '.join(_NETWORKS)}. Found {kind!r}; "
                f"{nearest(str(kind), _NETWORKS)} Fix: the same weights may be there as timm:NAME"
            )
        pixels = json.loads(self._file(_PIXELS).read_text(encoding="utf-8"))
        size = pixels.get("crop_size") or pixels.get("size")
        side = size.get("height") or size.get("shortest_edge") if isinstance(size, dict) else size
        found = (side, pixels.get("image_mean"), pixels.get("image_std"))
        if not all(found):
            raise UnavailableError(f"{_PIXELS} of {self.name} holds size, image_mean and image_std. Found {found}")
        return Blueprint(
            size=int(found[0]),
            mean=three(found[1]),
            std=three(found[2]),
            licence=_DINOV3 if "dinov3" in kind else "NOASSERTION",
            repository=None if self._folder else self._repository,
            names=_WEIGHTS,
            graph={"config": hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]},
        )

    def _build(self, size: int) -> nn.Module:
        from facetwise.models.backbones._hf_network import HfNetwork

        config = self._config()
        kind, norm = _NETWORKS[json.loads(self._file(_CONFIG).read_text(encoding="utf-8"))["model_type"]]
        network = getattr(_transformers(), kind)(config)
        return HfNetwork(
            network, norm=norm, size=size, tokens=self._tokens, depths=self._depths, patch_tokens=self._patch_tokens
        )

    def _load(self, network: Any, files: list[Path]) -> None:
        state = {name: value for path in files for name, value in read_weights(path).items()}
        inner = network.network
        # Names on disk and in memory differ from version to version; transformers knows which was which.
        with _silence():
            read, about = type(inner).from_pretrained(
                None,
                config=inner.config,
                state_dict=state,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are complained about below, with everything else
            )
        values = read.state_dict()
        check_complete(
            len(values),
            missing=sorted(about["missing_keys"]),
            unknown=sorted(name for name in about["unexpected_keys"] if not name.startswith(_OTHER_PARTS)),
            shapes=sorted(str(key[0] if isinstance(key, tuple) else key) for key in about["mismatched_keys"]),
            source=", ".join(map(str, files)),
        )
        inner.load_state_dict(values, strict=True)

    def _config(self) -> Any:
        """The configuration of the picture's tower."""
        config = _transformers().AutoConfig.from_pretrained(
            self._file(_CONFIG).parent, local_files_only=True, trust_remote_code=False
        )
        return getattr(config, "vision_config", config)

    @property
    def _folder(self) -> Path | None:
        path = Path(self._model).expanduser()
        return path if path.is_dir() else None

    @property
    def _repository(self) -> str:
        return self._model.partition("@")[0]

    @property
    def _revision(self) -> str | None:
        return self._model.partition("@")[2] or None

    def _file(self, *names: str) -> Path:
        if self._folder is not None:
            for name in names:
                if (path := self._folder / name).is_file():
                    return path
            raise UnavailableError(f"the folder {str(self._folder)!r} holds {' or '.join(names)}. Found none")
        found = cached(self._repository, names, revision=self._revision)
        if found is None:
            instead = "write hf:FOLDER for a folder that has it (a repository is called ORGANISATION/NAME)"
            raise not_here(self.name, self._repository, names, instead=instead)
        return found

    def _published(self) -> list[Path]:
        first = self._file(*_WEIGHTS)
        return [first] if first.suffix != ".json" else [self._file(name) for name in _parts(first)]

    def fetch(self) -> list[Path]:
        """Download configuration and weights, see `Fetchable`."""
        if self._folder is not None:
            return self._published()
        for name in (_CONFIG, _PIXELS):
            download(self.name, self._repository, [name], revision=self._revision)
        first = download(self.name, self._repository, _WEIGHTS, revision=self._revision)
        if first.suffix != ".json":
            return [first]
        return [download(self.name, self._repository, [name], revision=self._revision) for name in _parts(first)]


def _parts(index: Path) -> list[str]:
    """The files that an index of weights names, each once."""
    places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    return sorted({Path(place).name for place in places.values()})


def _transformers() -> Any:
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "backbones hf:NAME need the package transformers. Found none. Fix: pip install 'facetwise[hf]'"
        ) from error
    return transformers


@contextmanager
def _silence() -> Generator[None]:
    """transformers draws a bar and a table while it loads; what is in the table is an error of ours."""
    logs = _transformers().utils.logging
    verbosity, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity(logging.CRITICAL)
    logs.disable_progress_bar()
    try:
        yield
    finally:
        logs.set_verbosity(verbosity)
        if bars:
            logs.enable_progress_bar()
