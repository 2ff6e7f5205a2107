"""Any network of timm, by its name there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetwise.errors import UnavailableError, nearest
from facetwise.models.backbones._hub import cached, cached_by_torch, download, not_here
from facetwise.models.backbones._network_backbone import Blueprint, NetworkBackbone, three
from facetwise.models.backbones._weights import load_exactly, read_weights

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TimmBackbone"]

# How timm spells licences, and how SPDX does.
_LICENCES = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "dinov3-license": "LicenseRef-DINOv3",
}
# timm lists CLIP's first weights under the licence that it gives where nothing is said; OpenAI published them as MIT.
_LICENCE_OF_TRAINING = {"openai": "MIT"}
_FILES = ("model.safetensors", "pytorch_model.bin")


class TimmBackbone(NetworkBackbone):
    """A network of timm with its published weights and its own mean, deviation and size: `timm:NAME`.

    `NAME` is timm's, with or without the tag after the point that says which training (`resnet18`,
    `resnet18.a1_in1k`). Of a transformer the levels are `blockN` and `last`, of a network with stages `stageN` and
    `last`. Not as in timm's own transform: the whole picture is squashed into the square (see `fit`), and resized
    bicubic also where timm's configuration says bilinear.

    Source: Wightman 2019, "PyTorch Image Models"; each network's paper is named on its page there. Class token and mean
    patch token from several blocks: Oquab et al. 2023, "DINOv2: Learning Robust Visual Features without Supervision",
    section 7 (linear evaluation: last four blocks, class token and mean of the patch tokens).
    """

    @property
    def _family(self) -> str:
        return "timm:"

    @property
    def _drawn_by(self) -> tuple[str, ...]:
        return ("torch", "timm")

    def _describe(self) -> Blueprint:
        import timm
        from timm.models import get_pretrained_cfg

        architecture, _, tag = self._model.partition(".")
        if not timm.is_model(architecture):
            raise UnavailableError(f"timm knows no {architecture!r}; {nearest(architecture, timm.list_models())}")
        tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]
        if tag and tag not in tags:
            raise UnavailableError(f"timm knows no training {tag!r} of {architecture}; {nearest(tag, tags)}")
        about = get_pretrained_cfg(self._model)
        if about is None:
            raise UnavailableError(f"timm says nothing about the input of {self._model}; choose another network")
        repository = str(about.hf_hub_id).partition("@")[0] if about.hf_hub_id else None
        return Blueprint(
            size=about.input_size[-1],
            mean=three(about.mean),
            std=three(about.std),
            licence=_LICENCE_OF_TRAINING.get(tag) or _LICENCES.get(str(about.license), "NOASSERTION"),
            repository=repository,
            names=(about.hf_hub_filename,) if about.hf_hub_filename else _FILES,
            address=about.url if isinstance(about.url, str) else None,
            graph={"fixed": about.fixed_input_size},
        )

    def _build(self, size: int) -> nn.Module:
        import timm

        from facetwise.models.backbones._timm_network import TimmNetwork, has_depths

        made = self._blueprint
        # Only networks with one size by construction take one; the others read any.
        sized: dict[str, Any] = {"img_size": size} if made.graph["fixed"] and size != made.size else {}
        network = timm.create_model(self._model, pretrained=False, num_classes=0, **sized)
        if not has_depths(network):
            raise UnavailableError(
                f"a backbone can say what comes out at its depths. timm's {self._model} cannot. "
                "Fix: choose another network"
            )
        return TimmNetwork(network, tokens=self._tokens, depths=self._depths, patch_tokens=self._patch_tokens)

    def _load(self, network: Any, files: list[Path]) -> None:
        from facetwise.models.backbones._layouts import timm_names

        inner = network.network
        source = str(files[0])
        classifier = inner.pretrained_cfg.get("classifier")
        names = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
        state = timm_names(read_weights(files[0]), inner, source=source)
        load_exactly(inner, state, source=source, droppable=[f"{name}." for name in names])

    def _published(self) -> list[Path]:
        made = self._blueprint
        found = cached(made.repository, made.names) if made.repository else None
        found = found or cached_by_torch(made.address)
        if found is None:
            raise not_here(self.name, made.repository, made.names)
        return [found]

    def fetch(self) -> list[Path]:
        """Download the published weights, see `Fetchable`."""
        made = self._blueprint
        if made.repository is None:
            raise not_here(self.name, None, made.names)
        return [download(self.name, made.repository, made.names)]
