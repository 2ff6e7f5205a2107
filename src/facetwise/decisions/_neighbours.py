"""Training rows that look alike have a vote beside the network."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from facetwise.decisions._largest import largest
from facetwise.decisions._numbers import NumberScale
from facetwise.schema import VALUE, Coding, Kind, Labels, Schema

__all__ = ["FADING", "LEAST_SAY", "MARGIN", "VOTERS", "Nearest", "Neighbours", "gather"]

# How many neighbours vote, and how fast their say fades with the cosine: weighted nearest neighbours as Wu et al.
# (2018) introduced and Caron et al. (2021, DINO) measured them, k = 20 and τ = 0.07.
VOTERS = 20
FADING = 0.07
# Of two rows equally far away only one may be the last voter, and which one is decided by the last bit of a sum: in an
# exported file an answer jumped by 0.002 (once in 400 pictures of 60 attributes). So a voter has its full say only from
# this distance to the nearest row that does not vote, and almost none beside it.
MARGIN = 1e-3
LEAST_SAY = 1e-5
# Neighbours that are looked up for all attributes at once; an attribute with fewer than `VOTERS` labels among them is
# looked up among its own rows.
LOOKED_UP = 200
# Training rows that are kept at most, 77 MB for a width of 384 beside their labels; and cells that each class keeps in
# any case. Every item is held against each of them. Of fashion's 6,170 rows all, 72, 45 and 27 % lift the network's
# macro-F1 by 1.0, 0.8, 0.6 and 0.5 points (3 seeds, 2026-11-22).
MOST_ROWS = 100_000
KEPT_OF_CLASS = 20
# Cosines that are in memory at once.
BLOCK = 2**25


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Training rows as the trunk describes them, and what they are labelled with.

    Args:
        centre: (width,) mean of the representation over training rows; cosines are taken from there.
        keys: (row, width) float16 unit vectors.
        labels: Of these rows.
        images: Their names, which stand as evidence beside an answer.
        say: (row,) how much each row counts, as in training.
        weight: (class,) how much a vote for each label counts; 1 elsewhere.
        shares: Per attribute id how much of the answer is the vote; none where validation says it does not help.
    """

    centre: np.ndarray
    keys: np.ndarray
    labels: Labels
    images: tuple[str, ...]
    say: np.ndarray
    weight: np.ndarray
    shares: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)

    def first(self, count: int) -> "Neighbours":
        """The first rows alone."""
        return replace(
            self, keys=self.keys[:count], labels=self.labels.take(np.arange(count)), images=self.images[:count],
            say=self.say[:count],
        )  # fmt: skip

    def nearest(self, representation: np.ndarray, count: int) -> "Nearest":
        """The rows with the largest cosine, the nearest first.

        Args:
            representation: (item, width).
            count: How many; fewer where there are fewer rows.
        """
        rows, cosines = [], []
        for cosine in self._cosines(representation):
            chosen = largest(cosine, min(count, len(self)))
            rows.append(chosen)
            cosines.append(np.take_along_axis(cosine, chosen, axis=1))
        if not rows:
            return Nearest(np.zeros((0, count), np.int64), np.zeros((0, count), np.float32))
        return Nearest(np.concatenate(rows), np.concatenate(cosines))

    def votes(
        self,
        schema: Schema,
        scales: Mapping[str, NumberScale],
        representation: np.ndarray,
        *,
        only: Container[str] | None = None,
    ) -> np.ndarray:
        r"""(item, class): of the k nearest rows that have the cell, how near each class is; numbers: their mean.

        v_c = max {a_j m_j exp(s_j / τ) : j ∈ N_k, y_j = c}, scaled to sum 1; s_j the cosine, a_j the weight of the row,
        m_j = min(1, (s_j - s_{k+1}) / 0.001) but at least 0.00001, so that nothing jumps where two rows change places.
        Of labels, for each of them: the sum over the rows that have it, times its weight w_c, in place of the largest,
        beside the sum over those that do not. NaN where no row has the cell.

        Source: Wu et al. (2018, eq. 5) for the neighbours and their fading. They add up what all rows of a class say,
        by which a frequent class outvotes a rare one that is nearer; ours speaks through its nearest row. Macro-F1 less
        that of the network alone, 5 seeds, mean and standard error, sums (weighted by √(N / (C n_c))) and largest:
        fashion +1.2 ± 0.2 and +1.4 ± 0.1 points, its rare classes -0.4 ± 0.5 and +1.2 ± 0.1; groceries +0.5 ± 0.4 and
        0.0 ± 0.5, rare +0.6 ± 0.5 and +0.9 ± 0.6; sprites +0.6 ± 0.3 and +1.2 ± 0.2 (2026-11-22).

        Args:
            schema: The vocabulary.
            scales: Per numeric attribute id how it was standardised.
            representation: (item, width).
            only: Ids of the attributes that are asked for; NaN for all others.
        """
        votes = np.full((len(representation), schema.layout().num_scores), np.nan)
        start = 0
        for cosine in self._cosines(representation):
            votes[start : start + len(cosine)] = self._block_votes(schema, scales, cosine, only)
            start += len(cosine)
        return votes

    @cached_property
    def _wide(self) -> np.ndarray:
        """The keys to reckon with: of 100,000 rows to widen them for every picture takes longer than all the rest."""
        return self.keys.astype(np.float32)

    def _cosines(self, representation: np.ndarray) -> Iterator[np.ndarray]:
        size = max(1, BLOCK // max(1, len(self)))
        for start in range(0, len(representation), size):
            yield unit(representation[start : start + size] - self.centre) @ self._wide.T

    def _block_votes(
        self, schema: Schema, scales: Mapping[str, NumberScale], cosine: np.ndarray, only: Container[str] | None
    ) -> np.ndarray:
        votes = np.full((len(cosine), schema.layout().num_scores), np.nan)
        shared = largest(cosine, min(LOOKED_UP, len(self)))
        near = np.take_along_axis(cosine, shared, axis=1)
        for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
            labelled = self.labels.state[:, place] == VALUE
            voters = min(VOTERS, int(labelled.sum()))
            if not voters or (only is not None and attribute.id not in only):
                continue
            wanted = min(VOTERS + 1, int(labelled.sum()))
            rows, s = _labelled(cosine, shared, near, labelled, wanted)
            beyond = s[:, VOTERS:] if wanted > VOTERS else np.float32(-np.inf)
            rows, s = rows[:, :voters], s[:, :voters]
            say = self.say[rows] * np.exp((s - s[:, :1]) / FADING)  # relative to the nearest, so that none overflows
            say = say * np.clip((s - beyond) / MARGIN, LEAST_SAY, 1.0)
            if block.coding is Coding.GAUSS:
                scale = scales[attribute.id]
                told = scale.standardise(self.labels.number[rows, place])
                votes[:, block.score_start] = scale.restore((say * told).sum(axis=1) / say.sum(axis=1))
            elif attribute.kind is Kind.MULTILABEL:
                members = self.labels.members[:, block.scores][rows].astype(np.float64)  # (item, voter, class)
                weight = self.weight[block.scores]
                yes, no = (say[:, :, None] * members).sum(axis=1), (say[:, :, None] * (1.0 - members)).sum(axis=1)
                votes[:, block.scores] = yes * weight / np.maximum(yes * weight + no, 1e-30)
            else:
                width = block.score_stop - block.score_start
                index = np.arange(len(rows))[:, None] * width + self.labels.index[rows, place]
                told = np.zeros(len(rows) * width)
                np.maximum.at(told, index.ravel(), say.ravel())
                told = told.reshape(-1, width)
                votes[:, block.scores] = told / np.maximum(told.sum(axis=1, keepdims=True), 1e-30)
        return votes


@dataclass(frozen=True, slots=True)
class Nearest:
    """Rows of a `Neighbours`, the nearest first, and their cosines: (item, count) both."""

    rows: np.ndarray
    cosine: np.ndarray


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, float32.

    >>> unit(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]], dtype=float32)
    """
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float32)


def _labelled(
    cosine: np.ndarray, shared: np.ndarray, near: np.ndarray, labelled: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """(item, count) places of the nearest rows that have a label, and their cosines.

    Args:
        cosine: (item, row).
        shared, near: (item, looked up) the nearest rows of all, the nearest first, and their cosines.
        labelled: (row,) bool, at least `count` of them.
        count: How many.
    """
    order = labelled[shared].cumsum(axis=1, dtype=np.int32)  # of the labelled ones, counted from 1
    enough = order[:, -1] >= count
    rows, cosines = np.empty((len(cosine), count), np.int64), np.empty((len(cosine), count), cosine.dtype)
    first = labelled[shared[enough]] & (order[enough] <= count)
    rows[enough], cosines[enough] = shared[enough][first].reshape(-1, count), near[enough][first].reshape(-1, count)
    if not enough.all():  # too few of them among those that were looked up for all attributes
        own, lacking = np.flatnonzero(labelled), np.flatnonzero(~enough)
        left = cosine[lacking[:, None], own]
        within = largest(left, count)
        rows[lacking], cosines[lacking] = own[within], np.take_along_axis(left, within, axis=1)
    return rows, cosines


def gather(
    schema: Schema,
    representation: np.ndarray,
    labels: Labels,
    images: Sequence[str],
    *,
    say: np.ndarray | None = None,
    seed: int,
    most: int = MOST_ROWS,
) -> Neighbours:
    """Training rows as neighbours, without shares yet.

    Of more than `most` rows a random part is kept, and of every class up to 20 rows in any case.

    Args:
        schema: The vocabulary.
        representation: (row, width) of the training rows.
        labels: Their labels.
        images: Their names.
        say: How much each row counts, above 0; all the same if not given.
        seed: Of the random part.
        most: Rows.
    """
    layout = schema.layout()
    counts = np.zeros(layout.num_scores)
    classes: list[tuple[int, np.ndarray]] = []  # of each class, the rows that have it
    for place, (attribute, block) in enumerate(zip(schema.attributes, layout.blocks, strict=True)):
        if block.coding is Coding.GAUSS:
            continue
        for number, column in enumerate(range(block.score_start, block.score_stop)):
            several = attribute.kind is Kind.MULTILABEL
            has = labels.members[:, column] == 1 if several else labels.index[:, place] == number
            has = has & (labels.state[:, place] == VALUE)
            counts[column] = has.sum()
            classes.append((column, np.flatnonzero(has)))
    rows = np.arange(len(representation))
    if len(rows) > most:
        shuffled = np.random.default_rng(seed).permutation(len(rows))
        keep = np.zeros(len(rows), dtype=bool)
        keep[shuffled[:most]] = True
        for _, having in classes:
            keep[having[:KEPT_OF_CLASS]] = True
        rows = np.flatnonzero(keep)
    centre = representation.mean(axis=0, dtype=np.float64).astype(np.float32)
    return Neighbours(
        centre=centre,
        keys=unit(representation[rows] - centre).astype(np.float16),
        labels=labels.take(rows),
        images=tuple(images[row] for row in rows),
        say=(np.ones(len(rows)) if say is None else say[rows]).astype(np.float32),
        weight=_weights(schema, labels, counts),
    )


def _weights(schema: Schema, labels: Labels, counts: np.ndarray) -> np.ndarray:
    """√(no / yes) of labels, and 1 elsewhere.

    The root because they act a second time on what the class weights of the loss have shaped already; of the powers
    0, ½ and 1 it gave the best macro-F1 on the development tables.
    """
    weight = np.ones(len(counts))
    for place, (attribute, block) in enumerate(zip(schema.attributes, schema.layout().blocks, strict=True)):
        if attribute.kind is Kind.MULTILABEL:
            own, cells = counts[block.scores], int((labels.state[:, place] == VALUE).sum())
            weight[block.scores] = np.sqrt(np.maximum(cells - own, 1.0) / np.maximum(own, 1.0))
    return weight
