"""A bundle as one file that carries its meaning, and the proof that it decides the same."""

from facetwise.inference.exporting._compared import Change, Difference
from facetwise.inference.exporting._file import check_exportable, onnx_file
from facetwise.inference.exporting._program import ProgramAnswering, program_file
from facetwise.inference.exporting._server import ServerAnswering
from facetwise.inference.exporting._triton import triton_config, write_triton
from facetwise.inference.exporting._verify import (
    ALLOWED,
    BATCHES,
    Answering,
    FileAnswering,
    Probe,
    Verification,
    verify,
)

__all__ = [
    "ALLOWED",
    "BATCHES",
    "Answering",
    "Change",
    "Difference",
    "FileAnswering",
    "Probe",
    "ProgramAnswering",
    "ServerAnswering",
    "Verification",
    "check_exportable",
    "onnx_file",
    "program_file",
    "triton_config",
    "verify",
    "write_triton",
]
