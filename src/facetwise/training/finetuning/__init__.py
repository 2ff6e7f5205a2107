"""Fine-tuning: pictures in place of cached features, and a backbone that learns. The table lists which parts of it."""

from facetwise.training.finetuning._full import FullFinetuning
from facetwise.training.finetuning._last_k import LastUnits
from facetwise.training.finetuning._lora import LowRankFinetuning
from facetwise.training.finetuning._none import NoFinetuning
from facetwise.training.finetuning._strategy import Finetuning

FINETUNING: dict[str, type[Finetuning]] = {
    "none": NoFinetuning,
    "last-k": LastUnits,
    "all": FullFinetuning,
    "lora": LowRankFinetuning,
}

__all__ = ["FINETUNING", "Finetuning", "FullFinetuning", "LastUnits", "LowRankFinetuning", "NoFinetuning"]
