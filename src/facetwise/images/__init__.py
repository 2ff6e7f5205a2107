"""Bytes to RGB pixels: the one decode policy, shared by training, feature cache, predict, server and exported model.

Pillow only. A picture that cannot be read is an `ImageError` with one of the reasons of `REASONS`.
"""

from facetwise.images._box import Box, crop, to_box
from facetwise.images._decode import POLICY_VERSION, decode, policy_version, quiet_decoder
from facetwise.images._fit import CROP_FRACTION, FIT_MODES, FitMode, fit, fitted_part, short_side
from facetwise.images._format import ALLOWED_FORMATS
from facetwise.images._header import MAX_PIXELS, open_header
from facetwise.images._perceptual import NO_HASH, THUMBNAIL_SIDE, Look, look, near_duplicates
from facetwise.images._read import MAX_BYTES, digest, part_digest, read_bytes
from facetwise.images._reasons import REASONS

__all__ = [
    "ALLOWED_FORMATS",
    "CROP_FRACTION",
    "FIT_MODES",
    "MAX_BYTES",
    "MAX_PIXELS",
    "NO_HASH",
    "POLICY_VERSION",
    "REASONS",
    "THUMBNAIL_SIDE",
    "Box",
    "FitMode",
    "Look",
    "crop",
    "decode",
    "digest",
    "fit",
    "fitted_part",
    "look",
    "near_duplicates",
    "open_header",
    "part_digest",
    "policy_version",
    "quiet_decoder",
    "read_bytes",
    "short_side",
    "to_box",
]
