"""A backbone that learns in shards, one per process: what it goes with, and when it is cut."""

import torch.distributed as dist

from facetwise.config import Config
from facetwise.errors import Complaint, ConfigError
from facetwise.events import Event, Report
from facetwise.models import FacetModel, depth_units
from facetwise.objectives import Balancer
from facetwise.training.together import World, shard

__all__ = ["refuse_unsharded", "shard_backbone"]


def shard_backbone(model: FacetModel, config: Config, world: World, *, report: Report) -> None:
    """Cut the backbone into shards where that is asked for and there are several processes; else nothing.

    Every unit of its depth is put together by itself, so that no process ever holds more than one of them (and what
    lies between) beside its shards. What comes after the backbone is small, and stays whole on every process.

    Raises:
        ConfigError: Processes that share a GPU.
    """
    if not config.sharding or model.reader is None:
        return
    if world.size == 1:
        words = "sharding cuts the backbone into one part per process. There is one, which holds all of it"
        report(Event("notice", words, data={"code": "sharding"}))
        return
    network = model.reader.describer
    device = next(network.parameters()).device
    if device.type != "cpu" and "nccl" not in dist.get_backend_config():
        raise ConfigError(
            [Complaint(place="config: sharding", rule="every process has a GPU of its own", found=f"{device}, by gloo",
                       fix="start as many processes as there are GPUs, or device: cpu")]
        )  # fmt: skip
    shard(network, [unit for _, unit in depth_units(network)], size=world.size)
    model.reader.sharded = True


def refuse_unsharded(model: FacetModel, balancer: Balancer) -> None:
    """Refuse what needs the gradient of every attribute on parameters that no process holds.

    Raises:
        ConfigError: A balancer that compares gradients on all shared parameters.
    """
    if model.reader is None or not model.reader.sharded or balancer.over != "all":
        return
    raise ConfigError(
        [Complaint(
            place="config: balancing", rule="a backbone in shards has one gradient, not one per attribute",
            found="balancing by gradients of all shared parameters",
            fix="balancing.over=cut where the balancer has it, one that needs the losses only, or sharding: false",
        )]
    )  # fmt: skip
