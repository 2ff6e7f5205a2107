"""Pictures of a long page: each stands in the file once, however often it is shown."""

from collections.abc import Callable, Sequence

from facetwise.reports._page import text
from facetwise.reports._thumbnails import Thumbnail

__all__ = ["ALBUM_STYLE", "SMALL", "Album"]

# Pixels of a picture in the report: some 3 kB each, so that a thousand of them are 3 MB.
SMALL = 96
# Pictures beyond this are shown as missing: with them the page would leave the size of a mail.
MOST_PICTURES = 1400

ALBUM_STYLE = f"""
.p {{ display: inline-block; width: {SMALL}px; max-width: 100%; aspect-ratio: 1; border-radius: 4px;
  background: var(--track) center / cover no-repeat; vertical-align: top; }}
"""


class Album:
    """Collects the pictures that a page shows, and writes them once, as styles.

    Args:
        names: Name of every picture by its place, as the table spells it.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._wanted: dict[int, None] = {}

    def show(self, place: int) -> str:
        """The picture at a place of the table."""
        if len(self._wanted) < MOST_PICTURES:
            self._wanted.setdefault(place)
        name = text(self.names[place], longest=120)
        return f'<span class="p p{place}" role="img" aria-label="{name}" title="{name}"></span>'

    def style(self, draw: Callable[[list[int]], list[Thumbnail]] | None) -> str:
        """CSS with every picture that was shown.

        Args:
            draw: Pictures at places, ascending; None where there are none to be had.
        """
        drawn = [] if draw is None else draw(sorted(self._wanted))
        return "\n".join(f'.p{one.place}{{background-image:url("{one.data}")}}' for one in drawn)
