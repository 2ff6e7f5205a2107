"""Where answers come from, over HTTP: what the formula says, on the picture as it is, bounded like all other work."""

import asyncio
import base64
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from facetwise.decisions import CELLS, passes_for, regions_from
from facetwise.images import fitted_part
from facetwise.serving import Limits, Metrics
from made_served import Slow, client_of, holder_of, picture, served, settled

ONE = picture(1)


def _columns() -> list[str]:
    return [attribute.column for attribute in served().schema.attributes]


async def _explain(client: httpx.AsyncClient, data: bytes = ONE, **fields: Any) -> httpx.Response:
    told = {"attributes": json.dumps(_columns()), **fields}
    return await client.post("/v1/explain", files={"image": ("one.png", data)}, data=told)


def _asked(limits: Limits | None = None, **fields: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with client_of(holder_of(), limits=limits) as client:
            return await _explain(client, **fields)

    return asyncio.run(ask())


def test_the_map_is_the_formula_s() -> None:
    answer = _asked(Limits(threads=1, batch=5))
    assert answer.status_code == 200, answer.text
    told, model = answer.json(), served().model
    assert (told["image"], told["passes"], told["model"]) == ("one.png", passes_for(CELLS), served().digest)
    places = list(range(len(model.schema.attributes)))
    calibration = model.facts.policy.calibration
    found = regions_from(model.schema, model.pixels(ONE), places, model.decide, calibration=calibration)
    assert list(told["regions"]) == list(found)
    for column, region in found.items():
        own = told["regions"][column]
        np.testing.assert_allclose(own["heat"], region.heat, atol=2e-3)
        assert np.shape(own["heat"]) == (CELLS, CELLS)
        assert own["value"] == (pytest.approx(region.value) if isinstance(region.value, float) else region.value)
        assert own["faint"] == region.faint
        assert (own["chance"] is None) == (region.chance is None)
    assert told["box"] == list(
        fitted_part(*Image.open(io.BytesIO(ONE)).size, size=model.facts.size, mode=model.facts.fit)
    )


def test_json_says_the_same_and_so_does_a_part_of_the_attributes() -> None:
    first = _columns()[0]

    async def ask() -> tuple[dict[str, Any], dict[str, Any]]:
        async with client_of(holder_of()) as client:
            form = await _explain(client, attributes=json.dumps([first, first]))
            body = {"image": {"data": base64.b64encode(ONE).decode(), "name": "one.png"}, "attributes": [first]}
            return form.json(), (await client.post("/v1/explain", json=body)).json()

    form, whole = asyncio.run(ask())
    assert list(form["regions"]) == [first]
    assert {**form, "request_id": ""} == {**whole, "request_id": ""}


def test_what_is_known_is_believed() -> None:
    attribute = next(one for one in served().schema.attributes if str(one.kind) == "categorical")
    for name in attribute.classes[:2]:
        told = _asked(known=json.dumps({attribute.column: name})).json()["regions"][attribute.column]
        assert told["value"] == name
        # No part of the picture takes it back.
        assert told["faint"]


@pytest.mark.parametrize(
    ("data", "fields", "status", "words"),
    [
        (b"no picture", {}, 422, ["the picture could not be read", "rows"]),
        (ONE, {"attributes": '["colr", "nothing"]'}, 422, ["'colr'", "'nothing'", "attributes[1]"]),
        (ONE, {"attributes": "[]"}, 422, ["attributes"]),
        (ONE, {"attributes": "colour"}, 422, ["a JSON array"]),
        (ONE, {"known": '{"nothing": "x"}'}, 422, ["a known cell is of an attribute"]),
        (ONE, {"scores": "true"}, 422, ["scores"]),
    ],
)
def test_what_cannot_be_explained(data: bytes, fields: dict[str, str], status: int, words: list[str]) -> None:
    answer = _asked(data=data, **fields)
    assert answer.status_code == status
    for word in words:
        assert word in answer.text


def test_one_picture_at_a_time() -> None:
    async def ask() -> list[httpx.Response]:
        async with client_of(holder_of()) as client:
            two = [("image", ("a.png", ONE)), ("image", ("b.png", ONE))]
            many = await client.post("/v1/explain", files=two, data={"attributes": json.dumps(_columns())})
            other = await client.post("/v1/explain", files={"images": ("a.png", ONE)}, data={"attributes": '["x"]'})
            return [many, other]

    many, other = asyncio.run(ask())
    assert (many.status_code, many.json()["error"]["code"]) == (413, "too_many_pictures")
    assert "one picture" in many.json()["error"]["message"]
    assert other.status_code == 422
    assert "files are `image`" in other.text


def test_a_full_queue_is_told_and_answers_go_on() -> None:
    model, limits, metrics = Slow(), Limits(threads=1, batch=1, explain=2), Metrics()

    async def ask() -> None:
        async with client_of(holder_of(served(model)), limits=limits, metrics=metrics) as client:
            running = asyncio.create_task(_explain(client))
            await settled(lambda: model.batches)
            waiting = [asyncio.create_task(_explain(client)) for _ in range(2)]
            await asyncio.sleep(0.05)
            refused = await _explain(client)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_full")
            assert int(refused.headers["retry-after"]) >= 1
            # Whoever wants an answer is not behind them: the queue of answers is another one.
            answer = asyncio.create_task(client.post("/v1/predict", files=[("images", ("a.png", ONE))]))
            await settled(lambda: len(model.batches) == 2)
            model.go.set()
            assert (await answer).status_code == 200
            assert [each.status_code for each in await asyncio.gather(running, *waiting)] == [200] * 3
        assert metrics.value("facetwise_explained_total") == 3

    asyncio.run(ask())


def test_who_goes_away_ends_the_work_and_so_does_the_deadline() -> None:
    model, limits, metrics = Slow(), Limits(threads=1, batch=1, explain_deadline=0.2), Metrics()

    async def ask() -> None:
        async with client_of(holder_of(served(model)), limits=limits, metrics=metrics) as client:
            late = await _explain(client)
            assert (late.status_code, late.json()["error"]["code"]) == (503, "deadline")
            assert len(model.batches) == 1
            model.go.set()
            await asyncio.sleep(0.3)
            assert len(model.batches) == 1, "the other passes are never made"
            # And the thread is free again.
            assert (await client.post("/v1/predict", files=[("images", ("a.png", ONE))])).status_code == 200

    asyncio.run(ask())


def test_a_model_that_fails_is_a_503() -> None:
    model = Slow(held=False, fails_below=1000.0)

    async def ask() -> httpx.Response:
        async with client_of(holder_of(served(model))) as client:
            return await _explain(client)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_failed")


def test_it_can_be_switched_off() -> None:
    async def ask() -> tuple[httpx.Response, dict[str, Any], dict[str, Any], dict[str, Any]]:
        limits = Limits(threads=1, explain=0)
        async with client_of(holder_of(), limits=limits) as client, client_of(holder_of()) as other:
            told = [(await each.get("/v1/schema")).json() for each in (client, other)]
            return await _explain(client), (await client.get("/openapi.json")).json(), *told

    answer, document, off, on = asyncio.run(ask())
    assert answer.status_code == 404
    assert "/v1/explain" not in document["paths"]
    assert off["explain"] is None
    assert on["explain"] == {"passes": 82, "cells": 8, "queue": 4, "deadline": 60.0}


@pytest.mark.parametrize("mode", ["squash", "crop", "pad"])
@pytest.mark.parametrize("shape", [(90, 40), (40, 90), (64, 64)])
def test_the_grid_lies_where_the_model_looks(mode: Any, shape: tuple[int, int]) -> None:
    """A white spot anywhere in the picture is found where the box says."""
    from facetwise.images import fit

    width, height = shape
    for x, y in ((width // 2, height // 2), (width // 2 + 8, height // 2 - 6)):
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[y - 2 : y + 3, x - 2 : x + 3] = (0, 255, 0)
        seen = fit(Image.fromarray(pixels), size=96, mode=mode)[:, :, 1].astype(float)
        seen[fit(Image.fromarray(pixels), size=96, mode=mode)[:, :, 0] > 100] = 0  # the margin is white
        row, column = np.average(np.indices(seen.shape).reshape(2, -1), axis=1, weights=seen.reshape(-1))
        left, top, right, bottom = fitted_part(width, height, size=96, mode=mode)
        assert (left + (right - left) * (column + 0.5) / 96) * width == pytest.approx(x + 0.5, abs=0.6)
        assert (top + (bottom - top) * (row + 0.5) / 96) * height == pytest.approx(y + 0.5, abs=0.6)
