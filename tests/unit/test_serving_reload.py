"""Another model takes the place of the old one only when it can answer."""

import asyncio
from pathlib import Path

from facetwise.serving import Holder, Limits, load_served
from facetwise.serving._run import _watched
from made_served import Slow, client_of, picture, post, served, write_model


def test_a_reload_that_fails_keeps_the_old_model(tmp_path: Path) -> None:
    path = write_model(tmp_path)

    async def ask() -> None:
        holder = Holder(lambda: load_served(path))
        async with client_of(holder, limits=Limits(threads=1)) as client:
            before = (await post(client, [picture()])).json()
            assert await holder.reload() == "same"
            whole = path.read_bytes()
            for broken in (whole[:5000], b"", None):
                path.unlink() if broken is None else path.write_bytes(broken)
                assert await holder.reload() == "failed"
                after = (await post(client, [picture()])).json()
                assert (after["model"], after["rows"]) == (before["model"], before["rows"])
                assert (await client.get("/readyz")).status_code == 200

    asyncio.run(ask())


def test_another_model_answers_from_then_on_and_what_waits_keeps_its_own() -> None:
    slow = Slow()
    found = [served(slow, digest="a" * 64), served(digest="b" * 64)]

    async def ask() -> None:
        holder = Holder(lambda: found.pop(0))
        async with client_of(holder, limits=Limits(threads=1, batch=4)) as client:
            old = [asyncio.create_task(post(client, [picture(n)])) for n in range(3)]
            while not slow.batches:
                await asyncio.sleep(0.01)
            assert await holder.reload() == "changed"
            new = asyncio.create_task(post(client, [picture()]))
            await asyncio.sleep(0.05)
            slow.go.set()
            assert {(await each).json()["model"] for each in old} == {"a" * 64}
            assert (await new).json()["model"] == "b" * 64
            assert (await client.get("/v1/schema")).json()["model"]["digest"] == "b" * 64

    asyncio.run(ask())


def test_a_file_that_changes_is_noticed_once_it_has_stopped_changing(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"one")
    seen: list[bytes] = []

    async def reload() -> None:
        seen.append(path.read_bytes())

    async def look() -> None:
        task = asyncio.create_task(_watched(path, 0.05, reload))
        await asyncio.sleep(0.12)
        assert seen == []
        path.write_bytes(b"another")
        await asyncio.sleep(0.3)
        assert seen == [b"another"]
        path.unlink()
        await asyncio.sleep(0.15)
        path.write_bytes(b"a third one")
        await asyncio.sleep(0.3)
        assert seen == [b"another", b"a third one"]
        task.cancel()

    asyncio.run(look())
