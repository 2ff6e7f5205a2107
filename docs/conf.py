"""Sphinx: `make docs`; warnings are errors."""

from importlib.metadata import version as installed

project = "facetwise"
author = "the facetwise authors"
copyright = "the facetwise authors, Apache-2.0"  # noqa: A001 (Sphinx's own name)
release = version = installed("facetwise")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = False
suppress_warnings = ["autodoc.mocked_object"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# One theme that comes with Sphinx: no font, script or picture from anywhere else.
html_theme = "alabaster"
html_theme_options = {"description": "One photo has many facets.", "fixed_sidebar": True}
html_show_sourcelink = False
