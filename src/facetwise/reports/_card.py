"""The model card: what a trained model is, how good it is and is not, and code that runs, as Markdown."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facetwise.schema import Kind, Schema

__all__ = ["Carded", "model_card"]

# Class names in one cell of the table; the schema in the bundle has all of them.
CLASSES_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Carded:
    """What a card is written from.

    Args:
        name: Of the repository or the folder; stands in the code.
        schema: The vocabulary.
        metrics: As `metrics.json` has them.
        backbone: Of the bundle: name, licence, digest, mode.
        model: Of the bundle: trunk, head.
        data: Of the bundle: digest of the training data, rows by side.
        facetwise: Version that trained it.
        licence: Of the model, as its owner says; none is claimed if not given.
        flags: Per column what rests on too little, in words.
        evidence: Whether the names of the training pictures are inside.
        neighbours: How many training rows are inside, as vectors with their labels.
    """

    name: str
    schema: Schema
    metrics: Mapping[str, Any]
    backbone: Mapping[str, Any]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    facetwise: str
    licence: str | None
    flags: Mapping[str, tuple[str, ...]]
    evidence: bool
    neighbours: int


def model_card(told: Carded) -> str:
    """Markdown with the hub's front matter; names from the table are text and nothing else."""
    parts = [_front(told), f"# {_text(told.name)}", _about(told), _code(told), _attributes(told), _quality(told)]
    parts += [_limits(told), _origin(told)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _text(value: object) -> str:
    """A text that Markdown and HTML take as it is.

    >>> _text("a|b <script> `x`\\n# y")
    'a\\\\|b &lt;script&gt; \\\\`x\\\\` \\\\# y'
    """
    flat = " ".join(str(value).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|#!~$])", r"\\\1", flat)


def _front(told: Carded) -> str:
    lines = ["library_name: facetwise", "pipeline_tag: image-classification", "tags: [facetwise, multi-attribute]"]
    if told.licence is not None:
        lines.append(f"license: {json.dumps(told.licence)}")
    return "\n".join(["---", *lines, "---"])


def _about(told: Carded) -> str:
    schema = told.schema
    kinds = [attribute.kind for attribute in schema.attributes]
    given = ", ".join(f"{kinds.count(kind)} {kind}" for kind in Kind if kind in kinds)
    words = f"One model that fills in {len(kinds)} attributes of a picture at once ({given})"
    words += ", and says where it leaves a value open"
    if schema.category is not None:
        words += f" or where an attribute does not apply; *{_text(schema.category)}* decides which ones do"
    return f"{words}. Confidences are calibrated on validation pictures."


def _code(told: Carded) -> str:
    name = json.dumps(told.name)
    return (
        "## Use it\n\n```python\nimport facetwise as fw\n\n"
        f"run = fw.from_pretrained({name})\n"
        'for row in run.predict(["photo.jpg"]).rows:\n'
        '    print({column: cell.value for column, cell in row.items() if hasattr(cell, "state")})\n```'
    )


def _attributes(told: Carded) -> str:
    lines = ["## Attributes", "", "| attribute | kind | classes | applies to |", "|---|---|---|---|"]
    for attribute in told.schema.attributes:
        shown = ", ".join(map(_text, attribute.classes[:CLASSES_SHOWN]))
        more = len(attribute.classes) - CLASSES_SHOWN
        classes = f"{len(attribute.classes)}: {shown}{f', and {more} more' if more > 0 else ''}"
        if attribute.kind is Kind.NUMERIC:
            classes = f"a number{f' in {_text(attribute.unit)}' if attribute.unit else ''}"
        applies = "everything" if attribute.applies_to is None else ", ".join(map(_text, attribute.applies_to))
        lines.append(f"| {_text(attribute.column)} | {attribute.kind} | {classes} | {applies or 'see the picture'} |")
    return "\n".join(lines)


def _number(value: Any, *, digits: int = 3) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"


def _measured(found: Mapping[str, Any], floor: Mapping[str, Any], name: str) -> str:
    value, bounds = found.get(name), (found.get("intervals") or {}).get(name)
    if value is None:
        return ""
    interval = f" ({_number(bounds[0])} to {_number(bounds[1])})" if bounds else ""
    return f"{_number(value)}{interval}, floor {_number(floor.get(name))}"


def _quality(told: Carded) -> str:
    metrics = told.metrics
    floors, side = metrics["floors"]["majority"], metrics["split"]
    lines = [
        "## How good it is", "",
        f"On {metrics['items']:,} pictures of the {side} side, which it has not learnt from"
        f"{' (they picked the checkpoint and the thresholds)' if side == 'val' else ''}. In brackets 95 % intervals; "
        "the floor always gives the most frequent answer. Calibration error: how far confidence is from being right.",
        "", "| attribute | cells | macro F1 | accuracy | mean error | calibration error |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for attribute in told.schema.attributes:
        found = metrics["attributes"].get(attribute.column, {})
        floor = floors["attributes"].get(attribute.column, {})
        cells = [_measured(found, floor, name) for name in ("macro_f1", "accuracy", "mae")]
        error = (found.get("calibration") or {}).get("error")
        row = [
            _text(attribute.column),
            f"{found.get('labelled') or 0:,}",
            *cells,
            "" if error is None else _number(error),
        ]
        lines.append(f"| {' | '.join(row)} |")
    overall = metrics["overall"]
    means = (("mean_macro_f1", "Mean macro F1"), ("mean_accuracy", "mean accuracy"), ("coverage", "values given"))
    lines += ["", ", ".join(f"{label} {_number(overall.get(name))}" for name, label in means) + "."]
    return "\n".join(lines)


def _limits(told: Carded) -> str:
    lines = [
        "## Limits", "",
        "* It knows the classes above and no others, on pictures like those it has learnt from; other cameras, shops "
        "or seasons have to be measured first (`facetwise evaluate`, `facetwise drift`).",
        "* A value that it leaves open is an answer: nobody should fill it in by the highest score.",
    ]  # fmt: skip
    columns = {attribute.column for attribute in told.schema.attributes}
    doubtful = [column for column in told.flags if column in columns]
    if doubtful:
        lines.append(
            f"* Thresholds, confidences or sets rest on few validation pictures: {', '.join(map(_text, doubtful))}."
        )
    if told.neighbours:
        names = "with the names of their pictures" if told.evidence else "without the names of their pictures"
        lines.append(
            f"* The bundle holds {told.neighbours:,} training rows as vectors with their labels, {names}: they vote."
        )
    return "\n".join(lines)


def _origin(told: Carded) -> str:
    about, data = told.backbone, told.data
    rows = ", ".join(f"{count:,} {side}" for side, count in data.get("rows", {}).items())
    mode = "the bundle holds its weights" if about.get("mode") == "embedded" else "its weights are not in the bundle"
    backbone = "features of the owner's own" if about.get("name") is None else (
        f"`{about['name']}`, licence {_text(about.get('licence') or 'not stated')}, {mode}, "
        f"SHA-256 `{str(about.get('sha256'))[:16]}`"
    )  # fmt: skip
    lines = [
        "## Where it comes from", "", f"* backbone: {backbone}",
        f"* model: {_text(told.model['trunk']['name'])} trunk, {_text(told.model['head']['name'])} head",
        f"* data: {rows or 'not stated'}; digest `{str(data.get('content', 'not stated'))[:16]}`",
        f"* trained with facetwise {_text(told.facetwise)}",
        f"* licence of this model: {_text(told.licence) if told.licence else 'not stated by its owner'}",
    ]  # fmt: skip
    return "\n".join(lines)
