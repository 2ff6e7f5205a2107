"""Pictures with their cells below them, side by side."""

__all__ = ["cards_style"]


def cards_style(row: str, *, least: float, side: int) -> str:
    """CSS of `.item` inside a row of them.

    Args:
        row: Class of what holds the cards.
        least: Width of a card at least, in rem; on a phone two stand side by side in any case.
        side: Pixels of a picture at most.
    """
    return f"""
.{row} {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, {least}rem), 1fr)); gap: .8rem; }}
@media (max-width: 26rem) {{ .{row} {{ grid-template-columns: 1fr 1fr; }} }}
.item {{ background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .6rem; min-width: 0;
  font-size: .85rem; line-height: 1.35; }}
.item img {{ display: block; width: 100%; max-width: {side}px; aspect-ratio: 1; margin: 0 auto .4rem;
  border-radius: 4px; }}
.item dl {{ margin: .3rem 0; }} .item dt {{ color: var(--soft); font-size: .75rem; }} .item dd {{ margin: 0 0 .2rem; }}
"""
