"""A finished run: its answers, its evaluation, one file of it, and what grows from it."""

from facetwise.runs._adding import Added
from facetwise.runs._deployed import Exported, export_run, verify_run
from facetwise.runs._explaining import check_explained
from facetwise.runs._factors import Factors, factors_of
from facetwise.runs._given_away import from_pretrained
from facetwise.runs._how_long import prepared_of
from facetwise.runs._load import load
from facetwise.runs._predicted_shard import predict_shard, shard_file
from facetwise.runs._run import Run

__all__ = [
    "Added",
    "Exported",
    "Factors",
    "Run",
    "check_explained",
    "export_run",
    "factors_of",
    "from_pretrained",
    "load",
    "predict_shard",
    "prepared_of",
    "shard_file",
    "verify_run",
]
