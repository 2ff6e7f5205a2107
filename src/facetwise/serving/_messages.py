"""What goes over the wire: the shapes of requests and answers, from which the OpenAPI document is made."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "About",
    "Answered",
    "Ask",
    "AskWhere",
    "AskedPicture",
    "Explained",
    "Health",
    "Options",
    "Problem",
    "Schema",
    "Where",
]

KnownCells = dict[str, Annotated[str | float | list[str] | None, Field(union_mode="left_to_right")]]
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class AskedPicture(BaseModel):
    """One picture of a JSON request."""

    model_config = _STRICT

    data: str = Field(description="The file of the picture in Base64.", json_schema_extra={"format": "byte"})
    name: str | None = Field(default=None, max_length=1000, description="Comes back in the answer.")
    known: KnownCells = Field(default_factory=dict, description="Cells of this picture that are known.")


class Beforehand(BaseModel):
    """What is known of all pictures."""

    model_config = _STRICT

    known: KnownCells = Field(default_factory=dict, description="Cells that are known, of all pictures: by column.")
    category: str | None = Field(default=None, description="Known cell of the column that decides what applies.")


class Options(Beforehand):
    """What may be asked for beside the pictures."""

    sets: bool = Field(default=False, description="Tell sets of classes and intervals of numbers.")
    scores: bool = Field(default=False, description="Tell the probability of every class.")
    evidence: int = Field(default=0, ge=0, le=10, description="Training pictures to tell, most alike first.")


class Ask(Options):
    """A JSON request."""

    images: list[AskedPicture] = Field(min_length=1)

    @property
    def pictures(self) -> list[AskedPicture]:
        """All of them."""
        return self.images


class Where(Beforehand):
    """What is to be explained."""

    attributes: list[str] = Field(min_length=1, description="Columns; they cost the same, however many.")


class AskWhere(Where):
    """A JSON request for where answers come from."""

    image: AskedPicture

    @property
    def pictures(self) -> list[AskedPicture]:
        """The one."""
        return [self.image]


class Issue(BaseModel):
    """Why a picture could not be read."""

    reason: str = Field(description="One of a dozen short codes.")
    message: str


class Vote(BaseModel):
    """What the training pictures that look alike say."""

    class_: str = Field(alias="class")
    share: float


class Cell(BaseModel):
    """A decision about one attribute of one picture."""

    value: str | list[str] | float | None = Field(description="None unless the state is `value`.")
    state: Literal["value", "abstained", "not_applicable"]
    confidence: float | None = Field(description="Calibrated probability of the decision; None for numbers.")
    given: Literal["known", "contradicted"] | None = None
    set: list[str] | None = None
    low: float | None = None
    high: float | None = None
    applies: float | None = Field(default=None, description="P(the attribute applies).")
    scores: list[float] | None = Field(default=None, description="P(class | it applies), in the schema's order.")
    chances: list[float] | None = Field(default=None, description="The same, calibrated.")
    votes: list[Vote] | None = None


class Neighbour(BaseModel):
    """A training picture that looks alike."""

    image: str
    cosine: float
    cells: dict[str, str | list[str] | float]


class Row(BaseModel):
    """The answer about one picture."""

    image: str
    issue: Issue | None
    cells: dict[str, Cell] | None = Field(description="By column; null where the picture could not be read.")
    neighbours: list[Neighbour] | None = None


class Answered(BaseModel):
    """The answer, a row per picture in the order asked."""

    request_id: str
    model: str = Field(description="SHA-256 of the file that answered.")
    rows: list[Row]


class Region(BaseModel):
    """Where the answer about one attribute comes from."""

    value: str | list[str] | float | None = Field(description="The answer that is explained; null: does not apply.")
    chance: float | None = Field(description="How sure the model is of it; null for a number.")
    lowest: float | None = Field(description="How sure it stays with the most telling part hidden.")
    faint: bool = Field(description="No single part decides it: the map says nothing.")
    heat: list[list[float]] = Field(
        description="By row and column of the grid: how much support is lost where the picture is hidden, in log-odds, "
        "or in units of the number."
    )


class Explained(BaseModel):
    """Where the answers about one picture come from."""

    request_id: str
    model: str = Field(description="SHA-256 of the file that answered.")
    image: str
    passes: int = Field(description="How often the model was asked.")
    box: tuple[float, float, float, float] = Field(
        description="Left, top, right and bottom of the grid as shares of the picture's sides; it may reach beyond it."
    )
    regions: dict[str, Region] = Field(description="By column.")


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    place: str | None
    column: str | None
    rule: str
    found: str
    fix: str


class Error(BaseModel):
    """Why there is no answer."""

    code: str
    message: str
    complaints: list[Mistake] = Field(default_factory=list)


class Problem(BaseModel):
    """A request without an answer; where pictures are the problem, every one's own is in `rows`."""

    request_id: str
    error: Error
    rows: list[Row] | None = None


class Health(BaseModel):
    """Alive, ready."""

    status: str


class AboutAttribute(BaseModel):
    """One attribute."""

    column: str
    id: str
    kind: Literal["categorical", "binary", "multilabel", "ordinal", "numeric"]
    classes: list[str]
    unit: str
    separator: str
    applies_to: list[str] | None = Field(description="Categories that have it; null where that does not matter.")
    parent: str | None = Field(description="Column of the coarser attribute.")
    thresholds: list[float]
    neighbours_share: float = Field(description="How much of the answer is the vote of training pictures.")


class About(BaseModel):
    """The file that answers."""

    name: str
    digest: str
    precision: Literal["fp32", "fp16", "int8"]
    size: int
    fit: str
    neighbours: bool = Field(description="Whether training pictures can be told by name.")
    facetwise: str


class Bounds(BaseModel):
    """What a request may hold."""

    pictures: int
    upload: int
    deadline: float


class Explaining(BaseModel):
    """What explaining a picture costs."""

    passes: int = Field(description="How often the model is asked about one picture.")
    cells: int = Field(description="Along a side of the map.")
    queue: int
    deadline: float


class Schema(BaseModel):
    """What the server answers about."""

    model: About
    image_columns: list[str]
    category: str | None
    not_applicable: list[str]
    attributes: list[AboutAttribute]
    definition: dict[str, Any] = Field(description="The schema file.")
    limits: Bounds
    explain: Explaining | None = Field(description="Null: this server does not explain.")
