"""Numbers and pictures to one self-contained HTML file: no script, nothing loaded, every text of a stranger inert."""

from facetwise.reports._album import SMALL
from facetwise.reports._card import Carded, model_card
from facetwise.reports._counts import Counted, count_cells
from facetwise.reports._facts import Nearby, Reported, Unreadable, Unsure, value_text
from facetwise.reports._gallery import Shown, choose_shown, gallery_page, gallery_png
from facetwise.reports._page import page, text
from facetwise.reports._preview import preview_page
from facetwise.reports._regions import draw_region, region_figures
from facetwise.reports._report import report_page
from facetwise.reports._thumbnails import Pictures, Thumbnail, draw_batch, thumbnails

__all__ = [
    "SMALL",
    "Carded",
    "Counted",
    "Nearby",
    "Pictures",
    "Reported",
    "Shown",
    "Thumbnail",
    "Unreadable",
    "Unsure",
    "choose_shown",
    "count_cells",
    "draw_batch",
    "draw_region",
    "gallery_page",
    "gallery_png",
    "model_card",
    "page",
    "preview_page",
    "region_figures",
    "report_page",
    "text",
    "thumbnails",
    "value_text",
]
