"""Everything that waits, grows or lasts has a bound, and whoever meets it is told so (bars 21, 23, 25)."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from facetwise.errors import UserError
from facetwise.serving import Limits, Metrics, check_exposure, make_app
from made_served import Slow, asked, client_of, holder_of, picture, post, served, settled

ONE = picture(1)
SMALL = Limits(threads=1, batch=1, queue=3, deadline=0.5, upload=20_000, held=100_000, pictures=2, patience=0.4)


def test_a_full_queue_answers_429_at_once_and_recovers() -> None:
    model, limits = Slow(), Limits(threads=1, batch=1, queue=3)

    async def ask() -> None:
        async with client_of(holder_of(served(model)), limits=limits) as client:
            running = asyncio.create_task(post(client, [ONE]))
            await settled(lambda: model.batches == [1])
            waiting = [asyncio.create_task(post(client, [ONE])) for _ in range(3)]
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            refused = await asyncio.gather(*(post(client, [ONE]) for _ in range(20)))
            assert (time.perf_counter() - began) / 20 < 0.1
            for each in refused:
                assert (each.status_code, each.json()["error"]["code"]) == (429, "queue_full")
                assert int(each.headers["retry-after"]) >= 1
            model.go.set()
            assert [each.status_code for each in await asyncio.gather(running, *waiting)] == [200] * 4
            assert (await post(client, [ONE])).status_code == 200

    asyncio.run(ask())


def test_a_request_is_accepted_whole_or_not_at_all() -> None:
    model, limits = Slow(), Limits(threads=1, batch=1, queue=3)

    async def ask() -> None:
        async with client_of(holder_of(served(model)), limits=limits) as client:
            running = asyncio.create_task(post(client, [ONE]))
            await settled(lambda: model.batches == [1])
            waiting = asyncio.create_task(post(client, [ONE, ONE]))
            await asyncio.sleep(0.05)
            assert (await post(client, [ONE, ONE])).status_code == 429
            metrics = (await client.get("/metrics")).text
            assert "facetwise_queue_pictures 2\n" in metrics
            model.go.set()
            assert [each.status_code for each in await asyncio.gather(running, waiting)] == [200, 200]
        assert sum(model.batches) == 3

    asyncio.run(ask())


def test_who_is_not_answered_in_time_is_told_so() -> None:
    model = Slow()

    async def ask() -> None:
        async with client_of(holder_of(served(model)), limits=SMALL) as client:
            began = time.perf_counter()
            first = asyncio.create_task(post(client, [ONE]))
            late = await post(client, [ONE, ONE])
            assert 0.4 < time.perf_counter() - began < 2
            assert (late.status_code, late.json()["error"]["code"]) == (503, "deadline")
            assert int(late.headers["retry-after"]) >= 1
            assert (await first).status_code == 503
            assert "facetwise_queue_pictures 0\n" in (await client.get("/metrics")).text
            model.go.set()
            await settled(lambda: model.batches == [1])
            assert (await post(client, [ONE])).status_code == 200
        assert model.batches == [1, 1], "what nobody waited for was never begun"

    asyncio.run(ask())


def test_who_goes_away_frees_the_place() -> None:
    """Bar 22: a disconnect before execution."""
    model, metrics = Slow(), Metrics()

    async def ask() -> None:
        async with client_of(holder_of(served(model)), limits=Limits(threads=1, batch=1), metrics=metrics) as client:
            app = client._transport.app  # ty: ignore[unresolved-attribute]
            running = asyncio.create_task(post(client, [ONE]))
            await settled(lambda: model.batches == [1])
            gone = asyncio.Event()
            request = client.build_request("POST", "/v1/predict", **asked([ONE, ONE]))
            body = await request.aread()
            sent: list[Any] = []

            async def receive() -> Any:
                if not sent:
                    sent.append(1)
                    return {"type": "http.request", "body": body, "more_body": False}
                await gone.wait()
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                sent.append(message)

            scope = {
                "type": "http", "method": "POST", "path": "/v1/predict", "raw_path": b"/v1/predict", "scheme": "http",
                "query_string": b"", "root_path": "", "http_version": "1.1", "asgi": {"version": "3.0"},
                "headers": [(key.lower(), value) for key, value in request.headers.raw],
                "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
            }  # fmt: skip
            leaving = asyncio.create_task(app(scope, receive, send))
            for _ in range(200):
                if "facetwise_queue_pictures 2\n" in (await client.get("/metrics")).text:
                    break
                await asyncio.sleep(0.01)
            else:
                raise AssertionError(f"it never waited: {sent}")
            gone.set()
            await leaving
            assert "facetwise_queue_pictures 0\n" in (await client.get("/metrics")).text
            assert metrics.value("facetwise_cancelled_total") == 1
            model.go.set()
            assert (await running).status_code == 200
        assert model.batches == [1]

    asyncio.run(ask())


def _unread() -> AsyncIterator[bytes]:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("nothing of the body may be read")
        yield b""

    return body()


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-length": str(10 * 2**30)}, 413, "too_large"),
        ({"content-length": "9" * 400}, 413, "too_large"),
        ({"content-encoding": "gzip", "content-length": "9"}, 415, "content_encoding"),
        ({"host": "evil.example", "content-length": "9"}, 421, "host"),
        ({"host": "a b", "content-length": "9"}, 400, "host"),
        ({"origin": "http://evil.example", "content-length": "9"}, 403, "origin"),
        ({"content-length": "9"}, 401, "token"),
        ({"content-length": "9", "authorization": "Bearer wrong"}, 401, "token"),
        ({"content-length": "9", "authorization": "Basic " + "t" * 20}, 401, "token"),
        ({"content-length": "9", "authorization": "Bearer " + "t" * 19}, 401, "token"),
        ({"content-length": "9", "authorization": "Bearer " + "\u00fc" * 20}, 401, "token"),
    ],
    ids=str,
)
def test_refused_before_anything_is_read(headers: dict[str, str], status: int, code: str) -> None:
    async def ask() -> httpx.Response:
        async with client_of(holder_of(), limits=SMALL, token="t" * 20, hosts={"127.0.0.1"}) as client:
            raw = {key: value.encode("latin-1") for key, value in {"authorization": "Bearer " + "t" * 20}.items()}
            if code == "token":
                raw = {}
            own = [*raw.items(), *((key, value.encode("latin-1")) for key, value in headers.items())]
            return await client.post("/v1/predict", content=_unread(), headers=own)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_body_is_cut_at_the_limit() -> None:
    """A client that does not say how much it sends."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b"x" * 1000

    async def ask() -> httpx.Response:
        async with client_of(holder_of(), limits=SMALL) as client:
            kind = {"content-type": "multipart/form-data; boundary=x"}
            return await client.post("/v1/predict", content=endless(), headers=kind)

    answer = asyncio.run(ask())
    assert answer.status_code in (400, 413)
    assert sent <= SMALL.upload + 2000


def test_a_slow_body_ends() -> None:
    async def slow() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.05)
            yield b" "

    async def ask() -> tuple[httpx.Response, float]:
        async with client_of(holder_of(), limits=SMALL) as client:
            began = time.perf_counter()
            kind = {"content-type": "application/json"}
            answer = await client.post("/v1/predict", content=slow(), headers=kind)
            return answer, time.perf_counter() - began

    answer, seconds = asyncio.run(ask())
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "slow")
    assert seconds < 2


@pytest.mark.parametrize("count", [3, 10_000])
def test_too_many_parts_are_refused(count: int) -> None:
    parts = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n.\r\n' for _ in range(count)
    )

    async def ask() -> httpx.Response:
        limits = Limits(threads=1, pictures=2)
        async with client_of(holder_of(), limits=limits) as client:
            kind = {"content-type": "multipart/form-data; boundary=x"}
            return await client.post("/v1/predict", content=parts + b"--x--\r\n", headers=kind)

    began = time.perf_counter()
    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_pictures")
    assert time.perf_counter() - began < 3


def test_uploads_together_have_a_bound() -> None:
    model = Slow()
    limits = Limits(threads=1, upload=20_000, held=20_000, queue=9)

    async def ask() -> None:
        async with client_of(holder_of(served(model)), limits=limits) as client:
            first = asyncio.create_task(post(client, [ONE] * 8))
            await settled(lambda: model.batches)
            answer = await post(client, [ONE] * 6)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "memory")
            assert "retry-after" in answer.headers
            model.go.set()
            assert (await first).status_code == 200
            assert (await post(client, [ONE] * 6)).status_code == 200

    asyncio.run(ask())


def test_what_anybody_may_ask_and_what_needs_the_token() -> None:
    async def ask() -> None:
        async with client_of(holder_of(), token="t" * 20, hosts=None) as client:
            for path in ("/", "/healthz", "/readyz"):
                assert (await client.get(path)).status_code == 200
            for path in ("/v1/schema", "/metrics", "/openapi.json", "/nothing"):
                assert (await client.get(path)).status_code == 401
            held = {"authorization": "bearer " + "t" * 20, "host": "any.example"}
            for path in ("/v1/schema", "/metrics", "/openapi.json"):
                answer = await client.get(path, headers=held)
                assert answer.status_code == 200
                assert "access-control-allow-origin" not in answer.headers
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "default-src 'none'" in answer.headers["content-security-policy"]

    asyncio.run(ask())


def test_ready_only_once_it_is_warm() -> None:
    async def ask() -> None:
        holder = holder_of()
        app = make_app(holder, limits=Limits(threads=1))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/healthz")).status_code == 200
            for answer in (await client.get("/readyz"), await post(client, [ONE])):
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
                assert "retry-after" in answer.headers

    asyncio.run(ask())


def test_the_log_has_ids_and_no_picture(caplog: pytest.LogCaptureFixture) -> None:
    secret = b"SECRET-IN-THE-PICTURE"
    name = "/v1/%1b[2Jpredict"

    async def ask() -> None:
        async with client_of(holder_of()) as client:
            with caplog.at_level(logging.INFO, logger="facetwise.serving"):
                answer = await post(client, [ONE + secret, secret])
                assert answer.headers["x-request-id"]
                await client.get("/healthz", headers={"x-request-id": "mine-1"})
                await client.get("/healthz", headers={"x-request-id": "<script>"})
                await client.get(name)

    asyncio.run(ask())
    told = [getattr(record, "told", {}) for record in caplog.records]
    text = json.dumps(told)
    assert "SECRET" not in text
    assert "\x1b" not in text
    assert [each["status"] for each in told] == [200, 200, 200, 404]
    assert told[0]["pictures"] == 2
    assert told[1]["id"] == "mine-1"
    assert told[2]["id"] != "<script>"


def test_beyond_this_machine_a_token_is_needed() -> None:
    check_exposure("127.0.0.1", None, insecure=False)
    everywhere = "0.0.0.0"  # noqa: S104
    check_exposure(everywhere, "t" * 20, insecure=False)
    check_exposure(everywhere, None, insecure=True)
    with pytest.raises(UserError, match="--token-file"):
        check_exposure(everywhere, None, insecure=False)
    with pytest.raises(UserError, match="at least 16"):
        check_exposure("127.0.0.1", "short", insecure=False)
    with pytest.raises(UserError, match="queue"):
        Limits(queue=0)
    assert Limits().most_threads >= 1
