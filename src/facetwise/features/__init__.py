"""Features once, heads many times: pictures and a backbone become cached rows of numbers."""

from facetwise.features._budget import fits_memory, in_words, measure_machine, needs
from facetwise.features._cache import FeatureStore, cache_folder
from facetwise.features._cluster import Cluster, check_engine, joined_cluster
from facetwise.features._crew import Crew
from facetwise.features._engine import Engine, available_cores
from facetwise.features._extract import extract
from facetwise.features._extraction import Extraction, ImageProblem
from facetwise.features._file import features_from_file, features_to_bytes, file_digest
from facetwise.features._levels import choose_levels
from facetwise.features._looks import Looks
from facetwise.features._onnx_engine import OnnxEngine, export_graph, graph_path
from facetwise.features._plan import EnginePlan, feature_key, plan_engine
from facetwise.features._quiet_exporter import quiet_exporter
from facetwise.features._sharded import Sharded
from facetwise.features._shards import Shard, ShardTask
from facetwise.features._standardizer import FARTHEST, Standardizer
from facetwise.features._stored import StoredRows
from facetwise.features._torch_engine import TorchEngine
from facetwise.features._worker import TunedWeights

__all__ = [
    "FARTHEST",
    "Cluster",
    "Crew",
    "Engine",
    "EnginePlan",
    "Extraction",
    "FeatureStore",
    "ImageProblem",
    "Looks",
    "OnnxEngine",
    "Shard",
    "ShardTask",
    "Sharded",
    "Standardizer",
    "StoredRows",
    "TorchEngine",
    "TunedWeights",
    "available_cores",
    "cache_folder",
    "check_engine",
    "choose_levels",
    "export_graph",
    "extract",
    "feature_key",
    "features_from_file",
    "features_to_bytes",
    "file_digest",
    "fits_memory",
    "graph_path",
    "in_words",
    "joined_cluster",
    "measure_machine",
    "needs",
    "plan_engine",
    "quiet_exporter",
]
