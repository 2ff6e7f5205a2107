"""Does this installation work? Each check tries the thing itself; a version number alone proves nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from facetwise.errors import UserError

__all__ = ["Finding", "check_installation"]

# What a native library raises when it meets another build than the one it was made for.
BROKEN_BUILD = (ImportError, OSError, RuntimeError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: its name, what was found, and what to do where it failed."""

    name: str
    found: str
    fix: str | None = None


def check_installation() -> list[Finding]:
    """All checks, in the order of what depends on what."""
    checks: list[Callable[[], Finding]] = [_torchvision, _accelerator, _engine, _weights, _cache]
    return [check() for check in checks]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _torchvision() -> Finding:
    found = f"{_version('torch')} and {_version('torchvision')}"
    try:
        # Its compiled operators are registered by this import, which is where builds that do not match fall out.
        import_module("torchvision")
    except BROKEN_BUILD as error:
        fix = f"they are not from matching builds ({error}). Install both in one command from one index"
        return Finding(name="torch, torchvision", found=found, fix=fix)
    return Finding(name="torch, torchvision", found=f"{found}, matching")


def _accelerator() -> Finding:
    try:
        cuda = import_module("torch").cuda
        found = cuda.get_device_name(0) if cuda.is_available() else "none; the processor does everything"
    except BROKEN_BUILD as error:
        fix = "reinstall torch, or check the driver"
        return Finding(name="GPU", found=f"torch cannot look ({error})", fix=fix)
    return Finding(name="GPU", found=found)


def _engine() -> Finding:
    found = _version("onnxruntime")
    try:
        helper, engine = import_module("onnx.helper"), import_module("onnxruntime")
        numpy: Any = import_module("numpy")
        shape = [helper.make_tensor_value_info(name, 1, [1]) for name in ("x", "y")]
        graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "check", shape[:1], shape[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        session = engine.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        answer: Any = session.run(None, {"x": numpy.ones(1, dtype=numpy.float32)})
    except BROKEN_BUILD as error:
        return Finding(name="ONNX Runtime", found=f"{found}: {error}", fix="reinstall onnx and onnxruntime")
    fix = None if answer[0][0] == -1 else "it computes wrong numbers; reinstall onnxruntime"
    return Finding(name="ONNX Runtime", found=f"{found}, runs", fix=fix)


def _weights() -> Finding:
    try:
        backbones = import_module("facetwise.models.backbones")
        name = import_module("facetwise.config").Config().backbone.name
        digest = backbones.create_backbone(name).weights_digest()
    except UserError as error:
        return Finding(name="weights", found="not usable", fix=str(error))
    except BROKEN_BUILD as error:
        return Finding(name="weights", found="not readable", fix=f"reinstall facetwise with its dependencies ({error})")
    return Finding(name="weights", found=f"{name}, digest {digest[:12]} as it should be")


def _cache() -> Finding:
    try:
        folder = import_module("facetwise.inference").cache_root()
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except BROKEN_BUILD as error:
        return Finding(name="feature cache", found=str(error), fix="make that folder writable")
    return Finding(name="feature cache", found=str(folder))
