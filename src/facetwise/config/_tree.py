"""The configuration: one strict tree, every option of `train` a field of it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "COMPONENTS",
    "COMPONENTS_BY_COLUMN",
    "COMPONENT_LISTS",
    "PRESET_NAMES",
    "TEXT_FIELDS",
    "Component",
    "Config",
    "Losses",
]

# Beyond these a number is a mistake: the largest signed 32 bits, and the largest seed that numpy takes.
MOST = 2**31 - 1
LAST_SEED = 2**32 - 1


class _Strict(BaseModel):
    """Unknown keys are errors, values are not bent into shape, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Component(_Strict):
    """One line of a table, by name, and its options."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)


def _component(value: object) -> object:
    """Accept the short forms `"mmoe"` and `{name: mmoe, experts: 8}` beside `{name: mmoe, options: {experts: 8}}`."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict):
        short = {key: item for key, item in value.items() if key not in ("name", "options")}
        options = value.get("options", {})
        if short and isinstance(options, dict):
            return {"name": value.get("name"), "options": {**options, **short}}
    return value


ComponentField = Annotated[Component, BeforeValidator(_component)]


def _named(name: str, description: str, **options: object) -> Any:
    return Field(default_factory=lambda: Component(name=name, options=options), description=description)


class Losses(_Strict):
    """Which loss each kind of attribute learns from."""

    categorical: ComponentField = _named("cross_entropy", "Loss of attributes with one of several classes.")
    binary: ComponentField = _named("binary_cross_entropy", "Loss of attributes that are yes or no.")
    multilabel: ComponentField = _named("binary_cross_entropy", "Loss of attributes with any number of classes.")
    ordinal: ComponentField = _named("corn", "Loss of attributes whose classes have an order.")
    numeric: ComponentField = _named("robust_gaussian", "Loss of attributes that are numbers.")


class Config(_Strict):
    """Everything that decides what a run computes. The field descriptions are the reference."""

    preset: Literal["fast", "balanced", "best"] = Field(
        "balanced", description="Values that lie beneath all others: fast, balanced (the defaults) or best."
    )

    # The table
    attributes: list[str] | None = Field(None, description="Columns to learn; all that are attributes if not given.")
    exclude: list[str] = Field(default_factory=list, description="Columns to leave out.")
    category: str | None = Field(None, description="Column that decides which attributes apply; inferred if not given.")
    group: str | None = Field(None, description="Column whose equal values stay on one side of the split; inferred.")
    min_count: int = Field(5, ge=1, le=MOST, description="Classes with fewer training rows are unknown.")
    val_ratio: float = Field(0.15, gt=0, lt=1, description="Share of the items for selection, where no split is given.")
    test_ratio: float = Field(0.15, ge=0, lt=1, description="Share of the items for the test, where no split is given.")
    near_duplicates: bool = Field(True, description="Look for pictures that are nearly equal, and report them.")
    group_near_duplicates: bool = Field(False, description="Nearly equal pictures stay on one side of the split.")
    allow_outside_root: bool = Field(False, description="Read pictures outside the folder of the pictures too.")

    # Features
    backbone: ComponentField = _named("lite0", "Frozen network that describes the pictures.")
    levels: Literal["all", "last"] = Field("all", description="Descriptors of every depth, or of the last layer only.")
    standardize: bool = Field(True, description="Mean 0 and deviation 1 per feature, fitted on the training rows.")
    l2_normalize: bool = Field(False, description="Unit length per item, before standardising.")

    # Model
    adapters: list[ComponentField] = Field(
        default_factory=list, description="What lies between the features and the trunk, one after the other."
    )
    trunk: ComponentField = _named("shared", "What the attributes share.")
    head: ComponentField = _named("linear", "From the shared representation to the scores of each attribute.")
    views: Literal["attention", "mean"] = Field(
        "attention",
        description="Several pictures of an item: each attribute learns which to look at, or the mean of all.",
    )
    depth: bool = Field(True, description="Each attribute listens to every level through a gate of its own.")
    input_dropout: float = Field(0.2, ge=0, lt=1, description="Probability of zeroing a feature while training.")

    # Objective
    losses: Losses = Field(default_factory=Losses, description="Which loss each kind of attribute learns from.")
    losses_of: dict[str, ComponentField] = Field(
        default_factory=dict, description="Losses of single attributes, by column, over those of their kinds."
    )
    reweighting: ComponentField = _named(
        "balanced", "Weights of rare and frequent classes; none where the goal is a precision."
    )
    balancing: ComponentField = _named("equal", "How the losses of the attributes become one.")

    # Fine-tuning
    finetune: ComponentField = _named("none", "Which parts of the backbone learn; none reads cached features.")
    backbone_rate: float = Field(1e-5, gt=0, description="Peak learning rate of the backbone's last depth.")
    head_rate: float = Field(
        1e-4, gt=0, description="Peak learning rate of everything else when fine-tuning, in place of learning_rate."
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Factor of the backbone's learning rate per block, from the last one down."
    )
    freeze_epochs: int = Field(0, ge=0, le=MOST, description="Epochs before the backbone begins to learn.")
    precision: Literal["float32", "bf16", "fp16"] = Field(
        "float32", description="What the backbone computes in while it is fine-tuned."
    )
    batch_norm: Literal["frozen", "batch"] = Field(
        "frozen", description="Batch normalisation of the backbone: running statistics that stay, or the batch's."
    )
    checkpointing: bool = Field(
        False, description="Compute the backbone's blocks twice when fine-tuning, to save memory."
    )
    sharding: bool = Field(
        False, description="Under torchrun, each process holds its share of the backbone that learns, not all of it."
    )
    augmentation: list[ComponentField] = Field(
        default_factory=list, description="Random changes of the training pictures when fine-tuning, in order."
    )
    mixing: ComponentField = _named("none", "Training items become mixtures of two, labels and masks too.")
    feature_noise: float = Field(
        0.0, ge=0, description="Deviation of normal noise on standardised cached features while training."
    )

    # Optimisation
    sampler: ComponentField = _named("uniform", "Which rows an epoch sees.")
    epochs: int = Field(12, ge=1, le=MOST, description="Passes over the training rows.")
    batch_size: int = Field(
        0, ge=0, le=MOST,
        description="Items per step; 0 is 128, and from 5,000 training rows with cached features on 256, at √2 times "
        "the learning rate.",
    )  # fmt: skip
    micro_batch: int = Field(
        0, ge=0, le=MOST, description="Items per forward pass of a step, to save memory; 0 is the whole batch."
    )
    learning_rate: float = Field(1.5e-3, gt=0, description="Peak learning rate, on cached features.")
    matmul_precision: Literal["highest", "high", "medium"] = Field(
        "medium",
        description="Of float32 matrix products on cached features, in PyTorch's words: highest is float32 throughout, "
        "high and medium may take TF32 or bfloat16 inside where that is quicker. With medium and 5,000 training rows, "
        "the forward pass of training runs in bfloat16 on processors with AVX-512 BF16 or AMX.",
    )
    schedule: ComponentField = _named("cosine", "How the learning rates fall after the warm-up.")
    weight_decay: float = Field(0.05, ge=0, description="Decoupled weight decay of the matrices.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps over which the learning rate rises.")
    ema: float = Field(
        0.0, ge=0, lt=1, description="Decay of the average of the parameters that is validated and kept; 0 is none."
    )
    clip: float = Field(1.0, ge=0, description="Largest norm of the gradient; 0 is no limit.")
    patience: int = Field(
        10, ge=1, le=MOST, description="Epochs without a better validation score before training stops."
    )
    select_by: str = Field("mean_macro_f1", description="Metric, preset or weighted sum that picks the checkpoint.")
    tune_thresholds: bool = Field(True, description="Thresholds of binary and multilabel classes from validation.")

    # Decisions
    neighbours: bool = Field(
        True, description="Training rows that look alike vote beside the network, as much as validation says it helps."
    )
    goal: str = Field("f1", description="What is wanted of the answers: f1, precision>=P or recall>=P.")
    goals: dict[str, str] = Field(default_factory=dict, description="Goals of single columns, instead of `goal`.")
    goal_risk: float = Field(
        0.25, gt=0, le=0.5, description="How likely the luck of the validation rows may let a goal be missed."
    )
    calibration: Literal["scaling", "isotonic", "none"] = Field(
        "scaling", description="Confidence from validation: scaling, isotonic (labels with 1,000 rows) or none."
    )
    sets: Literal["lac", "aps"] = Field("lac", description="How sets of classes are chosen: the smallest, or adaptive.")
    rules: Literal["declared", "mined"] = Field(
        "declared",
        description="Answers keep the rules of the schema, or those too that every training row keeps.",
    )
    hierarchy: Literal["off", "consistent", "roll_up"] = Field(
        "off",
        description="Parents and children: each by itself; together; or the parent alone where the child is unsure.",
    )
    coverage: float = Field(0.9, gt=0, lt=1, description="Share of the cells whose set or interval holds the truth.")

    # The machine
    seed: int = Field(
        0, ge=0, le=LAST_SEED, description="Seed of the split, the initial parameters, the order and the dropout."
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    tracker: ComponentField = _named("none", "Where the numbers of the training are written besides the run folder.")
    features_in: Literal["auto", "memory", "disk"] = Field(
        "auto", description="Features in memory; or read from disk by blocks, auto: where four copies do not fit."
    )
    workers: int = Field(0, ge=0, le=4096, description="Threads that read pictures; 0 chooses.")


PRESET_NAMES = ("fast", "balanced", "best")
# Fields of the tree that name a line of a component table; of the losses, those that fit the kind.
COMPONENTS = {
    "backbone": "BACKBONES",
    "trunk": "TRUNKS",
    "head": "HEADS",
    "reweighting": "REWEIGHTING",
    "balancing": "BALANCERS",
    "sampler": "SAMPLERS",
    "finetune": "FINETUNING",
    "mixing": "MIXING",
    "schedule": "SCHEDULES",
    "tracker": "TRACKERS",
    **{f"losses.{kind}": f"LOSSES.{kind}" for kind in Losses.model_fields},
}
# Fields that name a line per column of the table; of which kind its attribute is, the table decides.
COMPONENTS_BY_COLUMN = {"losses_of": "LOSSES"}
# Fields that name any number of lines, in order.
COMPONENT_LISTS = {"adapters": "ADAPTERS", "augmentation": "AUGMENTATIONS"}
# Fields that hold names from the user's table, and other texts: `category=NO` and `group=2010` are columns, whatever
# YAML makes of NO and 2010.
TEXT_FIELDS = tuple(
    name
    for name, field in Config.model_fields.items()
    if field.annotation in (str, str | None, list[str], list[str] | None)
)
