"""The loop: batches to checkpoints, top to bottom."""

from functools import partial
from pathlib import Path

import torch

from facetwise.config import Config
from facetwise.data.samplers import SAMPLERS
from facetwise.decisions import NumberScale, goal_of
from facetwise.events import Event, Report
from facetwise.models import FacetModel
from facetwise.objectives import (
    BALANCERS,
    Objective,
    class_weights,
    count_classes,
    create_reweighting,
    plain_objective,
)
from facetwise.schema import Schema
from facetwise.training._average import Average
from facetwise.training._batch_size import in_batches
from facetwise.training._dealing import Dealer, check_together
from facetwise.training._finite import NotFiniteError, ran_away
from facetwise.training._groups import parameter_groups
from facetwise.training._log import RunLog
from facetwise.training._mixed import Blend
from facetwise.training._norms_in_parts import room_for
from facetwise.training._optimizer import BlockAdamW
from facetwise.training._part import Part
from facetwise.training._products import in_bfloat16, matrix_products
from facetwise.training._resume import Keeper
from facetwise.training._sharding import shard_backbone
from facetwise.training._signals import Stopping
from facetwise.training._step import Step, training_step
from facetwise.training._step_seed import seed_step
from facetwise.training._tally import Tally
from facetwise.training._validation import judge, plain_loss
from facetwise.training.schedules import create_schedule
from facetwise.training.together import ALONE, World

__all__ = ["Part", "Step", "fit", "plain_loss", "training_step"]

# An epoch that takes longer than this is saved in its middle too: the most that a killed run loses.
SECONDS_BETWEEN_CHECKPOINTS = 600.0
# Rows of single steps in the log: enough to see a loss run away, few enough not to be felt.
STEPS_BETWEEN_ROWS = 50


def fit(
    schema: Schema,
    model: FacetModel,
    objective: Objective,
    scales: dict[str, NumberScale],
    config: Config,
    *,
    train: Part,
    val: Part,
    folder: Path,
    report: Report,
    stop: Stopping | None = None,
    insist: bool = False,
    save_every: float = SECONDS_BETWEEN_CHECKPOINTS,
    world: World = ALONE,
) -> int:
    """Train until the epochs or the patience run out; the checkpoints hold the result.

    Where the folder holds checkpoints of the same run, training goes on from the last whole one, and ends as if it had
    never stopped: on a CPU, to the last bit.

    Args:
        schema, model, objective, scales, config: What to train, and how.
        train, val: The rows to learn from and the rows to select by; on the device of the model.
        folder: Run folder; gets `checkpoints/` and `log.jsonl`.
        report: Told about every epoch.
        stop: Asked between steps.
        insist: There has to be a checkpoint to continue from.
        save_every: Seconds after which an epoch is saved in its middle.
        world: The processes that train together: each calls this with the same arguments, and rank 0 writes.

    Returns:
        Epochs that were trained, in all.

    Raises:
        RunError: The numbers ran away; or `insist`, and nothing to continue.
        Interrupted: Somebody asked for a stop; everything is saved.
    """
    # What learns, what is saved of it, and where it stands.
    stop, config = stop or Stopping(), in_batches(config, len(train))
    step = _first_step(schema, model, objective, config, train, world, report=report)
    reweighting, precise = (
        create_reweighting(config.reweighting.name, config.reweighting.options), _precise(schema, config),
    )  # fmt: skip
    sampler = SAMPLERS[config.sampler.name](
        schema=schema, labels=train.labels, seed=config.seed, **config.sampler.options
    )
    device, batch = train.features.device, min(config.batch_size, len(train))
    measure, counts, per_epoch = (
        plain_objective(schema).to(device), count_classes(schema, train.labels), len(sampler.batches(0, batch)),
    )  # fmt: skip
    schedule = create_schedule(
        config.schedule.name, config.schedule.options, steps=config.epochs * per_epoch, per_epoch=per_epoch,
        warmup=config.warmup,
    )  # fmt: skip
    average, blend, room = (
        Average(model, decay=config.ema), Blend(config, train),
        room_for(model, config, report, batch=batch, shrinks=world.size == 1),
    )  # fmt: skip
    log = RunLog(folder / "log.jsonl", writes=world.leads)
    dealer = Dealer(world=world, whole=isinstance(train.features, torch.Tensor) or not blend.item_by_item)
    tally = Tally([attribute.column for attribute in schema.attributes], device)
    keeper = Keeper(
        folder=folder / "checkpoints", step=step, sums=tally.sums, log=log, room=room, report=report, schedule=schedule,
        average=average,
    )  # fmt: skip
    at = keeper.restore(insist=insist)

    with stop.deferred(), matrix_products(config):
        while not at.finished:
            # 1. One pass over the training rows, in an order that depends on the seed and the epoch only.
            step.begin_epoch(at.epoch, continued=at.step > 0)
            progress = at.epoch / config.epochs
            objective.begin_epoch(progress=progress, epoch=at.epoch)
            weights = class_weights(schema, counts, reweighting, progress=progress, epoch=at.epoch, plain=precise).to(
                device
            )
            drawn = sampler.batches(at.epoch, batch)
            batches = train.arranged(drawn, keep=sampler.keeps_order, seed=config.seed, epoch=at.epoch)[at.step :]
            for places, (rows, features) in dealer.stream(train, batches, epoch=at.epoch):
                step.optimizer.scale = schedule.factor(at.epoch * per_epoch + at.step)
                dropout = partial(seed_step, config.seed, at.epoch, at.step, device=device, rank=world.rank)
                batched = dealer.own(*blend(features, train.targets.take(rows), epoch=at.epoch, step=at.step))
                try:
                    losses, active = training_step(
                        step, *batched, weights, room=room, before=dropout, copied=dealer.copied(len(places))
                    )
                except NotFiniteError as error:
                    raise ran_away(error, schema, model, train, places, config=config, at=at) from error
                average.update()
                tally.add(losses, step.said["weights"], active)
                at.step += 1
                _tell_step(step, tally, log, report, at.epoch * per_epoch + at.step, config.epochs * per_epoch)
                stop.check(lambda: keeper.save(at), agree=world.most)
                if keeper.due(save_every):
                    keeper.save(at)

            # 2. The validation rows: one unweighted loss, and the score that selects.
            with average.applied():
                found = judge(schema, model, measure, scales, config, val=val, train=train.labels, epoch=at.epoch + 1,
                              world=world)  # fmt: skip
            rate = step.optimizer.groups[0].learning_rate * schedule.factor((at.epoch + 1) * per_epoch - 1)
            schedule.observe(found.rank)
            train_loss, told = tally.close()

            # 3. Keep what is best, and where this is.
            better = at.trackers.update(score=found.rank, loss=found.numeric_loss)
            at.epoch, at.step = at.epoch + 1, 0
            at.finished = at.epoch == config.epochs or at.trackers.since >= config.patience
            line = {
                "epoch": at.epoch, "epochs": config.epochs, "train_loss": train_loss, "val_loss": found.loss,
                "score": found.score, "learning_rate": rate,
                "seconds": keeper.seconds(), "best": list(better), "step": at.epoch * per_epoch, **told,
            }  # fmt: skip
            log.write(line)
            facts = {
                "epoch": at.epoch, "score": found.score, "select_by": config.select_by, "loss": found.loss,
                "metrics": found.evaluation.to_dict(),
            }  # fmt: skip
            keeper.save(at, facts, best=better)
            report(Event("epoch", f"epoch {at.epoch}", at.epoch, config.epochs, line))
    stop.check(lambda: f"{at}; saved in {folder}", agree=world.most)
    return at.epoch


def _tell_step(step: Step, tally: Tally, log: RunLog, report: Report, done: int, total: int) -> None:
    """Now and then, the numbers of a single step."""
    if done % STEPS_BETWEEN_ROWS == 0:
        row = {"step": done, "learning_rate": step.learning_rate(), **tally.row()}
        log.write(row, now=False)
        report(Event("row", f"step {done}", done, total, row))


def _first_step(
    schema: Schema,
    model: FacetModel,
    objective: Objective,
    config: Config,
    train: Part,
    world: World,
    *,
    report: Report,
) -> Step:
    """What learns, before it has learned anything."""
    shard_backbone(model, config, world, report=report)
    names = [attribute.column for attribute in schema.attributes]
    step = Step(
        model=model,
        objective=objective,
        balancer=BALANCERS[config.balancing.name](names=names, seed=config.seed, **config.balancing.options),
        optimizer=BlockAdamW(parameter_groups(model, schema, config)),
        clip=config.clip,
        world=world,
        bfloat16=in_bfloat16(config, len(train), train.features.device, world),
    )
    step.check()
    check_together(model, config, world)
    return step


def _precise(schema: Schema, config: Config) -> frozenset[str]:
    """Ids of the attributes whose goal is a precision, which goes by the chance of the decided class.

    Weights of rare classes raise their chances above what is true, and the surest answers are no longer the right ones:
    on 8,852 fashion photos (one seed) articles, gender and sleeves gave 60, 62 and 57 % of their values at a precision
    of 0.97 with balanced weights, and 68, 68 and 67 % without; a tuned scikit-learn model 63, 52 and 72 %
    (`benchmarks/precision.py`).
    """
    return frozenset(
        attribute.id
        for attribute in schema.attributes
        if goal_of(attribute, config.goal, config.goals).measure == "precision"
    )
