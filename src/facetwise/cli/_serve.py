"""`facetwise serve`: a run or an exported file behind HTTP, with a page to try it on."""

import json
import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetwise.cli._options import Quiet
from facetwise.cli._runs import check_run
from facetwise.cli._screen import Screen
from facetwise.cli._tokens import TokenEnv, TokenFile, read_token
from facetwise.errors import UnavailableError

if TYPE_CHECKING:
    from facetwise.serving import Served

__all__ = ["serve"]


def serve(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, or what `facetwise export` wrote.")],
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 = any that is free.")] = 8000,
    token_file: TokenFile = None,
    token_env: TokenEnv = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="No token beyond this machine; something in front of it has to ask.")
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A name clients call it by; repeatable.")
    ] = None,
    queue: Annotated[int, typer.Option("--queue", metavar="N", min=1, help="Pictures that wait; then 429.")] = 64,
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Pictures that are run together.")] = 8,
    delay: Annotated[
        float, typer.Option("--delay", metavar="MS", min=0, help="Milliseconds that a batch waits for company.")
    ] = 0.0,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=0, help="Batches at once; 0 = cores.")] = 0,
    deadline: Annotated[
        float, typer.Option("--deadline", metavar="SECONDS", min=0.01, help="Then a waiting request is answered 503.")
    ] = 10.0,
    explain: Annotated[
        int, typer.Option("--explain", metavar="N", min=0, help="Pictures that wait to be explained; 0 = none are.")
    ] = 4,
    max_upload: Annotated[float, typer.Option("--max-upload", metavar="MIB", min=0.01, help="Of one request.")] = 32.0,
    watch: Annotated[
        float, typer.Option("--watch", metavar="SECONDS", min=0, help="Look for a newer file; 0 = only on SIGHUP.")
    ] = 0.0,
    quiet: Quiet = False,
) -> None:
    """Answer over HTTP, with a page to try it on."""
    if not (find_spec("fastapi") and find_spec("uvicorn") and find_spec("python_multipart")):
        raise UnavailableError(
            "serving needs FastAPI, uvicorn and python-multipart. Fix: pip install 'facetwise[serve]'"
        )
    token = read_token(token_file, token_env)
    from facetwise import serving

    serving.check_exposure(host, token, insecure=insecure)
    limits = serving.Limits(
        queue=queue, batch=batch, delay=delay / 1000, threads=threads, deadline=deadline, explain=explain,
        upload=int(max_upload * 1024 * 1024), held=int(max(256, 2 * max_upload) * 1024 * 1024),
    )  # fmt: skip
    screen = Screen(quiet=quiet)
    load, watched = _source(model, screen)
    _start_log()

    def opened(url: str, served: "Served") -> None:
        screen.result(f"Serving {served.name} at {url}")
        asked = "" if token is None else " -H 'Authorization: Bearer TOKEN'"
        screen.say(f"  a page to try it on: {url}/\n  curl{asked} -F images=@photo.jpg {url}/v1/predict")

    serving.serve(
        load, host=host, port=port, token=token, insecure=insecure, allow_hosts=tuple(allow_host or ()), limits=limits,
        watch=watched, every=watch, opened=opened,
    )  # fmt: skip


def _source(path: Path, screen: Screen) -> tuple[Callable[[], "Served"], Path]:
    """How the model is taken from the disk, and the file that tells of a newer one."""
    from facetwise.serving import load_served

    if path.suffix == ".onnx":
        return lambda: load_served(path), path
    check_run(path)
    return lambda: _run_served(path, screen), path / "bundle" / "bundle.json"


def _run_served(path: Path, screen: Screen) -> "Served":
    """A run: exported once, proved, and kept in the cache; with its training rows as evidence."""
    from facetwise import api
    from facetwise.serving import load_served

    run = api.load(path)
    file = run.exported(report=lambda event: screen.say(event.message) if event.kind == "stage" else None)
    return load_served(file, name=path.resolve().name, neighbours=run.bundle.neighbours)


class _Lines(logging.Formatter):
    """One JSON document a line; line breaks and escapes of strangers are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}",
            "level": record.levelname.lower(), "event": record.getMessage(), **getattr(record, "told", {}),
        }  # fmt: skip
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told)


def _start_log() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    for name in ("facetwise.serving", "uvicorn.error"):
        log = logging.getLogger(name)
        log.addHandler(handler)
        log.propagate = False
        log.setLevel(logging.INFO)
