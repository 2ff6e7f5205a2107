"""The objective: cell losses of every attribute, reduced with the denominators of the global batch."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from facetwise.errors import Complaint, ConfigError, nearest
from facetwise.objectives._class_weights import ClassCounts, ClassWeights
from facetwise.objectives._targets import Outputs, Targets
from facetwise.objectives._teaching import Teaching
from facetwise.objectives.losses import LOSSES, PLAIN_LOSSES, Loss, published_loss
from facetwise.schema import Kind, Schema

__all__ = ["LossChoice", "Objective", "Reduced", "about_losses_of", "plain_objective"]

# A line of `LOSSES` (or of its aliases) and its options.
LossChoice = tuple[str, Mapping[str, object]]


class Reduced(NamedTuple):
    """Sums over a batch per attribute: values, then applicability.

    Args:
        total, applicability_total: Sums of cell losses.
        cells, applicability_cells: Labelled cells.
        divisor: What the total is divided by: the labelled cells, or what the loss says in their place.
        taught_total, taught: Sums of a teacher's loss, and the weight of the cells that they are of.
        side_total: Sums of what the model's side products cost, over the labelled cells: a category that is predicted
            on the way, the gates of mixtures.
    """

    # Which are counts, without gradient; the others are sums of losses.
    COUNTS = ("cells", "applicability_cells", "divisor", "taught")

    total: Float[Tensor, " attribute"]
    cells: Float[Tensor, " attribute"]
    applicability_total: Float[Tensor, " attribute"]
    applicability_cells: Float[Tensor, " attribute"]
    divisor: Float[Tensor, " attribute"]
    taught_total: Float[Tensor, " attribute"]
    taught: Float[Tensor, " attribute"]
    side_total: Float[Tensor, " attribute"]

    def mean(self) -> tuple[Float[Tensor, " attribute"], Bool[Tensor, " attribute"]]:
        """L_a = Σ value losses / divisor + Σ applicability losses / cells whose applicability is known, and beside
        them Σ what a teacher says / cells that it teaches, and Σ side losses / labelled cells.

        What a loss divides by (its factors, or class weights) is about its own cells; side losses have nothing to do
        with it. An attribute without any such cell is not active, and its loss is exactly 0.
        """
        value = self.total / torch.where(self.divisor > 0, self.divisor, 1.0)
        applicability = self.applicability_total / self.applicability_cells.clamp_min(1.0)
        taught = self.taught_total / torch.where(self.taught > 0, self.taught, 1.0)
        side = self.side_total / self.cells.clamp_min(1.0)
        return value + applicability + taught + side, (self.cells + self.applicability_cells + self.taught) > 0


def _resolved(choice: LossChoice, kind: Kind) -> LossChoice:
    """The choice with a published name resolved; options that are given win."""
    name, options = choice
    canonical, preset = published_loss(name, kind)
    return canonical, {**preset, **options}


def about_losses_of(kinds: Mapping[str, Kind], by_attribute: Mapping[str, LossChoice]) -> list[Complaint]:
    """What is wrong with losses of single attributes: columns that are none, losses that do not score their kinds.

    Args:
        kinds: Per attribute its kind.
        by_attribute: Per column a choice.
    """
    complaints: list[Complaint] = []
    for column, choice in by_attribute.items():
        if (kind := kinds.get(column)) is None:
            complaints.append(
                Complaint(
                    place="config: losses_of",
                    rule="this is an attribute",
                    found=repr(column),
                    fix=nearest(column, kinds),
                )
            )
        elif (wrong := _unfit("config: losses_of", column, kind, choice[0])) is not None:
            complaints.append(wrong)
    return complaints


def _unfit(place: str, column: str, kind: Kind, name: str) -> Complaint | None:
    fitting = [line for line, loss in LOSSES.items() if kind in loss.kinds]
    if published_loss(name, kind)[0] in fitting:
        return None
    rule = f"a loss of {column!r} scores {kind} attributes"
    return Complaint(place=place, rule=rule, found=repr(name), fix=nearest(name, fitting))


def _chosen(
    schema: Schema, losses: Mapping[Kind, LossChoice], by_attribute: Mapping[str, LossChoice]
) -> tuple[list[LossChoice], list[Complaint]]:
    """Per attribute the loss and its options, aliases resolved, and what is wrong with the names."""
    complaints = about_losses_of({one.column: one.kind for one in schema.attributes}, by_attribute)
    chosen: list[LossChoice] = []
    for attribute in schema.attributes:
        column, kind = attribute.column, attribute.kind
        choice = by_attribute.get(column, losses[kind])
        if column not in by_attribute and (wrong := _unfit(f"config: losses.{kind}", column, kind, choice[0])):
            complaints.append(wrong)
        chosen.append(_resolved(choice, kind))
    return chosen, complaints


def _build(schema: Schema, chosen: Sequence[LossChoice]) -> tuple[list[Loss], list[Complaint]]:
    """One loss for all attributes with the same choice, and what is wrong with the options."""
    groups: dict[tuple[str, tuple[tuple[str, object], ...]], list[int]] = {}
    for place, (name, options) in enumerate(chosen):
        groups.setdefault((name, tuple(sorted(options.items()))), []).append(place)
    built: list[Loss] = []
    complaints: list[Complaint] = []
    for (name, options), places in groups.items():
        try:
            built.append(LOSSES[name](schema=schema, places=places, **dict(options)))
        except ConfigError as error:
            complaints += error.complaints
    return built, complaints


class Objective(nn.Module):
    """Every attribute's loss, no loop over attributes inside a kind.

    Before training, in this order: `require` (does the model give what the losses read?), `prepare` (the training
    counts); and `begin_epoch` before each epoch.

    Args:
        schema: The vocabulary.
        losses: Per kind a line of `LOSSES` and its options.
        by_attribute: Per column another choice.

    Raises:
        ConfigError: A column, a name or an option that is not known or does not fit, all at once.
    """

    bottoms: Tensor
    place_index: Tensor
    category_place: Tensor
    columns: Tensor
    owners: Tensor
    reads: Bool[Tensor, "attribute logit"]

    def __init__(
        self,
        *,
        schema: Schema,
        losses: Mapping[Kind, LossChoice],
        by_attribute: Mapping[str, LossChoice] | None = None,
    ) -> None:
        super().__init__()
        self.teaching: Teaching | None = None  # where there is a teacher
        self.attributes = len(schema.attributes)
        self.names = [attribute.column for attribute in schema.attributes]
        chosen, complaints = _chosen(schema, losses, by_attribute or {})
        if complaints:
            raise ConfigError(complaints)
        built, complaints = _build(schema, chosen)
        if complaints:
            raise ConfigError(complaints)
        self.losses = nn.ModuleList(built)
        places = torch.tensor([place for loss in built for place in loss.places], dtype=torch.long)
        blocks = schema.layout().blocks
        columns = [block.applicability for block in blocks if block.applicability is not None]
        owners = [place for place, block in enumerate(blocks) if block.applicability is not None]
        self.register_buffer("place_index", places, persistent=False)
        # Of models that predict the category on the way: that prediction learns from the category's own labels.
        self.category = None if schema.category is None else schema.index[schema.category]
        self.register_buffer("category_place", torch.tensor([self.category or 0]), persistent=False)
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.long), persistent=False)
        bottoms = [self._bottom(schema, place) for place in range(self.attributes)]
        self.register_buffer("bottoms", torch.tensor(bottoms, dtype=torch.long), persistent=False)
        self.register_buffer("owners", torch.tensor(owners, dtype=torch.long), persistent=False)
        # Which logits each attribute's loss depends on: its own, and a parent's those of the finest one below it.
        owner = torch.tensor(schema.layout().owner, dtype=torch.long)
        own = owner == torch.arange(self.attributes)[:, None]
        self.register_buffer("reads", own | own[self.bottoms], persistent=False)

    @staticmethod
    def _bottom(schema: Schema, place: int) -> int:
        """The attribute whose logits are read: the finest one below a parent, else the attribute itself."""
        attribute = schema.attributes[place]
        while children := schema.children(attribute.column):
            attribute = children[0]
        return schema.index[attribute.column]

    def _each(self) -> list[Loss]:
        return [loss for loss in self.losses if isinstance(loss, Loss)]

    @property
    def needs(self) -> frozenset[str]:
        """What the losses read beside logits and labels: "counts", "features", "cosine"."""
        return frozenset().union(*(loss.needs for loss in self._each()))

    def require(self, provides: Collection[str], ways: Mapping[str, str] | None = None) -> None:
        """Check, before anything is trained, that the model gives what the losses read.

        Args:
            provides: What the model gives beside logits, such as "features" and "cosine".
            ways: Per need what to write so that a model gives it, for the message.

        Raises:
            ConfigError: A loss reads what the model does not give; one complaint per loss and need.
        """
        complaints = [
            Complaint(
                place=f"loss {type(loss).__name__} of {', '.join(repr(self.names[place]) for place in loss.places)}",
                rule=f"the model gives {need!r}",
                found=", ".join(map(repr, sorted(provides))) or "nothing beside logits",
                fix=f"{(ways or {}).get(need, f'choose a model that gives {need!r}')}, or choose another loss",
            )
            for loss in self._each()
            for need in sorted(loss.needs - {"counts"} - set(provides))
        ]
        if complaints:
            raise ConfigError(complaints)

    def prepare(self, counts: ClassCounts, *, dtype: torch.dtype = torch.float32) -> None:
        """Give the training counts to the losses, once, before the first batch."""
        for loss in self._each():
            loss.prepare(counts, dtype=dtype)

    def begin_epoch(self, *, progress: float, epoch: int) -> None:
        """Tell the losses how far the training is: the share that is done, and the epochs that are."""
        for loss in self._each():
            loss.begin_epoch(progress=progress, epoch=epoch)

    def touched(self, reduced: Reduced) -> Bool[Tensor, " block"]:
        """Which blocks of logits a batch says something about: the values of each attribute, the applicability of each
        attribute, and either of the two.

        A label of a parent teaches through the logits of the finest attribute below it, so it touches those.
        """
        values = torch.zeros_like(reduced.cells).index_add(0, self.bottoms, reduced.cells + reduced.taught) > 0
        applicability = (reduced.applicability_cells + reduced.taught) > 0
        return torch.cat([values, applicability, values | applicability])

    def forward(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> Reduced:
        """Sums and counts of one batch; batches and processes add theirs before the mean is taken."""
        with torch.autocast(outputs.logits.device.type, enabled=False):
            reduced = self._reduce(outputs.full(), targets, weights)
            if self.teaching is None or targets.teacher is None:
                return reduced
            total, taught = self.teaching(outputs.full(), targets, weights)
            share = self.teaching.share
            return reduced._replace(
                total=(1.0 - share) * reduced.total, taught_total=share * total, taught=taught,
                applicability_total=(1.0 - share) * reduced.applicability_total,
                side_total=(1.0 - share) * reduced.side_total,
            )  # fmt: skip

    def _reduce(self, outputs: Outputs, targets: Targets, weights: ClassWeights) -> Reduced:
        results = [loss(outputs, targets, weights) for loss in self.losses]
        each_cell = torch.cat([result.loss for result in results], dim=1)
        if targets.weight is not None:  # rows weigh 1 on average, so that the denominators stay counts of cells
            each_cell = each_cell * targets.weight[:, None]
        loss = each_cell.sum(dim=0)
        cells = torch.cat([result.labelled for result in results], dim=1).sum(dim=0)
        zeros = outputs.logits.new_zeros(self.attributes)
        total = zeros.index_add(0, self.place_index, loss.to(zeros.dtype))
        counted = divisor = zeros.index_add(0, self.place_index, cells.to(zeros.dtype))
        side = self._side(outputs, targets, counted)
        if any(result.divisor is not None for result in results):
            parts = [result.labelled if result.divisor is None else result.divisor for result in results]
            sums = torch.cat([part.to(zeros.dtype) for part in parts], dim=1).sum(dim=0)
            divisor = zeros.index_add(0, self.place_index, sums)
        if not len(self.columns):
            return Reduced(total, counted, zeros, zeros, divisor, zeros, zeros, side)
        logits, sign = outputs.logits.index_select(1, self.columns), targets.sign.index_select(1, self.columns)
        mask = targets.sign_mask.index_select(1, self.columns)
        weight = torch.where(sign > 0.5, weights.positive[self.columns], weights.negative[self.columns])
        each = functional.binary_cross_entropy_with_logits(logits, sign, reduction="none") * weight
        if targets.weight is not None:
            each = each * targets.weight[:, None]
        applies = zeros.index_add(0, self.owners, torch.where(mask, each, 0.0).sum(dim=0))
        known = zeros.index_add(0, self.owners, mask.sum(dim=0).to(zeros.dtype))
        return Reduced(total, counted, applies, known, divisor, zeros, zeros, side)

    def _side(
        self, outputs: Outputs, targets: Targets, counted: Float[Tensor, " attribute"]
    ) -> Float[Tensor, " attribute"]:
        """What the model's side products cost, as sums over the labelled cells."""
        side = torch.zeros_like(counted)
        if (penalty := outputs.aux.get("attribute_penalty")) is not None:  # of the gates of mixtures
            side = side + penalty.to(side.dtype) * counted
        if (found := outputs.aux.get("category_logits")) is not None and self.category is not None:
            truth = targets.index[:, self.category]
            told = functional.cross_entropy(found.to(side.dtype), truth, ignore_index=-1, reduction="none")
            if targets.weight is not None:
                told = told * targets.weight
            side = side.index_add(0, self.category_place, told.sum()[None])
        return side


def plain_objective(schema: Schema) -> Objective:
    """The fixed measure of a validation loss: likelihoods of each kind, without weights, margins or schedules.

    The training loss changes its meaning when a schedule switches, and its size with the loss that was chosen; this
    one means the same in every epoch of every run.
    """
    names = {loss: name for name, loss in LOSSES.items()}
    return Objective(schema=schema, losses={kind: (names[loss], {}) for kind, loss in PLAIN_LOSSES.items()})
