"""Which of a model's parameters attributes share, as balancers need to know it."""

from torch import Tensor, nn

from facetwise.models import FacetModel, ModelOutput
from facetwise.objectives import Objective, PackedHead, Shared
from facetwise.training.together import ALONE, World, is_sharded

__all__ = ["refresh_shared", "shared_of"]


def shared_of(model: FacetModel, objective: Objective, *, watch: bool, world: World = ALONE) -> Shared:
    """The model's parameters by who they belong to.

    Args:
        model: The model; what attributes share is what its trunk and adapters say.
        objective: The losses, which say what logits they read.
        watch: Whether to listen to forward passes, which makes Gramians cheap and costs nothing else.
        world: The processes that train together.
    """
    everything, cut = model.shared_parameters(), model.shared_cut()
    common = {id(parameter) for parameter in everything}
    own = [p for p in model.parameters() if id(p) not in common and p.requires_grad]
    reduce = world.sum if world.size > 1 else None
    shared = Shared(cut=_moving(cut), all=_moving(everything), own=own, reduce=reduce, processes=world.size)
    if watch:
        shared.watch(model)
        matrix = model.head.matrix

        def remember(_: nn.Module, given: tuple[Tensor, ...], output: ModelOutput) -> None:
            # Logits of items with several pictures are no product with one representation.
            one_for_all = given[0].ndim == 2 and output.features.ndim == 2 and output.logits.requires_grad
            shared.head = PackedHead(output.logits, output.features, matrix, objective.reads) if one_for_all else None

        model.register_forward_hook(remember)
    return shared


def refresh_shared(shared: Shared, model: FacetModel) -> None:
    """Take note of parameters that have begun to learn; heads always do."""
    shared.all = list(_moving(model.shared_parameters()))


def _moving(parameters: list[nn.Parameter]) -> list[nn.Parameter]:
    """Those that learn; of a sharded backbone what it gives learns in its place, see `Described`."""
    return [parameter for parameter in parameters if parameter.requires_grad and not is_sharded(parameter)]
