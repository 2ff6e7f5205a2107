"""Image towers of open_clip, by model and training."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from facetwise.errors import UnavailableError, UserError, nearest
from facetwise.models.backbones._hub import cached, cached_by_torch, download, not_here
from facetwise.models.backbones._network_backbone import Blueprint, NetworkBackbone, three
from facetwise.models.backbones._weights import RANDOM, load_exactly, read_weights

if TYPE_CHECKING:
    from torch import nn

    from facetwise.models.backbones._backbone import TextReader

__all__ = ["OpenClipBackbone"]

_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
# The picture's half of a file that holds both.
_TOWER = "visual."
# What the first published files say about themselves, as tensors.
_ABOUT = ("input_resolution", "context_length", "vocab_size")


class OpenClipBackbone(NetworkBackbone):
    """The image tower of a model of open_clip: `open_clip:MODEL/PRETRAINED`, or `open_clip:MODEL` with `weights`.

    `weights` takes what open_clip's and GCL's training write (`state_dict`, names beginning with `module.`); the text
    tower in it is left out. `last` ends with the tower's own output, the projected image embedding before it is brought
    to unit length; the depths before it go through the tower's last norm. With `depths=0` that embedding is all there
    is: what the text tower's vectors can be compared with (`text_reader`).

    Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision"; Cherti et al.
    2023, "Reproducible Scaling Laws for Contrastive Language-Image Learning" (open_clip); Zhu et al. 2024,
    "Generalized Contrastive Learning for Multi-Modal Retrieval and Ranking" (GCL).
    """

    @property
    def _family(self) -> str:
        return "open_clip:"

    @property
    def _parts(self) -> tuple[str, str]:
        name, _, tag = self._model.partition("/")
        return name, tag

    @property
    def _drawn_by(self) -> tuple[str, ...]:
        return ("torch", "open_clip_torch")

    def _describe(self) -> Blueprint:
        library, (name, tag) = _library(), self._parts
        if library.get_model_config(name) is None:
            raise UnavailableError(f"open_clip knows no model {name!r}; {nearest(name, library.list_models())}")
        about = library.get_pretrained_cfg(name, tag) if tag else {}
        if not about and (tag or self._weights is None):
            tags = library.list_pretrained_tags_by_model(name)
            spelled = f"Fix: write {self._family}{name}/TRAINING; {nearest(tag, tags)}"
            raise UnavailableError(f"open_clip knows the training of {name}. Found {tag!r}. {spelled}")
        size = library.get_model_config(name)["vision_cfg"].get("image_size", 224)
        repository = str(about.get("hf_hub") or "")
        where, _, file = repository.rpartition("/")
        return Blueprint(
            size=size[0] if isinstance(size, (tuple, list)) else size,
            mean=three(about.get("mean") or library.OPENAI_DATASET_MEAN),
            std=three(about.get("std") or library.OPENAI_DATASET_STD),
            licence="NOASSERTION",
            repository=where or None,
            names=(file,) if file else _FILES,
            address=about.get("url") or None,
            graph={"quick_gelu": bool(about.get("quick_gelu"))},
        )

    def _build(self, size: int) -> nn.Module:
        import torch

        from facetwise.models.backbones._open_clip_network import OpenClipNetwork

        made = self._blueprint
        own = "timm_model_name" in _library().get_model_config(self._parts[0])["vision_cfg"]
        if own and size != made.size:
            raise UserError(f"{self._model} reads pictures of {made.size} pixels only. Found size = {size}")
        model = self._whole(size if size != made.size else None, torch.get_default_device())
        return OpenClipNetwork(model.visual, tokens=self._tokens, depths=self._depths, patch_tokens=self._patch_tokens)

    def _whole(self, size: int | None, device: Any) -> Any:
        """Both towers, as open_clip starts them: it has no public way to make one alone."""
        with _silence():
            return _library().create_model(
                self._parts[0],
                load_weights=False,
                device=device,
                pretrained_text=False,
                pretrained_image=False,
                force_quick_gelu=bool(self._blueprint.graph["quick_gelu"]),
                force_image_size=size,
            )

    def text_reader(self) -> TextReader:
        """The text tower, see `ReadsText`; of `weights=random` the one that was drawn with the image tower."""
        import torch

        from facetwise.models.backbones._open_clip_text import OpenClipText

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # as `_random`: one draw gives both towers
            model = self._whole(None, "cpu")
        model.visual = torch.nn.Identity()
        if self._weights != RANDOM:
            [file, *_] = self.files()
            state = {name: value for name, value in read_weights(file).items() if not name.startswith(_TOWER)}
            load_exactly(model, state, source=f"{file} (its text tower)", droppable=_ABOUT)
        return OpenClipText(model, tokenizer=_library().get_tokenizer(self._parts[0]))

    def _load(self, network: Any, files: list[Path]) -> None:
        source = str(files[0])
        state = read_weights(files[0])
        if any(name.startswith(_TOWER) for name in state):
            state = {name.removeprefix(_TOWER): value for name, value in state.items() if name.startswith(_TOWER)}
        inner = network.network
        key = "positional_embedding"
        if key in state and state[key].shape != inner.state_dict()[key].shape:
            # open_clip interpolates inside a whole model only.
            whole = {f"{_TOWER}{key}": state[key]}
            _library().model.resize_pos_embed(whole, SimpleNamespace(visual=inner))
            state[key] = whole[f"{_TOWER}{key}"]
        load_exactly(inner, state, source=source)

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


def _library() -> Any:
    try:
        import open_clip
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "backbones open_clip:NAME need the package open_clip_torch. Found none. "
            "Fix: pip install 'facetwise[open_clip]'"
        ) from error
    return open_clip


@contextmanager
def _silence() -> Generator[None]:
    """open_clip warns through the root logger that a network made without weights has none, and sets that logger up."""
    handler, before = logging.NullHandler(), logging.root.manager.disable
    logging.root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        logging.root.removeHandler(handler)
