"""A model behind HTTP: bounded, honest about what it cannot take on, and the same decisions as everywhere else.

Needs the extra `serve` (FastAPI, uvicorn, python-multipart).
"""

from facetwise.serving._app import make_app
from facetwise.serving._limits import Limits
from facetwise.serving._metrics import Metrics
from facetwise.serving._refusal import RefusedError
from facetwise.serving._run import check_exposure, serve
from facetwise.serving._served import Holder, Served, load_served

__all__ = [
    "Holder",
    "Limits",
    "Metrics",
    "RefusedError",
    "Served",
    "check_exposure",
    "load_served",
    "make_app",
    "serve",
]
