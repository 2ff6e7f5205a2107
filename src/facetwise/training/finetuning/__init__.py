"""Fine-tuning: pictures in place of cached features, and a backbone that learns. The table lists which parts of it."""

from facetwise.training.finetuning._full import FullFinetuning
from facetwise.training.finetuning._last_k import LastUnits
from facetwise.training.finetuning._lora import LowRankFinetuning
from facetwise.training.finetuning._none import NoFinetuning
from facetwise.training.finetuning._strategy import Finetuning

FINETUNING: dict[str, type[Finetuning]] = {
    "none": NoFinetuning,
    "last-k": LastUnits,
    "full": FullFinetuning,
    "lora": LowRankFinetuning,
}

# Names that people use: a line of the table with options.
FINETUNING_ALIASES: dict[str, tuple[str, dict[str, object]]] = {"all": ("full", {})}

__all__ = [
    "FINETUNING",
    "FINETUNING_ALIASES",
    "Finetuning",
    "FullFinetuning",
    "LastUnits",
    "LowRankFinetuning",
    "NoFinetuning",
]
