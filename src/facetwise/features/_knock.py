"""The program of a child process: does a Ray cluster turn away a caller with a wrong token?

Ray reads its token once per process, so that the wrong one is brought by a process of its own. It asks one question,
joins nothing, and loads nothing but Ray.
"""

import importlib
import os
import sys
from typing import Any

__all__ = ["LET_IN", "PROGRAM", "TURNED_AWAY"]

PROGRAM = __file__

# Exit codes; with any other one, nobody has answered.
TURNED_AWAY, LET_IN = 10, 11
_SECONDS = 30


def _knock(address: str) -> int:
    """How the cluster answers a caller with a wrong token."""
    scheme, _, host = address.rpartition("://")
    return _knock_at_proxy(host) if scheme == "ray" else _knock_at_head(address)


def _knock_at_head(address: str) -> int:
    errors: Any = importlib.import_module("ray.exceptions")
    raylet: Any = importlib.import_module("ray._raylet")
    try:
        client = raylet.GcsClient(address=address)
        client.internal_kv_get(b"session_name", b"session", timeout=_SECONDS)
    except errors.AuthenticationError:
        return TURNED_AWAY
    return LET_IN


def _knock_at_proxy(host: str) -> int:
    """Ray's client says of everything that goes wrong that time ran out, so it is asked without Ray's client."""
    words: Any = importlib.import_module("ray.core.generated.ray_client_pb2")
    stubs: Any = importlib.import_module("ray.core.generated.ray_client_pb2_grpc")
    grpc: Any = stubs.grpc  # whatever gRPC Ray has
    ping = words.ClusterInfoRequest(type=words.ClusterInfoType.PING)
    token = [("authorization", f"Bearer {os.environ['RAY_AUTH_TOKEN']}")]
    try:
        with grpc.insecure_channel(host, options=[("grpc.enable_http_proxy", 0)]) as channel:
            stubs.RayletDriverStub(channel).ClusterInfo(ping, timeout=_SECONDS, wait_for_ready=True, metadata=token)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAUTHENTICATED:
            return TURNED_AWAY
        raise
    return LET_IN


if __name__ == "__main__":
    sys.exit(_knock(sys.argv[1]))
