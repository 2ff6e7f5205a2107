"""Files of weights: refused, complained about, found; downloads only when asked for."""

import json
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from facetwise.errors import UnavailableError, UserError
from facetwise.models.backbones import Fetchable, create_backbone
from facetwise.models.backbones._weights import digest_of, read_weights
from made_backbones import made_hf_folder, saved

NAME = "timm:test_vit.r160_in1k"


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    timm = pytest.importorskip("timm")
    return timm.create_model("test_vit").state_dict()


@pytest.fixture
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights on this machine, and a network that fails the test."""
    import huggingface_hub

    def refuse(*_args: Any, **_keywords: Any) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path


class _Bomb:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


class TestReading:
    def test_a_file_that_would_run_code_is_refused(self, tmp_path: Path) -> None:
        canary = tmp_path / "canary"
        path = tmp_path / "weights.pth"
        torch.save({"a": torch.zeros(1), "b": _Bomb(canary)}, path)
        backbone = create_backbone(NAME, weights=str(path))
        with pytest.raises(UnavailableError, match="runs code while it is read"):
            backbone.describer()
        assert not canary.exists()

    @pytest.mark.parametrize(
        ("name", "content"),
        [("a.pth", b"no file of torch's"), ("a.safetensors", b"x" * 30), ("a.pth", b""), ("a.bin", b"PK\3\4")],
    )
    def test_damaged_files_are_named(self, tmp_path: Path, name: str, content: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UnavailableError, match=name):
            read_weights(path)

    @pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict", "teacher"])
    def test_what_training_programs_wrap_around_is_taken_off(self, tmp_path: Path, wrapper: str) -> None:
        path = tmp_path / "a.pt"
        torch.save({"epoch": 3, wrapper: {"module.a": torch.ones(2)}, "optimizer": {}}, path)
        assert torch.equal(read_weights(path)["a"], torch.ones(2))

    @pytest.mark.parametrize("content", [{"epoch": 3}, {}, [torch.ones(1)], {"a": torch.ones(1), "lr": 0.1}])
    def test_what_holds_no_tensors_is_refused(self, tmp_path: Path, content: Any) -> None:
        path = tmp_path / "a.pt"
        torch.save(content, path)
        with pytest.raises(UnavailableError, match=r"tensors only"):
            read_weights(path)

    def test_the_digest_is_of_the_bytes(self, tmp_path: Path) -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        one.write_bytes(b"")
        two.write_bytes(b"x")
        assert digest_of([one]).startswith("e3b0c442")
        assert len({digest_of([one]), digest_of([two]), digest_of([one, two]), digest_of([two, one])}) == 4


class TestLoading:
    def test_missing_unknown_and_misshapen_tensors_are_named_together(
        self, tmp_path: Path, state: dict[str, torch.Tensor]
    ) -> None:
        del state["blocks.0.attn.qkv.weight"]
        state["stranger.weight"] = torch.zeros(1)
        state["norm.bias"] = torch.zeros(3)
        backbone = create_backbone(NAME, weights=saved(state, tmp_path / "a.safetensors"))
        with pytest.raises(UnavailableError) as caught:
            backbone.describer()
        for part in ("missing: blocks.0.attn.qkv.weight", "unknown: stranger.weight", "norm.bias (3,) for (64,)"):
            assert part in str(caught.value)

    def test_another_networks_weights_are_refused(self, tmp_path: Path) -> None:
        timm = pytest.importorskip("timm")
        weights = saved(timm.create_model("test_resnet").state_dict(), tmp_path / "a.safetensors")
        with pytest.raises(UnavailableError, match=r"missing: .* and \d+ more; unknown: .* and \d+ more"):
            create_backbone(NAME, weights=weights).describer()

    def test_a_bias_that_the_network_has_no_place_for_is_not_dropped(self, tmp_path: Path) -> None:
        """timm drops DINOv3's bias in silence where the network is made without."""
        timm = pytest.importorskip("timm")
        state = timm.create_model("vit_small_patch16_dinov3", num_classes=0).state_dict()
        state["storage_tokens"] = state.pop("reg_token")
        state = {name.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma"): v for name, v in state.items()}
        bias = torch.zeros(3 * 384)
        bias[384:768] = 7  # of the keys: the published files mask it
        state |= {f"blocks.{n}.attn.qkv.bias": bias.clone() for n in range(12)}
        path = tmp_path / "zero.pth"
        torch.save(state, path)
        create_backbone("timm:vit_small_patch16_dinov3", weights=str(path)).describer()
        state["blocks.3.attn.qkv.bias"][0] = 1
        torch.save(state, path)
        with pytest.raises(UnavailableError, match="_qkvb"):
            create_backbone("timm:vit_small_patch16_dinov3", weights=str(path)).describer()

    def test_of_transformers_too(self, tmp_path: Path) -> None:
        pytest.importorskip("transformers")
        from safetensors.torch import load_file

        made_hf_folder("dinov3_vit", tmp_path)
        state = load_file(tmp_path / "model.safetensors")
        del state["layer.0.mlp.up_proj.weight"]
        state["stranger"] = torch.zeros(1)
        state["norm.bias"] = torch.zeros(3)
        weights = saved(state, tmp_path / "other.safetensors")
        with pytest.raises(UnavailableError) as caught:
            create_backbone(f"hf:{tmp_path}", weights=weights).describer()
        for part in ("mlp.up_proj.weight", "unknown: stranger", "of another shape: norm.bias"):
            assert part in str(caught.value)

    def test_sharded_files_are_one_network(self, tmp_path: Path) -> None:
        pytest.importorskip("transformers")
        theirs = made_hf_folder("dinov2", tmp_path)
        whole = create_backbone(f"hf:{tmp_path}").describer().state_dict()
        (tmp_path / "model.safetensors").unlink()
        theirs.save_pretrained(tmp_path, max_shard_size="8KB")
        backbone = create_backbone(f"hf:{tmp_path}")
        assert isinstance(backbone, Fetchable)
        assert len(backbone.files()) > 1
        again = backbone.describer().state_dict()
        assert all(torch.equal(whole[name], again[name]) for name in whole)

    def test_code_beside_the_weights_is_not_run(self, tmp_path: Path) -> None:
        """A repository can name code of its own in config.json; transformers runs it where it is trusted."""
        pytest.importorskip("transformers")
        made_hf_folder("dinov2", tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        config["auto_map"] = {"AutoConfig": "own.Own", "AutoModel": "own.Own"}
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\nclass Own: pass\n")
        create_backbone(f"hf:{tmp_path}").describer()
        assert not (tmp_path / "canary").exists()

    def test_random_weights_are_everybodys_and_leave_the_generator_alone(self) -> None:
        torch.manual_seed(5)
        before = torch.get_rng_state()
        one = create_backbone(NAME, weights="random")
        rows = [create_backbone(NAME, weights="random").describer().state_dict() for _ in range(2)]
        assert all(torch.equal(rows[0][name], rows[1][name]) for name in rows[0])
        assert one.weights_digest() != create_backbone("timm:test_vit2", weights="random").weights_digest()
        assert torch.equal(before, torch.get_rng_state())

    def test_a_missing_file_is_said_when_it_is_needed(self, tmp_path: Path) -> None:
        backbone = create_backbone(NAME, weights=str(tmp_path / "none.pth"))
        with pytest.raises(UserError, match=r"none\.pth"):
            backbone.weights_digest()


class TestNothingHere:
    @pytest.mark.parametrize("name", [NAME, "dinov2-base", "hf:facebook/dinov2-base", "ViT-B-32"])
    def test_the_message_says_how_to_get_it(self, empty_caches: Path, name: str) -> None:
        if name == "ViT-B-32":
            pytest.importorskip("open_clip")
        backbone = create_backbone(name)
        with pytest.raises(UnavailableError) as caught:
            backbone.weights_digest()
        said = str(caught.value)
        for part in (
            str(empty_caches / "hub"),
            "HF_HOME",
            "TORCH_HOME",
            f"facetwise backbones --fetch {backbone.name}",
        ):
            assert part in said
        assert "http" not in said

    @pytest.mark.usefixtures("empty_caches")
    def test_a_network_without_published_weights(self) -> None:
        with pytest.raises(UnavailableError, match=r"weights=FILE, or weights=random"):
            create_backbone("alexnet-mtl").weights_digest()

    def test_a_file_in_the_hubs_cache_is_found(self, empty_caches: Path, state: dict[str, torch.Tensor]) -> None:
        repository = empty_caches / "hub" / "models--timm--test_vit.r160_in1k"
        snapshot = repository / "snapshots" / "0123"
        snapshot.mkdir(parents=True)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("0123")
        saved(state, snapshot / "model.safetensors")
        backbone = create_backbone(NAME)
        assert isinstance(backbone, Fetchable)
        assert backbone.files() == [snapshot / "model.safetensors"]
        assert backbone.weights_digest() == digest_of(backbone.files())
        backbone.describer()

    def test_a_file_that_torch_has_downloaded_is_found(self, empty_caches: Path) -> None:
        folder = empty_caches / "torch" / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        (folder / "dinov2_vits14_pretrain.pth").write_bytes(b"x")
        backbone = create_backbone("dinov2_vits14")
        assert isinstance(backbone, Fetchable)
        assert backbone.files() == [folder / "dinov2_vits14_pretrain.pth"]


class TestFetching:
    @pytest.fixture
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        """A hub that answers from a dictionary: file name → error, or anything for a file."""
        import huggingface_hub

        answers: dict[str, Any] = {}

        def answer(repository: str, name: str, revision: str | None = None) -> str:
            found = answers.get(name, huggingface_hub.errors.EntryNotFoundError("no such entry"))
            if isinstance(found, Exception):
                raise found
            path = tmp_path / repository.replace("/", "--") / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(found)
            return str(path)

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", answer)
        return answers

    def fetch(self, name: str) -> list[Path]:
        backbone = create_backbone(name)
        assert isinstance(backbone, Fetchable)
        return backbone.fetch()

    def test_the_better_file_first(self, hub: dict[str, Any]) -> None:
        hub["pytorch_model.bin"] = "x"
        assert [path.name for path in self.fetch(NAME)] == ["pytorch_model.bin"]
        hub["model.safetensors"] = "x"
        assert [path.name for path in self.fetch(NAME)] == ["model.safetensors"]

    def test_of_transformers_the_configuration_too_and_every_shard(self, hub: dict[str, Any], tmp_path: Path) -> None:
        hub["config.json"] = hub["preprocessor_config.json"] = "{}"
        hub["model.safetensors.index.json"] = '{"weight_map": {"a": "m-2.safetensors", "b": "m-1.safetensors"}}'
        hub["m-1.safetensors"] = hub["m-2.safetensors"] = "x"
        found = self.fetch("hf:facebook/dinov2-giant")
        assert [path.name for path in found] == ["m-1.safetensors", "m-2.safetensors"]
        assert (tmp_path / "facebook--dinov2-giant" / "preprocessor_config.json").is_file()

    def test_every_way_to_fail_has_a_way_out(self, hub: dict[str, Any]) -> None:
        from huggingface_hub import errors

        with pytest.raises(UnavailableError, match=r"Found none of them"):
            self.fetch(NAME)
        response: Any = SimpleNamespace(headers={}, request=None, status_code=403)
        for error, said in (
            (errors.GatedRepoError("gated", response=response), "licence that must be accepted"),
            (errors.RepositoryNotFoundError("none", response=response), "no such repository"),
            (errors.LocalEntryNotFoundError("offline"), "no way there"),
            (errors.OfflineModeIsEnabled("offline"), "no way there"),
            (errors.HfHubHTTPError("broken", response=response), "no way there"),
        ):
            hub["model.safetensors"] = error
            with pytest.raises(UnavailableError, match=said) as caught:
                self.fetch(NAME)
            assert "http" not in str(caught.value)
