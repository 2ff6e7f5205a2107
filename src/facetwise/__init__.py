"""facetwise: one model that fills in every attribute of every picture."""

__version__ = "0.1.0"
