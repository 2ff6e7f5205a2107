"""What the families of backbones share: options, levels measured on the network itself, weights loaded whole."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from facetwise.errors import UserError, nearest
from facetwise.images import FIT_MODES, FitMode
from facetwise.models.backbones._backbone import Backbone, Level, Preprocessing
from facetwise.models.backbones._weights import RANDOM, digest_of, given_file

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TOKENS", "Blueprint", "NetworkBackbone", "Tokens", "checked_choice", "three"]

Tokens = Literal["cls", "mean", "cls+mean"]
TOKENS: tuple[str, ...] = get_args(Tokens)

# Under these the weights may be used, but not by everybody for everything; a user's own file does not change that.
_SPECIAL = "LicenseRef-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What a library knows about a network without building it.

    Args:
        size: pixels per side that the network is made for.
        mean, std: of the normalisation, per channel, of values between 0 and 1.
        licence: of the published weights, as an SPDX identifier.
        repository: where on the Hugging Face hub the weights are published, if they are.
        names: files there that hold them, the best first.
        address: where else a single file is published, if it is.
        graph: whatever else changes the numbers that the same weights give.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    licence: str
    repository: str | None = None
    names: tuple[str, ...] = ()
    address: str | None = None
    graph: dict[str, object] = field(default_factory=dict)


def three(values: Iterable[float]) -> tuple[float, float, float]:
    """One number per colour.

    >>> three([0.5, 0.5, 0.5])
    (0.5, 0.5, 0.5)
    """
    red, green, blue = values
    return red, green, blue


def checked_choice(option: str, value: str, known: tuple[str, ...]) -> None:
    """Raises `UserError`, naming the nearest, for a value that is none of the known."""
    if value not in known:
        raise UserError(f"`{option}` should be one of {', '.join(known)}. Found {value!r}; {nearest(value, known)}")


class NetworkBackbone(Backbone):
    """A family of networks from a library: one class, any name the library knows.

    Nothing is loaded before it is asked for, and no method but `fetch` uses the network.

    Args:
        model: the network's name in its library.
        weights: a file of weights, or `random` for a network that has learned nothing (the same for everybody: its
            start is drawn with seed 0); the published weights if not given.
        size: pixels per side, for position embeddings that are then interpolated; the network's own if 0.
        fit: how a picture becomes a square, see `facetwise.images.fit`. The same for every backbone and not what a
            library would do: `crop` keeps the middle 87.5 %, always bicubic, whatever the published crop was.
        tokens: of a transformer: the class token, the mean patch token or both. Where a network has no class token,
            its own pooled vector stands for it, which only the last level has.
        depths: of a transformer: how many evenly spaced blocks are levels, the last block among them.
        patch_tokens: one level with every patch token (or every position of the last map) in place of all levels.
    """

    def __init__(
        self,
        *,
        model: str,
        weights: str | None = None,
        size: int = 0,
        fit: FitMode = "squash",
        tokens: Tokens = "cls+mean",
        depths: int = 4,
        patch_tokens: bool = False,
    ) -> None:
        checked_choice("fit", fit, FIT_MODES)
        checked_choice("tokens", tokens, TOKENS)
        if size < 0:
            raise UserError(f"`size` should be at least 1, or 0 for the network's own. Found size = {size}")
        self._model = model
        self._weights = None if weights is None else str(weights)
        self._size = size
        self._fit: FitMode = fit
        self._tokens: Tokens = tokens
        self._depths = depths
        self._patch_tokens = patch_tokens

    @property
    @abstractmethod
    def _family(self) -> str:
        """The line of the table, with its colon."""

    @property
    @abstractmethod
    def _drawn_by(self) -> tuple[str, ...]:
        """The packages whose versions decide what a network that has learned nothing starts with."""

    @abstractmethod
    def _describe(self) -> Blueprint:
        """What the library says about the network.

        Raises:
            UnavailableError: the library is missing, or does not know the name.
        """

    @abstractmethod
    def _build(self, size: int) -> nn.Module:
        """The network with its depths, on torch's current device, with whatever values it starts with.

        It maps normalised pictures `batch 3 rows columns` to a dictionary from level to `batch width`, and keeps the
        library's network as `network`.
        """

    @abstractmethod
    def _load(self, network: Any, files: list[Path]) -> None:
        """Put the weights of files into what `_build` has made, all or none.

        Raises:
            UnavailableError: the files hold something else.
        """

    @abstractmethod
    def _published(self) -> list[Path]:
        """The files of the published weights on this machine.

        Raises:
            UnavailableError: they are not here.
        """

    @property
    def name(self) -> str:
        return f"{self._family}{self._model}"

    @cached_property
    def _blueprint(self) -> Blueprint:
        return self._describe()

    @property
    def licence(self) -> str:
        published = self._blueprint.licence
        return published if self._weights is None or published.startswith(_SPECIAL) else "NOASSERTION"

    @property
    def preprocessing(self) -> Preprocessing:
        made = self._blueprint
        return Preprocessing(size=self._size or made.size, fit=self._fit, mean=made.mean, std=made.std)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        import torch

        from facetwise.models.backbones._depths import measure

        size = self.preprocessing.size
        try:
            with torch.device("meta"):
                network = self._build(size)
            return measure(network, size)
        except (AssertionError, RuntimeError, ValueError, TypeError) as error:
            if not self._size:
                raise
            raise UserError(
                f"{self.name} reads pictures of {self._blueprint.size} pixels, or of a size that its patches divide. "
                f"Found size = {size}: {str(error).strip()[:200]}"
            ) from error

    @property
    def graph_version(self) -> str:
        chosen = {"tokens": self._tokens, "depths": self._depths, "patch_tokens": self._patch_tokens}
        about = {"family": self._family, "model": self._model, **chosen, **self._blueprint.graph}
        return "1 " + " ".join(f"{key}={value}" for key, value in about.items())

    @cached_property
    def _digest(self) -> str:
        if self._weights != RANDOM:
            return digest_of(self.files())
        # Drawing them only to name them would take as long as loading; these decide every value.
        drawn = [
            self.graph_version,
            str(self.preprocessing.size),
            *(f"{name} {version(name)}" for name in self._drawn_by),
        ]
        return hashlib.sha256("\n".join(["random, seed 0", *drawn]).encode()).hexdigest()

    def weights_digest(self) -> str:
        return self._digest

    def files(self) -> list[Path]:
        """The files of weights on this machine, see `Fetchable`."""
        if self._weights == RANDOM:
            return []
        return self._published() if self._weights is None else [given_file(self._weights)]

    def describer(self) -> nn.Module:
        from facetwise.models.backbones._depths import PixelDescriber

        if self._weights == RANDOM:
            network = self._random()
        else:
            files = self.files()
            network = self._build(self.preprocessing.size)
            self._load(network, files)
        normal = self.preprocessing
        return PixelDescriber(network, mean=normal.mean, std=normal.std).eval()

    def _random(self) -> nn.Module:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self._build(self.preprocessing.size)
