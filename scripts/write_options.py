"""Write src/facetwise/config/options.json from the islands' signatures: `python scripts/write_options.py`."""

import inspect
import json
from pathlib import Path

from facetwise.models.backbones import BACKBONES
from facetwise.models.heads import HEADS
from facetwise.models.trunks import TRUNKS
from facetwise.objectives import BALANCERS, LOSSES, REWEIGHTING
from facetwise.schema import Kind

TABLES: dict[str, dict[str, type]] = {
    "BACKBONES": BACKBONES,
    "TRUNKS": TRUNKS,
    "HEADS": HEADS,
    # Of the losses, per kind those that can score it.
    **{f"LOSSES.{kind}": {name: loss for name, loss in LOSSES.items() if kind in loss.kinds} for kind in Kind},
    "REWEIGHTING": REWEIGHTING,
    "BALANCERS": BALANCERS,
}
TARGET = Path(__file__).parents[1] / "src" / "facetwise" / "config" / "options.json"


def options_of(island: type) -> dict[str, dict[str, object]]:
    """Option → type and default."""
    described: dict[str, dict[str, object]] = {}
    for name, parameter in inspect.signature(island.__init__).parameters.items():
        if parameter.default is inspect.Parameter.empty:
            continue  # the composition passes it; everything with a default is the user's to set
        kind = parameter.annotation
        described[name] = {"type": kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind)),
                           "default": parameter.default}  # fmt: skip
    return described


def render() -> str:
    """The file's text."""
    tables = {name: {line: options_of(island) for line, island in table.items()} for name, table in TABLES.items()}
    return json.dumps(tables, indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
