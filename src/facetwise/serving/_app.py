"""The application: routes, and how a request becomes answers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from importlib.metadata import version
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from facetwise.decisions import CELLS, passes_for
from facetwise.images import quiet_decoder
from facetwise.schema import Schema, schema_to_dict
from facetwise.serving import _messages as messages
from facetwise.serving._answering import Piece, answer_pieces
from facetwise.serving._asking import Asked, read_question, read_request
from facetwise.serving._batcher import Batcher
from facetwise.serving._explaining import Question, explain_questions
from facetwise.serving._gate import LOOPBACK, Gate, Receive, Send, problem_of
from facetwise.serving._limits import Limits
from facetwise.serving._metrics import Metrics
from facetwise.serving._page import page, page_policy
from facetwise.serving._refusal import RefusedError
from facetwise.serving._served import Holder, Served

__all__ = ["make_app"]

Read = TypeVar("Read")
Application = Callable[[Any, Receive, Send], Awaitable[None]]
# Nobody is there to read it; the log calls it what nginx calls it.
_GONE = 499
_WHY = {
    400: "It is not what it says it is.", 401: "A token is needed.", 403: "A page of another site asks.",
    408: "The body came too slowly.", 413: "Too many bytes or pictures, or a picture of too many pixels.",
    415: "Another kind of body.", 421: "Another name of this server.",
    422: "Wishes that do not fit the schema, or no picture could be read; `rows` says why of each.",
    429: "The queue is full.", 503: "Not in time, not ready, or the model failed.",
}  # fmt: skip
_EVERYWHERE = (400, 401, 403, 413, 415, 421)


def _told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What is said in the OpenAPI document of requests that are not answered."""
    wait = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
    return {
        status: {"model": messages.Problem, "description": _WHY[status]} | ({"headers": wait} if status == 429 else {})
        for status in sorted({*statuses, *_EVERYWHERE})
    }


def _form(most: int) -> dict[str, Any]:
    pictures = {"type": "array", "minItems": 1, "maxItems": most, "items": {"type": "string", "format": "binary"}}
    flag = {"type": "string", "enum": ["true", "false"]}
    return {
        "type": "object", "required": ["images"], "additionalProperties": False,
        "properties": {
            "images": pictures,
            "known": {"type": "string", "description": "A JSON object: what is known of all pictures, by column."},
            "category": {"type": "string"}, "sets": flag, "scores": flag,
            "evidence": {"type": "integer", "minimum": 0, "maximum": 10},
        },
    }  # fmt: skip


def _form_of_one() -> dict[str, Any]:
    return {
        "type": "object", "required": ["image", "attributes"], "additionalProperties": False,
        "properties": {
            "image": {"type": "string", "format": "binary"},
            "attributes": {"type": "string", "description": "A JSON array of columns."},
            "known": {"type": "string", "description": "A JSON object: what is known of the picture, by column."},
            "category": {"type": "string"},
        },
    }  # fmt: skip


def make_app(
    holder: Holder,
    *,
    limits: Limits | None = None,
    token: str | None = None,
    hosts: Iterable[str] | None = LOOPBACK,
    metrics: Metrics | None = None,
) -> Application:
    """The application, with its gate.

    Args:
        holder: Holds the model.
        limits: The bounds.
        token: What clients show; None: nothing.
        hosts: Names that the server is called by; None: any.
        metrics: What is counted.
    """
    limits, metrics = limits or Limits(), metrics or Metrics()
    batcher: Batcher[Piece, dict[str, Any]] = Batcher(
        answer_pieces, threads=limits.most_threads, batch=limits.batch, queue=limits.queue, delay=limits.delay,
        observe=metrics.batch,
    )  # fmt: skip

    # One after the other on a thread of its own: whoever wants answers waits for none of them.
    explainer: Batcher[Question, dict[str, Any]] = Batcher(
        explain_questions, threads=1, batch=1, queue=limits.explain, observe=metrics.explained
    )

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncGenerator[None]:
        with quiet_decoder():
            batcher.start()
            explainer.start()
            await holder.warm()
            try:
                yield
            finally:
                holder.ready = False
                await asyncio.gather(batcher.stop(), explainer.stop())

    app = FastAPI(
        title="facetwise", version=version("facetwise"), docs_url=None, redoc_url=None, lifespan=life,
        openapi_url="/openapi.json",
        description="A value, an open question or 'does not apply' for every attribute of every picture.",
    )  # fmt: skip
    _add_predict(app, holder, batcher, limits, metrics)
    if limits.explain:
        _add_explain(app, holder, explainer, limits, metrics)
    _add_facts(app, holder, batcher, limits, metrics)

    @app.exception_handler(RefusedError)
    async def refused(request: Request, refusal: RefusedError) -> Response:
        return _refused(request, refusal)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        refusal = RefusedError(error.status_code, "http", str(error.detail)[:200])
        return _refused(request, refusal, headers=error.headers)

    def busy(path: str) -> RefusedError | None:
        asked = explainer if path == "/v1/explain" and limits.explain else batcher
        return asked.too_full() if asked.full else None

    return Gate(app, limits=limits, metrics=metrics, token=token, hosts=hosts, busy=busy)


def _refused(
    request: Request, refusal: RefusedError, *, rows: list[dict[str, Any]] | None = None, headers: Any = None
) -> Response:
    added = dict(headers or {})
    if refusal.retry_after is not None:
        added["retry-after"] = str(refusal.retry_after)
    return JSONResponse(problem_of(refusal, request.state.request_id, rows), refusal.status, headers=added)


def _add_predict(
    app: FastAPI, holder: Holder, batcher: Batcher[Piece, dict[str, Any]], limits: Limits, metrics: Metrics
) -> None:
    @app.post(
        "/v1/predict", response_model=messages.Answered, responses=_told(408, 422, 429, 503),
        openapi_extra=_body(app, _form(limits.most_pictures), messages.Ask), summary="Answer about some pictures",
    )  # fmt: skip
    async def predict(request: Request) -> Response:
        served = _served(holder)
        asked = await _read(read_request(request, served, limits), metrics)
        if asked is None:
            return Response(status_code=_GONE)
        request.state.told = {"pictures": len(asked.pieces)}
        futures = batcher.submit(asked.pieces, key=served)
        rows = await _finished(request, futures, limits.deadline, metrics)
        if rows is None:
            return Response(status_code=_GONE)
        return _answered(request, served, asked, rows, metrics)


def _add_explain(
    app: FastAPI, holder: Holder, explainer: Batcher[Question, dict[str, Any]], limits: Limits, metrics: Metrics
) -> None:
    @app.post(
        "/v1/explain", response_model=messages.Explained, responses=_told(408, 422, 429, 503),
        openapi_extra=_body(app, _form_of_one(), messages.AskWhere),
        summary="Where the answers about a picture come from",
    )  # fmt: skip
    async def explain(request: Request) -> Response:
        served = _served(holder)
        read = await _read(read_question(request, served, limits), metrics)
        if read is None:
            return Response(status_code=_GONE)
        name, question = read
        request.state.told = {"pictures": 1, "passes": passes_for(CELLS)}
        futures = explainer.submit([question], key=served)
        try:
            found = await _finished(request, futures, limits.explain_deadline, metrics)
        finally:
            question.gone.set()
        if found is None:
            return Response(status_code=_GONE)
        told = found[0]
        if (issue := told.pop("issue")) is not None:
            status = 413 if issue["reason"] == "too_large" else 422
            rows = [{"image": name, "issue": issue, "cells": None}]
            return _refused(request, RefusedError(status, "pictures", "the picture could not be read"), rows=rows)
        return _document(request, served, {"image": name, **told})


def _served(holder: Holder) -> Served:
    """The model that answers.

    Raises:
        RefusedError: 503, there is none yet, or none any more.
    """
    if not holder.ready:
        raise RefusedError(503, "not_ready", "the model is being loaded", retry_after=1)
    return holder.current


async def _read(asking: Awaitable[Read], metrics: Metrics) -> Read | None:
    """What is asked; None where the client went away before it had said it."""
    try:
        return await asking
    except ClientDisconnect:
        metrics.count("facetwise_cancelled_total")
        return None


def _body(app: FastAPI, form: dict[str, Any], whole: type[BaseModel]) -> dict[str, Any]:
    """What the OpenAPI document says of a body: it is read by hand, so that limits come first."""
    document = whole.model_json_schema(ref_template="#/components/schemas/{model}")
    inner, usual = document.pop("$defs", {}), app.openapi

    def told() -> dict[str, Any]:
        found = usual()
        found["components"]["schemas"] |= inner
        return found

    app.openapi = told
    content = {"multipart/form-data": {"schema": form}, "application/json": {"schema": document}}
    return {"requestBody": {"required": True, "content": content}}


async def _finished(
    request: Request, futures: list[asyncio.Future[dict[str, Any]]], deadline: float, metrics: Metrics
) -> list[dict[str, Any]] | None:
    """The rows; None where the client has gone. What nobody waits for any more leaves the queue.

    Raises:
        RefusedError: 503, not in time; or the model failed.
    """
    whole = asyncio.gather(*futures)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({whole, gone}, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        if whole.done():
            return whole.result()
        if gone.done():
            metrics.count("facetwise_cancelled_total")
            return None
        message = f"no answer within {deadline:g} s. Fix: try again later"
        raise RefusedError(503, "deadline", message, retry_after=1)
    finally:
        gone.cancel()
        if not whole.done():
            whole.cancel()
        for future in futures:
            future.cancel()
        await asyncio.gather(whole, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answered(request: Request, served: Served, asked: Asked, rows: list[dict[str, Any]], metrics: Metrics) -> Response:
    told = [{"image": name, **row} for name, row in zip(asked.names, rows, strict=True)]
    for row in rows:
        metrics.count("facetwise_pictures_total", outcome=row["issue"]["reason"] if row["issue"] else "answered")
    reasons = {row["issue"]["reason"] if row["issue"] else None for row in rows}
    if None not in reasons:
        status = 413 if reasons == {"too_large"} else 422
        return _refused(request, RefusedError(status, "pictures", "no picture could be read"), rows=told)
    return _document(request, served, {"rows": told})


def _document(request: Request, served: Served, told: dict[str, Any]) -> Response:
    """An answer; a file's name may hold half a surrogate pair, which comes back as it came."""
    document = {"request_id": request.state.request_id, "model": served.digest, **told}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return Response(text.encode("utf-8", "surrogatepass"), media_type="application/json")


def _about(served: Served, limits: Limits) -> dict[str, Any]:
    schema: Schema = served.schema
    facts = served.model.facts
    attributes = [
        {
            "column": a.column, "id": a.id, "kind": str(a.kind), "classes": list(a.classes), "unit": a.unit,
            "separator": a.separator, "applies_to": None if a.applies_to is None else list(a.applies_to),
            "parent": None if a.parent is None else a.parent.column,
            "thresholds": list(facts.thresholds.get(a.id, ())), "neighbours_share": facts.shares.get(a.id, 0.0),
        }
        for a in schema.attributes
    ]  # fmt: skip
    return {
        "model": {
            "name": served.name, "digest": served.digest, "precision": facts.precision, "size": facts.size,
            "fit": facts.fit, "neighbours": served.neighbours is not None, "facetwise": version("facetwise"),
        },
        "image_columns": list(schema.images), "category": schema.category,
        "not_applicable": list(schema.not_applicable), "attributes": attributes, "definition": schema_to_dict(schema),
        "limits": {"pictures": limits.most_pictures, "upload": limits.upload, "deadline": limits.deadline},
        "explain": {"passes": passes_for(CELLS), "cells": CELLS, "queue": limits.explain,
                    "deadline": limits.explain_deadline} if limits.explain else None,
    }  # fmt: skip


def _add_facts(
    app: FastAPI, holder: Holder, batcher: Batcher[Piece, dict[str, Any]], limits: Limits, metrics: Metrics
) -> None:
    @app.get("/v1/schema", response_model=messages.Schema, responses=_told(), summary="What is answered about")
    async def schema() -> Response:
        return JSONResponse(_about(holder.current, limits))

    @app.get("/healthz", response_model=messages.Health, responses=_told(), summary="Is the process alive?")
    async def healthz() -> Response:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", response_model=messages.Health, responses=_told(503), summary="Can it answer?")
    async def readyz() -> Response:
        _served(holder)
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", response_class=PlainTextResponse, responses=_told(), summary="What it counts, for Prometheus")
    async def told() -> Response:
        gauges = {
            "facetwise_queue_pictures": float(len(batcher)), "facetwise_queue_limit": float(limits.queue),
            "facetwise_ready": float(holder.ready), f'facetwise_model{{digest="{holder.current.digest}"}}': 1.0,
        }  # fmt: skip
        return PlainTextResponse(metrics.text(gauges), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/", response_class=HTMLResponse, responses=_told(), summary="A page to try it on")
    async def front() -> Response:
        return HTMLResponse(page(), headers={"content-security-policy": page_policy()})
