"""The server's answers are those of `facetwise predict`, in any company, and a bad picture fails alone."""

import asyncio
import base64
import json
from typing import Any

import httpx
import numpy as np
import pytest

from facetwise.decisions import ABSTAINED
from facetwise.inference.exporting import BATCHES
from facetwise.schema import NOT_APPLICABLE, UNKNOWN, VALUE, Kind
from facetwise.serving import Limits
from made_served import Slow, client_of, holder_of, picture, post, served

PICTURES = [picture(n) for n in range(7)]
STATES = {"value": VALUE, "abstained": ABSTAINED, "not_applicable": NOT_APPLICABLE}


def _ask(pictures: list[bytes], limits: Limits | None = None, **fields: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with client_of(holder_of(), limits=limits) as client:
            return await post(client, pictures, **fields)

    return asyncio.run(ask())


def _cells(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [row["cells"] for row in answer.json()["rows"]]


def test_the_rows_are_those_of_the_file() -> None:
    model = served().model
    expected = model(PICTURES, sets=True)
    found = _cells(_ask(PICTURES, Limits(threads=2, batch=3), sets="true"))
    states = set()
    for one, two in zip(expected, found, strict=True):
        for attribute in model.schema.attributes:
            a, b = one[attribute.column], two[attribute.column]
            states.add(a.state)
            assert (a.state, list(a.set) if a.set is not None else None) == (b["state"], b["set"])
            assert a.value == (pytest.approx(b["value"], rel=1e-4) if isinstance(a.value, float) else b["value"])
            assert a.confidence == pytest.approx(b["confidence"], abs=1e-5)
    assert states == set(STATES), "the pictures show every state"


def _scores(answer: httpx.Response) -> np.ndarray:
    return np.array([[x for cell in cells.values() for x in (*cell["scores"], cell["applies"])]
                     for cells in _cells(answer)])  # fmt: skip


def test_company_changes_nothing() -> None:
    """Bar 22: alone, in any batch, beside a broken one, and beside one of which something is known."""
    alone = np.concatenate([_scores(_ask([each], scores="true")) for each in PICTURES])
    scale = np.maximum(1.0, np.abs(alone))
    for size in BATCHES:
        together = _scores(_ask(PICTURES, Limits(threads=1, batch=size), scores="true"))
        assert (np.abs(together - alone) / scale).max() <= 1e-5
    single = _scores(_ask(PICTURES, Limits(threads=2, batch=1), scores="true"))
    np.testing.assert_array_equal(single, alone)

    async def mixed() -> tuple[httpx.Response, httpx.Response]:
        schema = served().schema
        column = schema.category or schema.attributes[0].column
        known = json.dumps({column: schema.attribute(column).classes[0]})
        async with client_of(holder_of(), limits=Limits(threads=1, batch=8, delay=0.02)) as client:
            one, two = await asyncio.gather(post(client, PICTURES[:1], known=known),
                                            post(client, PICTURES[1:2], scores="true"))  # fmt: skip
        return one, two

    known, plain = asyncio.run(mixed())
    assert (np.abs(_scores(plain) - alone[1:2]) / scale[1:2]).max() <= 1e-5
    assert any(cell["given"] for cell in _cells(known)[0].values())
    assert all("given" not in cell for cell in _cells(plain)[0].values())


def test_a_bad_picture_fails_alone() -> None:
    bad = PICTURES[2][: len(PICTURES[2]) // 2]
    answer = _ask([PICTURES[0], bad, b"", PICTURES[1]])
    rows = answer.json()["rows"]
    assert answer.status_code == 200
    assert [row["issue"] and row["issue"]["reason"] for row in rows] == [None, "truncated", "empty", None]
    assert rows[1]["cells"] is None
    good = _ask([PICTURES[0], PICTURES[1]]).json()["rows"]
    assert [rows[0]["cells"], rows[3]["cells"]] == [row["cells"] for row in good]


def test_where_no_picture_can_be_read_the_request_fails_and_says_why() -> None:
    from zlib import crc32

    answer = _ask([b"no picture"])
    assert answer.status_code == 422
    assert answer.json()["rows"][0]["issue"]["reason"] == "not_an_image"
    head = b"IHDR" + (30000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + head + crc32(head).to_bytes(4, "big")
    answer = _ask([bomb + b"\0\0\0\0IDAT"])
    assert (answer.status_code, answer.json()["rows"][0]["issue"]["reason"]) == (413, "too_large")


def test_json_and_forms_are_answered_alike() -> None:
    images = [{"data": base64.b64encode(each).decode(), "name": f"{n}.png"} for n, each in enumerate(PICTURES[:2])]

    async def ask() -> tuple[httpx.Response, httpx.Response]:
        async with client_of(holder_of()) as client:
            return (await client.post("/v1/predict", json={"images": images}), await post(client, PICTURES[:2]))

    one, two = asyncio.run(ask())
    assert one.json()["rows"] == two.json()["rows"]
    assert one.json()["request_id"] == one.headers["x-request-id"] != two.headers["x-request-id"]


def _known_of_every_kind() -> dict[str, Any]:
    known: dict[str, Any] = {}
    for attribute in served().schema.attributes:
        if attribute.kind is Kind.NUMERIC:
            known[attribute.column] = 12.5
        elif attribute.kind is Kind.MULTILABEL:
            known[attribute.column] = list(attribute.classes[:1])
        elif attribute.parent is None:
            known[attribute.column] = attribute.classes[-1]
    return known


def test_known_cells_are_believed() -> None:
    for column, value in _known_of_every_kind().items():
        [cells] = _cells(_ask(PICTURES[:1], known=json.dumps({column: value})))
        assert cells[column]["value"] == value
        assert cells[column]["state"] == "value"
        assert cells[column]["given"] in ("known", "contradicted")
    schema = served().schema
    category = schema.category
    assert category is not None
    name = schema.attribute(category).classes[1]
    [one], [two] = (_cells(_ask(PICTURES[:1], **{key: value}))
                    for key, value in (("category", name), ("known", json.dumps({category: name}))))  # fmt: skip
    assert one == two
    for attribute in schema.attributes:
        applies = attribute.applicability(name)
        if applies is not None and attribute.applies_to is not None:
            assert (one[attribute.column]["state"] != "not_applicable") is applies


def test_unknown_and_not_applicable_are_told_in_the_tables_words() -> None:
    schema = served().schema
    column = next(a.column for a in schema.attributes if a.own_applicability)
    [cells] = _cells(_ask(PICTURES[:1], known=json.dumps({column: schema.not_applicable[0]})))
    assert cells[column]["state"] == "not_applicable"
    [cells] = _cells(_ask(PICTURES[:1], known=json.dumps({column: None})))
    assert cells[column]["given"] is None
    assert UNKNOWN == 0


def test_everything_wrong_is_said_at_once() -> None:
    schema = served().schema
    column = schema.attributes[0].column
    answer = _ask(PICTURES[:1], known=json.dumps({column: "no such class", "no such column": "x"}))
    assert answer.status_code == 422
    complaints = answer.json()["error"]["complaints"]
    assert [each["column"] for each in complaints] == [column, "no such column"]
    assert all(each["rule"] and each["found"] and each["fix"] for each in complaints)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"x"}, 415),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 400),
        ({"json": {}}, 422),
        ({"json": {"images": []}}, 422),
        ({"json": {"images": [{"data": "AA==", "url": "http://127.0.0.1/"}]}}, 422),
        ({"json": {"images": [{"data": "not base64!"}]}}, 422),
        ({"json": {"images": [{"data": "AA=="}], "evidence": 11}}, 422),
        ({"data": {"known": "{}"}, "files": [("other", ("a", b"x"))]}, 422),
        ({"data": {"known": "{}"}}, 415),
        ({"data": {"known": "{"}, "files": [("images", ("a", b"x"))]}, 422),
        ({"data": {"surprise": "1"}, "files": [("images", ("a", b"x"))]}, 422),
        ({"content": b"--x\r\n\r\n", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"\xff" * 50, "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"content": b"", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 422),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_request_is_a_reason(arguments: dict[str, Any], status: int) -> None:
    async def ask() -> httpx.Response:
        async with client_of(holder_of()) as client:
            return await client.post("/v1/predict", **arguments)

    answer = asyncio.run(ask())
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


def test_evidence_is_what_photos_that_look_alike_say() -> None:
    [cells] = _cells(_ask(PICTURES[:1], evidence="3"))
    shares = served().model.facts.shares
    for attribute in served().schema.attributes:
        told = cells[attribute.column].get("votes")
        assert (told is not None) == (attribute.id in shares and attribute.kind is not Kind.NUMERIC)
        if told:
            assert [each["share"] for each in told] == sorted((each["share"] for each in told), reverse=True)
            assert {each["class"] for each in told} <= set(attribute.classes)


def test_a_run_shows_the_training_photos_themselves() -> None:
    from dataclasses import replace

    from made_export import made_predictor

    trained = np.random.default_rng(1).normal(0, 1, (150, 36)).astype(np.float32)
    predictor, _ = made_predictor((8, 12, 16), features=trained)
    own = replace(served(), neighbours=predictor.bundle.neighbours)

    async def ask() -> httpx.Response:
        async with client_of(holder_of(own)) as client:
            return await post(client, PICTURES[:2], evidence="4")

    for row in asyncio.run(ask()).json()["rows"]:
        assert len(row["neighbours"]) == 4
        assert [each["cosine"] for each in row["neighbours"]] == sorted(
            (each["cosine"] for each in row["neighbours"]), reverse=True
        )


def test_one_picture_that_breaks_the_model_takes_no_other_with_it() -> None:
    import io

    from PIL import Image

    sink = io.BytesIO()
    Image.new("RGB", (20, 20)).save(sink, "PNG")
    model = Slow(held=False, fails_below=1.0)

    async def ask() -> list[httpx.Response]:
        async with client_of(holder_of(served(model)), limits=Limits(threads=1, batch=8, delay=0.05)) as client:
            found = await asyncio.gather(
                *(post(client, [data]) for data in (PICTURES[0], sink.getvalue(), PICTURES[1]))
            )
            return [*found, await post(client, PICTURES[:1])]

    one, broken, two, after = asyncio.run(ask())
    assert max(model.batches) == 3, "they were in one batch"
    assert (one.status_code, two.status_code, after.status_code) == (200, 200, 200)
    assert (broken.status_code, broken.json()["error"]["code"]) == (503, "model_failed")
    assert int(broken.headers["retry-after"]) >= 1
