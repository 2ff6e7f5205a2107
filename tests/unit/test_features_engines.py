"""The engines: torch's numbers, bit-equal for every batch size, from several threads at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facetwise.errors import UnavailableError
from facetwise.features import Engine, OnnxEngine, TorchEngine, export_graph, extract, feature_key, plan_engine
from pictures import photographs
from tiny_backbone import TinyBackbone


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def on_onnx(cache: Path) -> Engine:
    return OnnxEngine(export_graph(TinyBackbone(), cache))


def on_torch(cache: Path) -> Engine:
    return TorchEngine(TinyBackbone(), device="cpu")


@pytest.fixture(params=[on_onnx, on_torch])
def engine(request: pytest.FixtureRequest, cache: Path) -> Engine:
    make: Callable[[Path], Engine] = request.param
    return make(cache)


PIXELS = np.random.default_rng(0).integers(0, 256, (70, 16, 16, 3), dtype=np.uint8)


def test_an_engine_gives_the_numbers_of_the_describer(engine: Engine) -> None:
    with torch.inference_mode():
        expected = TinyBackbone().describer()(torch.from_numpy(PIXELS)).numpy()
    found = engine(PIXELS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_row_is_bit_equal_in_any_company(engine: Engine) -> None:
    whole = engine(PIXELS)
    for size in (1, 2, 3, 8, 64):
        parts = [engine(PIXELS[start : start + size]) for start in range(0, len(PIXELS), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_several_threads_may_call_at_once(engine: Engine) -> None:
    whole = engine(PIXELS)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda index: engine(PIXELS[index : index + 1]), range(len(PIXELS))))
    assert np.concatenate(rows).tobytes() == whole.tobytes()


def test_a_blank_picture_has_no_deviation(engine: Engine) -> None:
    row = engine(np.full((1, 16, 16, 3), 200, dtype=np.uint8))[0]
    np.testing.assert_allclose(row[4:8], 0, atol=1e-6)
    assert np.isfinite(row).all()


def test_names_tell_engines_apart(tmp_path: Path) -> None:
    plans = [plan_engine(TinyBackbone(), cache=tmp_path, device=device) for device in ("cpu", "torch:cpu", "cuda:0")]
    assert len({plan.name for plan in plans}) == 3
    keys = [feature_key(TinyBackbone(), plan, draft=False) for plan in plans]
    assert keys[0]["engine"] != keys[1]["engine"]
    assert isinstance(on_torch(tmp_path), Engine)
    assert on_torch(tmp_path).name == plans[1].name


def test_torch_can_be_asked_for(tmp_path: Path, cache: Path) -> None:
    paths = photographs(tmp_path / "photos", 5)
    ours = extract(paths, backbone=TinyBackbone(), cache=cache, device="cpu")
    theirs = extract(paths, backbone=TinyBackbone(), cache=cache, device="torch:cpu")
    assert ours.store.folder != theirs.store.folder
    np.testing.assert_allclose(ours.array(), theirs.array(), rtol=1e-4, atol=1e-4)


def test_a_graph_is_exported_once_and_tells_nothing_about_the_machine(cache: Path) -> None:
    path = export_graph(TinyBackbone(), cache)
    before = path.stat().st_mtime_ns
    assert export_graph(TinyBackbone(), cache) == path
    assert path.stat().st_mtime_ns == before
    assert str(Path.cwd()).encode() not in path.read_bytes()
    assert b"site-packages" not in path.read_bytes()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


class _Restless(nn.Module):
    """Gives other numbers at every call in torch, which no graph can."""

    calls = 0

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling():
            self.calls += 1
        return pixels.float().mean((1, 2)) + (100 if torch.compiler.is_compiling() else 0)


class _WronglyExported(TinyBackbone):
    def describer(self) -> nn.Module:
        return _Restless().eval()


def test_a_graph_that_computes_something_else_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="numbers of torch"):
        export_graph(_WronglyExported(weights="c" * 64), tmp_path)
    assert not list((tmp_path / "graphs").iterdir())
