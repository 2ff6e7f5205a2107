"""Extraction: each content once, whatever the order, the batch or the threads, and a reason for every bad picture."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facetwise.errors import UnavailableError, UserError
from facetwise.features import Extraction, OnnxEngine, available_cores, extract, graph_path
from facetwise.features import _extract as module
from facetwise.features._budget import Machine
from facetwise.images import decode, digest, fit
from pictures import encode, photograph, photographs
from tiny_backbone import TinyBackbone
from tiny_graphs import tiny_graphs


@pytest.fixture(scope="module")
def graphs() -> Path:
    """A cache that holds the graph of the tiny backbone, and nothing else."""
    return tiny_graphs()


@pytest.fixture
def cache(graphs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graphs, tmp_path / "cache"))


def run(paths: list[Path], cache: Path, **options: object) -> Extraction:
    return extract(paths, backbone=TinyBackbone(), cache=cache, device="cpu", **options)  # ty: ignore[invalid-argument-type]


def expected_rows(paths: list[Path]) -> np.ndarray:
    """Torch, one picture at a time."""
    import torch

    describer = TinyBackbone().describer()
    with torch.inference_mode():
        squares = [fit(decode(path.read_bytes()), size=16, mode="squash") for path in paths]
        return np.concatenate([describer(torch.from_numpy(square.copy())[None]).numpy() for square in squares])


def test_rows_are_those_of_torch(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 11)
    found = run(paths, cache)
    assert found.computed == 11
    assert not found.problems
    assert found.digests == [digest(path.read_bytes()) for path in paths]
    np.testing.assert_allclose(found.array(), expected_rows(paths), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.array([3, 1]), found.array()[[3, 1]])


def test_rows_do_not_depend_on_batch_workers_or_company(tmp_path: Path, cache: Path, graphs: Path) -> None:
    paths = photographs(tmp_path / "photos", 13)
    reference = run(paths, cache, batch_size=1, workers=1).array()
    for number, (batch_size, workers) in enumerate([(4, 3), (13, 1), (8, 8), (0, 0)]):
        other = Path(shutil.copytree(graphs, tmp_path / f"cache{number}"))
        backwards = run(paths[::-1], other, batch_size=batch_size, workers=workers)
        assert backwards.array()[::-1].tobytes() == reference.tobytes()


@pytest.mark.parametrize(("pictures", "workers", "together"), [(3, 3, {1}), (6, 3, {2}), (12, 2, {4})])
def test_few_pictures_are_dealt_to_all_threads(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, pictures: int, workers: int, together: set[int]
) -> None:
    """Four go to the CPU's engine together, but never more than a thread's share."""
    seen: list[int] = []
    describe = OnnxEngine.__call__

    def counted(engine: OnnxEngine, pixels: np.ndarray) -> np.ndarray:
        seen.append(len(pixels))
        return describe(engine, pixels)

    monkeypatch.setattr(OnnxEngine, "__call__", counted)
    run(photographs(tmp_path / "photos", pictures), cache, workers=workers)
    assert (set(seen), sum(seen)) == (together, pictures)


def test_only_what_is_missing_is_computed(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 10)
    assert run(paths[:6], cache).computed == 6
    second = run(paths, cache)
    assert second.computed == 4
    assert run(paths, cache).computed == 0
    np.testing.assert_allclose(second.array(), expected_rows(paths), rtol=1e-4, atol=1e-4)


def test_what_is_cached_needs_no_engine(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 3)
    run(paths, cache)
    shutil.rmtree(cache / "graphs")
    assert run(paths, cache).computed == 0
    assert not (cache / "graphs").exists()


def test_the_same_content_is_computed_once(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 2)
    copy = Path(shutil.copy(paths[0], tmp_path / "copy.jpg"))
    found = run([paths[0], copy, paths[1], paths[0]], cache, batch_size=2)
    assert found.computed == 2
    np.testing.assert_array_equal(found.array()[0], found.array()[1])
    np.testing.assert_array_equal(found.array()[0], found.array()[3])


def test_every_bad_picture_is_listed_and_the_good_ones_are_unchanged(tmp_path: Path, cache: Path, graphs: Path) -> None:
    cache_of_its_own = Path(shutil.copytree(graphs, tmp_path / "alone"))
    good = photographs(tmp_path / "photos", 5)
    text, twin, cut = tmp_path / "page.jpg", tmp_path / "twin.jpg", tmp_path / "cut.jpg"
    text.write_text("<html>404</html>")
    shutil.copy(text, twin)
    cut.write_bytes(good[0].read_bytes()[:-40])
    (tmp_path / "empty.jpg").touch()
    bad = [tmp_path / "absent.jpg", text, tmp_path, twin, cut, tmp_path / "empty.jpg"]
    mixed = [good[0], bad[0], good[1], bad[1], bad[2], good[2], bad[3], good[3], bad[4], bad[5], good[4]]
    for _ in range(2):  # Again with a filled cache: the same list.
        found = run(mixed, cache, batch_size=2)
        reasons = {position: problem.reason for position, problem in found.problems.items()}
        assert reasons == {
            1: "missing", 3: "not_an_image", 4: "not_a_file", 6: "not_an_image", 8: "truncated", 9: "empty",
        }  # fmt: skip
        assert [digest is None for digest in found.digests] == [position in reasons for position in range(11)]
        assert found.positions() == [0, 2, 5, 7, 10]
    np.testing.assert_array_equal(found.array(), run(good, cache_of_its_own).array())
    with pytest.raises(UserError, match=r"picture 1 has no features \(missing\)"):
        found.array([0, 1])


def test_nothing_but_bad_pictures_and_no_pictures_at_all(tmp_path: Path, cache: Path) -> None:
    found = run([tmp_path / "absent.jpg"] * 3, cache)
    assert len(found.problems) == 3
    assert found.array().shape == (0, 36)
    assert run([], cache).array().shape == (0, 36)


def test_progress_rises_to_the_total_in_the_callers_thread(tmp_path: Path, cache: Path) -> None:
    paths = [*photographs(tmp_path / "photos", 9), tmp_path / "absent.jpg"]
    seen: list[tuple[int, int]] = []
    threads: set[int] = set()

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        threads.add(threading.get_ident())

    run(paths, cache, batch_size=4, progress=progress)
    assert seen[-1] == (10, 10)
    assert seen == sorted(seen)
    assert threads == {threading.get_ident()}


def test_an_interrupted_run_keeps_what_it_has_computed(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 40)

    def interrupt(done: int, total: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        run(paths, cache, batch_size=4, workers=3, progress=interrupt)
    assert threading.active_count() == before
    again = run(paths, cache)
    assert 0 < again.computed <= 28
    np.testing.assert_allclose(again.array(), expected_rows(paths), rtol=1e-4, atol=1e-4)


def test_what_breaks_in_a_thread_is_raised_and_nothing_hangs(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = photographs(tmp_path / "photos", 30)
    calls: list[int] = []

    def run_badly(self: OnnxEngine, pixels: np.ndarray) -> np.ndarray:
        calls.append(len(pixels))
        if len(calls) == 3:
            raise ZeroDivisionError("the engine broke")
        return np.zeros((len(pixels), 36), np.float32)

    monkeypatch.setattr(OnnxEngine, "__call__", run_badly)
    with pytest.raises(ZeroDivisionError, match="the engine broke"):
        run(paths, cache, batch_size=2, workers=4)


def test_memory_is_bounded_while_the_writer_is_slow(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers stop when nobody takes their rows: with a slow consumer, few batches are on their way."""
    paths = photographs(tmp_path / "photos", 60, width=16, height=16)
    produced: list[int] = []
    plain: Callable[[OnnxEngine, np.ndarray], np.ndarray] = OnnxEngine.__call__

    def counted(self: OnnxEngine, pixels: np.ndarray) -> np.ndarray:
        produced.append(len(pixels))
        return plain(self, pixels)

    monkeypatch.setattr(OnnxEngine, "__call__", counted)
    ahead: list[int] = []

    def slow(done: int, total: int) -> None:
        if done == 1:
            time.sleep(0.3)
        ahead.append(sum(produced) - done)

    run(paths, cache, batch_size=1, workers=2, progress=slow)
    assert max(ahead) <= 4 * 2 + 2 + 2


def test_shards_are_flushed_on_the_way(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHARD_ROWS", 8)
    found = run(photographs(tmp_path / "photos", 20), cache, batch_size=4)
    assert found.computed == 20
    assert len(list((found.store.folder / "shards").iterdir())) == 3


def test_every_fit_and_draft_has_rows_of_its_own(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 2, width=256, height=128)
    plain = run(paths, cache)
    draft = run(paths, cache, draft=True)
    padded = extract(paths, backbone=TinyBackbone(fit="pad"), cache=cache, device="cpu")
    assert len({plain.store.folder, draft.store.folder, padded.store.folder}) == 3
    assert not np.array_equal(plain.array(), draft.array())
    assert not np.array_equal(plain.array(), padded.array())


def test_other_weights_have_rows_and_a_graph_of_their_own(tmp_path: Path, cache: Path) -> None:
    assert graph_path(TinyBackbone(weights="b" * 64), cache) != graph_path(TinyBackbone(), cache)
    assert graph_path(TinyBackbone(fit="pad"), cache) == graph_path(TinyBackbone(), cache)


@pytest.mark.parametrize("option", ["workers", "batch_size"])
def test_impossible_numbers_are_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(UserError, match=f"`{option}` should be at least 1"):
        run([], tmp_path, **{option: -1})


def test_a_device_that_is_not_there_is_told_so(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 1)
    with pytest.raises(UnavailableError, match="`device`"):
        extract(paths, backbone=TinyBackbone(), cache=cache, device="abacus")


def test_there_is_a_core() -> None:
    assert available_cores() >= 1


def test_orientation_does_not_change_the_features(tmp_path: Path, cache: Path) -> None:
    from PIL import Image

    from pictures import UNDO_TURN

    upright = photograph(7)
    paths = []
    for orientation, turn in UNDO_TURN.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"{orientation}.png"
        path.write_bytes(encode(upright if turn is None else upright.transpose(turn), "PNG", exif=exif))
        paths.append(path)
    rows = run(paths, cache).array()
    np.testing.assert_array_equal(rows, np.repeat(rows[:1], len(rows), axis=0))


def test_a_short_disk_is_said_before_the_first_picture_and_not_of_what_is_there(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = photographs(tmp_path / "photos", 3)
    monkeypatch.setattr(module, "measure_machine", lambda _: Machine(memory=None, available=None, disk=0))
    said: list[str] = []
    assert run(paths, cache, warn=said.append, progress=lambda *_: said.append("progress")).computed == 3
    assert "FACETWISE_CACHE" in said[0]
    assert set(said[1:]) == {"progress"}
    again: list[str] = []
    assert run(paths, cache, warn=again.append).computed == 0
    assert again == []
    monkeypatch.setattr(module, "measure_machine", lambda _: Machine(memory=100, available=None, disk=None))
    with pytest.raises(UserError, match="fit into memory"):
        run(paths, cache)
