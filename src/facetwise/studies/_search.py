"""What a sweep searches: ranges and choices of any option of the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facetwise.config import load_config
from facetwise.errors import Complaint, ConfigError
from facetwise.studies._variants import PAIRED_FIELDS, split_values

__all__ = ["SPACES", "Dimension", "check_space", "dimension_of", "space_of"]

# The grid of the FishNet system's README: learning rate, batch, dropout, hidden width, schedule with warm-up, MixUp,
# class weights, label smoothing. Source: FishNet Mixture of Experts, README, "Hyperparameter tuning".
SPACES: dict[str, tuple[str, ...]] = {
    "fishnet": (
        "learning_rate=1e-4,5e-4,1e-3,2e-3",
        "batch_size=128,256,512",
        "trunk.dropout=0,0.1,0.2,0.3",
        "trunk.width=1024,2048,4096",
        "schedule=cosine,linear,step",
        "warmup=0,0.1",
        "mixing=none,mixup",
        "reweighting=none,balanced",
        "losses.categorical.label_smoothing=0,0.1",
    )
}
_FIX = "write --search learning_rate=log:1e-4..1e-2 or --search batch_size=64,128"
# Fields that decide nothing about the model, or what it is judged by.
_FIXED = (*PAIRED_FIELDS, "select_by", "device", "workers", "preset", "near_duplicates")


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One option that is searched.

    Args:
        key: Its path.
        choices: Values as they are typed; empty for a range.
        low, high: Of a range, both included.
        log: Whether the range is searched by order of magnitude.
        whole: Whether it holds whole numbers.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def setting(self, value: object) -> str:
        """`KEY=VALUE`, a number of a range with four digits."""
        return f"{self.key}={value:.4g}" if isinstance(value, float) else f"{self.key}={value}"

    def ends(self) -> tuple[object, ...]:
        """Values that are checked before the search begins: every choice, or both ends."""
        if self.choices:
            return self.choices
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


def dimension_of(text: str) -> Dimension:
    """`learning_rate=log:1e-4..1e-2`, `epochs=10..40` or `batch_size=64,128`.

    Raises:
        ConfigError: It reads as none of them.

    >>> dimension_of("trunk.width=log:64..1024")
    Dimension(key='trunk.width', choices=(), low=64.0, high=1024.0, log=True, whole=True)
    """

    def refuse(rule: str) -> ConfigError:
        return ConfigError([Complaint(place="--search", rule=rule, found=repr(text), fix=_FIX)])

    key, equals, rest = text.partition("=")
    key, rest = key.strip(), rest.strip()
    if not equals or not key or not rest:
        raise refuse("a search is KEY=VALUES")
    log = rest.startswith("log:")
    first, dots, last = rest.removeprefix("log:").partition("..")
    if not dots:
        if log:
            raise refuse("after log: come two numbers, LOW..HIGH")
        if not all(values := split_values(rest)):
            raise refuse("no value is empty")
        return Dimension(key=key, choices=tuple(dict.fromkeys(values)))
    try:
        low, high = float(first), float(last)
    except ValueError as error:
        raise refuse("a range is LOW..HIGH, two numbers") from error
    if not (float("-inf") < low < high < float("inf")) or (log and low <= 0):
        raise refuse("a range goes up, and one with log: begins above 0")
    whole = all(part.strip().lstrip("+-").isdecimal() for part in (first, last))
    return Dimension(key=key, low=low, high=high, log=log, whole=whole)


def space_of(search: Sequence[str], preset: str | None) -> list[Dimension]:
    """The dimensions of a preset, then those of the user; of two with one key the later one counts.

    Raises:
        ConfigError: Nothing to search, or texts that do not read; all at once.
    """
    found: dict[str, Dimension] = {}
    complaints: list[Complaint] = []
    for text in (*(SPACES[preset] if preset is not None else ()), *search):
        try:
            dimension = dimension_of(text)
        except ConfigError as error:
            complaints += error.complaints
            continue
        found[dimension.key] = dimension
    if not found and not complaints:
        complaints.append(Complaint(place="--search", rule="a sweep searches something", found="nothing", fix=_FIX))
    if complaints:
        raise ConfigError(complaints)
    return list(found.values())


def check_space(
    space: Sequence[Dimension], *, config: Path | None, settings: Sequence[str], options: Mapping[str, Any]
) -> None:
    """Refuse keys and values that the configuration does not take, before anything is trained.

    Raises:
        ConfigError: All of them.
    """
    complaints: dict[str, Complaint] = {}
    for dimension in space:
        field = dimension.key.split(".")[0]
        if field in _FIXED:
            rule = f"all trials are judged by the same validation rows and score, so {field} is not searched"
            fix = f"set it for all of them, with --set {field}=VALUE"
            one = Complaint(place="--search", rule=rule, found=repr(dimension.key), fix=fix)
            complaints[str(one)] = one
            continue
        for value in dimension.ends():
            try:
                load_config(config, [*settings, dimension.setting(value)], **options)
            except ConfigError as error:
                complaints |= {str(complaint): complaint for complaint in error.complaints}
    if complaints:
        raise ConfigError(list(complaints.values()))
