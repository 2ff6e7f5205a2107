"""How the training went: losses, the score that selected, weights, gates."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from facetwise.reports._charts import Line, chart
from facetwise.reports._diagnostic_tables import diagnostic_tables
from facetwise.reports._facts import Reported
from facetwise.reports._page import text

__all__ = ["training_section"]


def _points(epochs: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    return [
        (float(one["epoch"]), float(one[key]))
        for one in epochs
        if isinstance(one.get(key), int | float) and math.isfinite(one[key])
    ]


def _learning(log: Sequence[Mapping[str, Any]]) -> str:
    epochs = [one for one in log if "epochs" in one]
    if not epochs:
        return ""
    across = (float(epochs[0]["epoch"]), float(epochs[-1]["epoch"]))
    train, val, score = (_points(epochs, key) for key in ("train_loss", "val_loss", "score"))
    rate = _points(epochs, "learning_rate")
    drawn = []
    if train or val:
        both = [high for _, high in (*train, *val)]
        drawn.append(
            chart("Loss", [Line(points=train), Line(points=val, name="second")],
                  x="epoch", y="loss", across=across, up=(min(0.0, *both), max(both)),
                  note='<i class="dot" style="background:var(--train)"></i>training '
                       '<i class="dot" style="background:var(--absent)"></i>validation')
        )  # fmt: skip
    if score:
        best = max(score, key=lambda one: one[1])
        drawn.append(
            chart("Score that selects, on validation",
                  [Line(points=score), Line(points=[best], name="second", dots=[1.0])],
                  x="epoch", y="score", across=across, up=(min(0.0, *(one for _, one in score)), 1.0),
                  note=f"Best {best[1]:.3f} in epoch {best[0]:.0f}.")
        )  # fmt: skip
    if rate:
        drawn.append(
            chart("Learning rate", [Line(points=rate)], x="epoch", y="rate", across=across,
                  up=(0.0, max(high for _, high in rate) or 1.0))
        )  # fmt: skip
    seconds = sum(one.get("seconds", 0.0) for one in epochs[-1:])
    words = f"{len(epochs)} epochs in {seconds:,.0f} s." if seconds else f"{len(epochs)} epochs."
    return f'<p class="small soft">{words}</p><div class="columns">{"".join(drawn)}</div>'


def _weights(log: Sequence[Mapping[str, Any]]) -> str:
    """Balancing weights of the last line that has them, per attribute."""
    last = next((one["weights"] for one in reversed(log) if isinstance(one.get("weights"), Mapping)), None)
    if not last:
        return ""
    rows = "".join(
        f'<tr><td class="name">{text(name)}</td><td class="number">{value:.3f}</td></tr>'
        for name, value in sorted(last.items(), key=lambda one: -one[1])
        if isinstance(value, int | float)
    )
    return (
        '<details><summary>Balancing weights at the end</summary><table class="narrow"><thead><tr><th>attribute</th>'
        f'<th class="number">weight</th></tr></thead><tbody>{rows}</tbody></table></details>'
    )


def training_section(told: Reported) -> str:
    """Curves, weights, gates."""
    parts = _learning(told.log) + _weights(told.log) + diagnostic_tables(told.diagnostics)
    return f'<h2 id="training">Training</h2>{parts}' if parts else ""
