"""What a teacher says of a batch, as a loss: every attribute's distribution at a temperature, and who looks alike."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from facetwise.objectives._class_weights import ClassWeights
from facetwise.objectives._segmented import segment_log_softmax
from facetwise.objectives._targets import Outputs, Targets
from facetwise.schema import Coding, Kind, Schema

__all__ = ["Teaching"]

# Log deviations of numbers are held within these bounds, as everywhere they are read.
LOWEST, HIGHEST = -7.0, 3.0


class Teaching(nn.Module):
    r"""T² KL(p_t ‖ p_s) per attribute and item, both at temperature T, where the attribute applies; and likeness.

    * one of several classes: KL of the softmax over the attribute's logits, lone classes of its ancestors included;
      an attribute that is summed from a finer one learns through that one;
    * yes or no, several classes: KL of each sigmoid, the mean over the classes;
    * classes with an order: Σ_k P_t(y ≥ k) KL of the k-th conditional, which is the KL of the whole by the chain rule;
    * numbers: KL of the two normal distributions, without temperature;
    * whether it applies: KL of its sigmoid, where it has one.

    A cell weighs 1 where the table has a value, 0 where it says that there is none, and the teacher's P(applies) where
    the table is silent: unknown cells and pictures without any label are taught, too.

    Likeness: (1/b) ‖G_t - G_s‖²_F, G the cosines of the batch's representations with rows scaled to length 1, so that
    teacher and student may be of any width. It is added to every attribute that is taught.

    Source: Hinton, Vinyals, Dean (2015), section 2, for the KL and T²; Tung and Mori (2019), "Similarity-preserving
    knowledge distillation", equations 1 to 4, for the likeness, which they divide by b² and weigh by 3000.

    Args:
        schema: The vocabulary.
        temperature: T.
        share: Of the loss of an attribute, how much the teacher has; the labels have the rest.
        likeness: Weight of the likeness; 0 is none.

    Example:
        >>> from facetwise.schema import Attribute
        >>> ripe = Attribute(column="ripe", id="a00", kind=Kind.BINARY, classes=("no", "yes"))
        >>> teaching = Teaching(schema=Schema(images=("image",), attributes=(ripe,)), temperature=1.0, likeness=0.0)
        >>> teaching.divergence(torch.zeros(1, 1), torch.zeros(1, 1))
        tensor([[0.]])
    """

    softmax: Int[Tensor, " column"]
    segment: Int[Tensor, " column"]
    whole: Int[Tensor, " block"]
    leaf_score: Int[Tensor, " column"]
    sigmoid: Int[Tensor, " logit"]
    sigmoid_owner: Int[Tensor, " logit"]
    sigmoid_share: Float[Tensor, " logit"]
    mean: Int[Tensor, " number"]
    number_owner: Int[Tensor, " number"]
    applies: Int[Tensor, " logit"]
    applies_owner: Int[Tensor, " logit"]
    taught: Bool[Tensor, " attribute"]

    def __init__(self, *, schema: Schema, temperature: float = 2.0, share: float = 0.7, likeness: float = 0.1) -> None:
        super().__init__()
        self.temperature, self.share, self.likeness = temperature, share, likeness
        blocks = schema.layout().blocks
        self.attributes = len(blocks)
        whole = [place for place, block in enumerate(blocks) if block.coding is Coding.SOFTMAX]
        yes = [place for place, block in enumerate(blocks) if block.coding is Coding.SIGMOID]
        self.chains = [
            (place, blocks[place].start, blocks[place].stop)
            for place, attribute in enumerate(schema.attributes)
            if attribute.kind is Kind.ORDINAL
        ]
        numbers = [place for place, block in enumerate(blocks) if block.coding is Coding.GAUSS]
        own = [place for place, block in enumerate(blocks) if block.applicability is not None]

        def columns(places: list[int]) -> list[int]:
            return [column for place in places for column in range(blocks[place].start, blocks[place].stop)]

        def owners(places: list[int]) -> list[int]:
            return [place for place in places for _ in range(blocks[place].start, blocks[place].stop)]

        # The class of each leaf; a lone class of an ancestor has the weight of no class, which is 1.
        leaf_score = {
            column: blocks[place].score_start + number
            for place in whole
            for number, leaves in enumerate(blocks[place].leaves)
            for column in leaves
        }
        constants = {
            "softmax": columns(whole),
            "segment": [whole.index(place) for place in owners(whole)],
            "whole": whole,
            "leaf_score": [leaf_score.get(column, schema.layout().num_scores) for column in columns(whole)],
            "sigmoid": columns(yes),
            "sigmoid_owner": owners(yes),
            "mean": [blocks[place].start for place in numbers],
            "number_owner": numbers,
            "applies": [blocks[place].applicability for place in own],
            "applies_owner": own,
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.long), persistent=False)
        shares = torch.tensor([1.0 / (blocks[place].stop - blocks[place].start) for place in owners(yes)])
        self.register_buffer("sigmoid_share", shares, persistent=False)
        taught = torch.tensor([block.stop > block.start for block in blocks])
        self.register_buffer("taught", taught, persistent=False)
        self.segments = len(whole)

    def divergence(
        self,
        logits: Float[Tensor, "batch logit"],
        teacher: Float[Tensor, "batch logit"],
        weights: ClassWeights | None = None,
    ) -> Float[Tensor, "batch attribute"]:
        """KL of the values, per item and attribute; 0 for an attribute without logits.

        Args:
            logits, teacher: Of the student and of the teacher.
            weights: Of the classes; all the same if not given.
        """
        cool = self.temperature
        found = logits.new_zeros(len(logits), self.attributes)
        if self.segments:
            ours = segment_log_softmax(logits[:, self.softmax] / cool, self.segment, self.segments)
            theirs = segment_log_softmax(teacher[:, self.softmax] / cool, self.segment, self.segments)
            chance = theirs.exp()
            each = logits.new_zeros(len(logits), self.segments).index_add(1, self.segment, chance * (theirs - ours))
            if weights is not None:
                by_leaf = torch.cat([weights.score, weights.score.new_ones(1)])[self.leaf_score]
                each = each * torch.zeros_like(each).index_add(1, self.segment, chance * by_leaf)
            found = found.index_add(1, self.whole, cool**2 * each)
        if len(self.sigmoid):
            each = _of_sigmoids(logits[:, self.sigmoid] / cool, teacher[:, self.sigmoid] / cool)
            if weights is not None:
                chance = (teacher[:, self.sigmoid] / cool).sigmoid()
                each = each * (chance * weights.positive[self.sigmoid] + (1 - chance) * weights.negative[self.sigmoid])
            found = found.index_add(1, self.sigmoid_owner, cool**2 * each * self.sigmoid_share)
        for place, start, stop in self.chains:
            theirs = teacher[:, start:stop] / cool
            each = _of_sigmoids(logits[:, start:stop] / cool, theirs)
            reached = torch.cat([torch.ones_like(theirs[:, :1]), theirs.sigmoid().cumprod(dim=1)[:, :-1]], dim=1)
            found = found.index_add(
                1, torch.tensor([place], device=found.device), cool**2 * (reached * each).sum(dim=1, keepdim=True)
            )
        if len(self.mean):
            ours, theirs = (
                logits[:, self.mean + 1].clamp(LOWEST, HIGHEST),
                teacher[:, self.mean + 1].clamp(LOWEST, HIGHEST),
            )
            off = logits[:, self.mean] - teacher[:, self.mean]
            each = ours - theirs + 0.5 * ((2 * (theirs - ours)).exp() + off.square() * (-2 * ours).exp()) - 0.5
            found = found.index_add(1, self.number_owner, each)
        return found

    def forward(
        self, outputs: Outputs, targets: Targets, weights: ClassWeights | None = None
    ) -> tuple[Float[Tensor, " attribute"], Float[Tensor, " attribute"]]:
        """Sums over a batch per attribute, and the weight of the cells that they are of."""
        assert targets.teacher is not None, "the batch has no teacher"
        assert targets.taught is not None, "the teacher says where attributes apply"
        logits, teacher = outputs.logits, targets.teacher
        weight = targets.taught * self.taught
        if targets.weight is not None:
            weight = weight * targets.weight[:, None]
        cells = weight.sum(dim=0)
        total = (self.divergence(logits, teacher, weights) * weight).sum(dim=0)
        beside = logits.new_zeros(self.attributes)
        if len(self.applies):
            cool = self.temperature
            each = _of_sigmoids(logits[:, self.applies] / cool, teacher[:, self.applies] / cool)
            beside = beside.index_add(0, self.applies_owner, cool**2 * each.mean(dim=0))
        if self.likeness and targets.guide is not None:
            beside = beside + self.likeness * _unlike(outputs.features.float().flatten(1), targets.guide)
        return total + beside * cells, cells


def _of_sigmoids(ours: Float[Tensor, "batch column"], theirs: Float[Tensor, "batch column"]) -> Tensor:
    """KL of yes or no, elementwise: the cross-entropy less the teacher's own entropy."""
    chance = theirs.sigmoid()
    cross = functional.binary_cross_entropy_with_logits(ours, chance, reduction="none")
    return cross - functional.binary_cross_entropy_with_logits(theirs, chance, reduction="none")


def _unlike(ours: Float[Tensor, "batch width"], theirs: Float[Tensor, "batch other"]) -> Float[Tensor, ""]:
    """How differently two representations say who looks like whom."""

    def likeness(vectors: Tensor) -> Tensor:
        unit = functional.normalize(vectors, dim=1)
        return functional.normalize(unit @ unit.T, dim=1)

    return (likeness(ours) - likeness(theirs)).square().sum() / len(ours)
