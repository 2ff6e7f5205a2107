"""What a comparison of a file with its run found, in a few lines."""

from typing import TYPE_CHECKING

from facetwise.cli._screen import Screen

if TYPE_CHECKING:
    from facetwise.inference.exporting import Verification

__all__ = ["show_proof"]

# `verify` shows all of the differences.
SHOWN = 20


def show_proof(screen: Screen, found: "Verification", *, most: int | None = SHOWN) -> None:
    """Pictures, decisions, each difference (at most so many), what it costs."""
    tried = ", ".join(f"{count:,} in batches of {size}" for size, count in found.batches.items())
    screen.say(f"pictures    {tried}")
    column, largest = max(found.largest.items(), key=lambda pair: pair[1])
    screen.say(
        f"largest     {largest:.2g} between two probabilities ({column}); graph against logits {found.graph:.2g}"
    )
    screen.say(f"decisions   {found.cells:,}, {len(found.differences):,} differ ({found.equal:.4%} equal)")
    for each in found.differences[:most]:
        screen.say(
            f"  {each.image}, {each.column}: {each.expected!r} became {each.found!r} at batch {each.batch}, "
            f"{each.distance}"
        )
    if most is not None and len(found.differences) > most:
        screen.say(f"  and {len(found.differences) - most:,} more; verify lists them")
    changed = [change for change in found.changes if round(change.bound, 2) or round(change.drop, 2)]
    for change in sorted(changed, key=lambda each: -each.bound)[:SHOWN]:
        screen.say(
            f"  {change.column or 'all other attributes'}: {change.before:.2f} → {change.after:.2f} points of right "
            f"answers on {change.rows:,} cells (lost {change.drop:.2f}, at 95 % at most {change.bound:.2f})"
        )
    if not changed and found.changes:
        screen.say("right       as many answers as before, in every attribute")
