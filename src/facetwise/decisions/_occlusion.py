"""Where a picture is read: the answer is asked again and again with one part of the picture hidden."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from facetwise.decisions._calibration import Calibration, calibrate
from facetwise.decisions._decisions import Decisions
from facetwise.schema import NOT_APPLICABLE, Kind, Schema

__all__ = ["CELLS", "FAINT", "Explained", "Region", "hidden", "passes_for", "regions_from", "windows"]

# Cells along a side of the map; a window hides two by two of them, a sixteenth of the picture. Finer windows hide too
# little of what a backbone sees at once for most answers to change, and cost the square.
CELLS, _WINDOW = 8, 2
# Chances closer to 0 or 1 than this have no more to say.
_LEAST = 1e-6
# Heat below this, in log-odds, is what hiding any part of any picture does; nothing is then picked out.
FAINT = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where the answer of one attribute comes from.

    Args:
        column: The attribute.
        value: The answer that is explained, for the whole picture: a class, a list of classes, a number, or None where
            it is that the attribute does not apply.
        chance: How sure the model is of it; None for a number.
        lowest: How sure it stays with the most telling part hidden; None for a number.
        heat: (row, column) float32 over a square grid on the picture: how much support for the answer is lost where
            the picture is hidden, in log-odds, or in units of the number. Negative: what is there speaks against it.
    """

    column: str
    value: str | list[str] | float | None
    chance: float | None
    lowest: float | None
    heat: np.ndarray

    @property
    def faint(self) -> bool:
        """Whether no single part decides the answer."""
        most = float(self.heat.max())
        return most <= 0 or (self.chance is not None and most < FAINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One picture with a region for each attribute that was asked for.

    Args:
        image: Its name.
        pixels: (side, side, 3) uint8, as the backbone reads it.
        regions: By column.
    """

    image: str
    pixels: np.ndarray
    regions: Mapping[str, Region]


def windows(side: int, cells: int = CELLS) -> list[tuple[slice, slice]]:
    """Every window of two by two cells that covers some of a picture: each cell lies in exactly four of them.

    >>> len(windows(224)), windows(224, 4)[0]
    (81, (slice(0, 56, None), slice(0, 56, None)))
    """
    edges = np.round(np.linspace(0, side, cells + 1)).astype(int).tolist()
    spans = [slice(edges[max(0, start)], edges[min(cells, start + _WINDOW)]) for start in range(1 - _WINDOW, cells)]
    return [(rows, columns) for rows in spans for columns in spans]


def passes_for(cells: int = CELLS) -> int:
    """How often the model is asked about one picture, for any number of attributes.

    >>> passes_for()
    82
    """
    return 1 + (cells + _WINDOW - 1) ** 2


def hidden(pixels: np.ndarray, cells: int = CELLS) -> np.ndarray:
    """The picture, then the picture once per window with its own mean colour in the window.

    Args:
        pixels: (side, side, 3) uint8.
        cells: Along a side of the map.

    Returns:
        (1 + window, side, side, 3) uint8.
    """
    places = windows(len(pixels), cells)
    shown = np.repeat(pixels[None], 1 + len(places), axis=0)
    mean = np.round(pixels.reshape(-1, 3).mean(axis=0)).astype(np.uint8)
    for number, (rows, columns) in enumerate(places):
        shown[1 + number, rows, columns] = mean
    return shown


def _support(
    schema: Schema, decisions: Decisions, calibration: Calibration, place: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """(picture,) support for the first picture's answer, and the chance of that answer where it has one."""
    attribute, block = schema.attributes[place], schema.layout().blocks[place]
    chances, sure = calibrate(schema, calibration, decisions.scores, decisions.applies)
    if decisions.state[0, place] == NOT_APPLICABLE:
        chance = 1.0 - sure[:, place]
    elif attribute.kind is Kind.NUMERIC:
        return decisions.number[:, place].astype(np.float64), None
    elif attribute.kind is Kind.MULTILABEL:
        own, chosen = chances[:, block.scores], decisions.members[0, block.scores] != 0
        chance = sure[:, place] * np.prod(np.where(chosen, own, 1.0 - own), axis=1)
    else:
        chance = sure[:, place] * chances[:, block.score_start + int(decisions.index[0, place])]
    kept = np.clip(chance.astype(np.float64), _LEAST, 1.0 - _LEAST)
    return np.log(kept / (1.0 - kept)), chance


def _answer(schema: Schema, decisions: Decisions, place: int) -> str | list[str] | float | None:
    attribute, block = schema.attributes[place], schema.layout().blocks[place]
    if decisions.state[0, place] == NOT_APPLICABLE:
        return None
    if attribute.kind is Kind.NUMERIC:
        return float(decisions.number[0, place])
    if attribute.kind is Kind.MULTILABEL:
        return [attribute.classes[one] for one in np.flatnonzero(decisions.members[0, block.scores])]
    return attribute.classes[int(decisions.index[0, place])]


def regions_from(
    schema: Schema,
    pixels: np.ndarray,
    places: list[int],
    decide: Callable[[np.ndarray], Decisions],
    *,
    calibration: Calibration | None = None,
    cells: int = CELLS,
) -> dict[str, Region]:
    r"""By column, where in a picture the answer comes from.

    .. math:: H_u = \frac{1}{|W_u|} \sum_{w \in W_u} s(x) - s(x_w), \qquad
        x_w = x \cdot (1 - w) + \bar{x} \cdot w

    H_u heat of cell u; W_u the windows w that hide it; x the picture, x̄ its mean colour; s the log-odds of the chance
    of the answer that the whole picture gets (of a number: the number).

    What it shows: which hidden parts change the answer, of this model, through everything (category, neighbours,
    calibration). What it does not: why; parts that say the same thing twice (each alone can be hidden without loss);
    marks much smaller than a window, or colours close to the mean; and pictures with a square in them are pictures
    that the model has never seen, so that heat of a few tenths of a log-odd means nothing.

    Args:
        schema: Of the bundle.
        pixels: (side, side, 3) uint8, as the backbone reads the picture.
        places: Of the attributes.
        decide: (picture, side, side, 3) uint8 to decisions about them.
        calibration: Of the bundle.
        cells: Along a side of the map.

    Source: Zeiler, Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2. There one grey
    square is moved and the chance of the class is drawn at its centre; here windows overlap and every cell gets the
    mean of those that hide it, the colour is the picture's own (grey on a white ground is an edge of its own), and
    log-odds are taken, since the chance of a sure answer hardly moves. Public code of the kind (Captum's `Occlusion`)
    fills with zeros by default, which after normalisation is another colour for every backbone.
    """
    decisions, spans = decide(hidden(pixels, cells)), windows(len(pixels), cells)
    edges = np.round(np.linspace(0, len(pixels), cells + 1)).astype(int)[:-1]
    # (window, cell row, cell column): whether a window hides a cell.
    covers = np.array(
        [np.outer((edges >= rows.start) & (edges < rows.stop), (edges >= columns.start) & (edges < columns.stop))
         for rows, columns in spans]
    )  # fmt: skip
    found: dict[str, Region] = {}
    for place in places:
        support, chance = _support(schema, decisions, calibration or Calibration(), place)
        # A part whose hiding leaves a number without a value says nothing about how it changes.
        lost = np.nan_to_num(support[0] - support[1:], nan=0.0, posinf=0.0, neginf=0.0)
        heat = np.einsum("w,wrc->rc", lost, covers.astype(np.float64)) / covers.sum(axis=0)
        column = schema.attributes[place].column
        found[column] = Region(
            column=column, value=_answer(schema, decisions, place), heat=heat.astype(np.float32),
            chance=None if chance is None else float(chance[0]),
            lowest=None if chance is None else float(chance.min()),
        )  # fmt: skip
    return found
