"""Numbers and pictures to one self-contained HTML file: no script, nothing loaded, every text of a stranger inert."""

from facetwise.reports._counts import Counted, count_cells
from facetwise.reports._page import page, text
from facetwise.reports._preview import preview_page
from facetwise.reports._thumbnails import Pictures, Thumbnail, draw_batch, thumbnails

__all__ = [
    "Counted",
    "Pictures",
    "Thumbnail",
    "count_cells",
    "draw_batch",
    "page",
    "preview_page",
    "text",
    "thumbnails",
]
