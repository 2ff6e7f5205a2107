"""A small model behind the application, and clients of it that need no network."""

import asyncio
import io
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from facetwise.runtime import Model, facts_from, read_contents
from facetwise.serving import Holder, Limits, Metrics, Served, make_app
from made_export import made_file

__all__ = [
    "Slow", "asked", "client_of", "holder_of", "made_file", "picture", "post", "served", "settled", "write_model",
]  # fmt: skip


@cache
def _model() -> Model:
    data, _ = made_file()
    return Model(data, facts_from(read_contents(data)), threads=1)


def served(model: Any = None, digest: str = "d" * 64) -> Served:
    """The model, or something that behaves like it."""
    return Served(model=model or _model(), digest=digest, name="made")


def holder_of(own: Served | None = None) -> Holder:
    """Holds it; a reload finds the same."""
    kept = own or served()
    return Holder(lambda: kept, batch=2)


def picture(seed: int = 0, kind: str = "PNG") -> bytes:
    """The file of a picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (20 + seed, 30, 3), dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind)
    return sink.getvalue()


class Slow:
    """A model that waits until it is let go, or fails on black pictures."""

    def __init__(self, *, held: bool = True, fails_below: float = -1.0) -> None:
        self._model = served().model
        self.go = threading.Event()
        self.batches: list[int] = []
        self._fails_below = fails_below
        if not held:
            self.go.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def decide(self, values: np.ndarray) -> None:
        """Warming takes no time."""

    def read(self, values: np.ndarray) -> Any:
        """As the model, once it may."""
        self.batches.append(len(values))
        assert self.go.wait(20)
        if (values.reshape(len(values), -1).mean(axis=1) < self._fails_below).any():
            raise RuntimeError("the graph fell over")
        return self._model.read(values)


@asynccontextmanager
async def client_of(
    holder: Holder, *, limits: Limits | None = None, metrics: Metrics | None = None, **options: Any
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the application within this process, from its start to its end."""
    app = make_app(holder, limits=limits or Limits(threads=1), metrics=metrics, **options)
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=30) as client:
        yield client
    await told.put({"type": "lifespan.shutdown"})
    assert (await heard.get())["type"] == "lifespan.shutdown.complete"
    await life


async def settled(condition: Callable[[], Any]) -> None:
    """Until it is so, for five seconds at most."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to pass")


def asked(pictures: Sequence[bytes], **fields: str) -> dict[str, Any]:
    """The arguments of a request with some pictures."""
    return {"files": [("images", (f"{n}.png", data)) for n, data in enumerate(pictures)], "data": fields}


async def post(client: httpx.AsyncClient, pictures: Sequence[bytes], **fields: str) -> httpx.Response:
    """Ask about some pictures."""
    return await client.post("/v1/predict", **asked(pictures, **fields))


def write_model(folder: Path) -> Path:
    """The file on the disk."""
    path = folder / "model.onnx"
    path.write_bytes(made_file()[0])
    return path
