"""Every family of backbones against the library's own forward pass.

Tables: "timm:", "hf:", "open_clip:", "alexnet-mtl".
"""

import json
from pathlib import Path

import pytest
import torch

from facetwise.models.backbones import create_backbone
from made_backbones import (
    CLOSE,
    HF_KINDS,
    hooked,
    images_for,
    levels_of,
    made_hf_folder,
    made_open_clip_model,
    mean_and_deviation,
    pixels_for,
    randomised,
    saved,
)

timm = pytest.importorskip("timm")


class TestTimm:
    def test_a_transformer_is_what_its_blocks_give(self, tmp_path: Path) -> None:
        theirs = randomised(timm.create_model("test_vit", img_size=48))
        weights = saved(theirs.state_dict(), tmp_path / "vit.safetensors")  # with its classifier, which is left out
        backbone = create_backbone("timm:test_vit", weights=weights, size=48, depths=3)
        pixels = pixels_for(backbone)
        images = images_for(backbone, pixels)
        blocks = {f"block{n + 1}": block for n, block in enumerate(theirs.blocks)}
        states = hooked(blocks, lambda: theirs(images))
        found = levels_of(backbone, pixels)
        assert list(found) == ["block2", "block4", "last"]
        for level, block in (("block2", "block2"), ("block4", "block4"), ("last", "block6")):
            tokens = theirs.norm(states[block])
            torch.testing.assert_close(found[level], torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1), **CLOSE)
        with torch.no_grad():
            final = theirs.forward_features(images)
        torch.testing.assert_close(found["last"][:, :64], final[:, 0], **CLOSE)

    @pytest.mark.parametrize("tokens", ["cls", "mean"])
    def test_one_kind_of_token_is_a_part_of_both(self, tokens: str) -> None:
        options = {"weights": "random", "size": 32, "depths": 2}
        both = create_backbone("timm:test_vit", **options)
        one = create_backbone("timm:test_vit", tokens=tokens, **options)
        pixels = pixels_for(both)
        part = slice(0, 64) if tokens == "cls" else slice(64, 128)
        whole = levels_of(both, pixels)
        for level, row in levels_of(one, pixels).items():
            assert torch.equal(row, whole[level][:, part])

    def test_patch_tokens_come_row_by_row(self) -> None:
        options = {"weights": "random", "size": 32}
        backbone = create_backbone("timm:test_vit", patch_tokens=True, **options)
        mean = create_backbone("timm:test_vit", tokens="mean", depths=1, **options)
        [level] = backbone.levels
        assert (level.name, level.num_tokens, level.width) == ("tokens:4", 4, 4 * 64)
        pixels = pixels_for(backbone)
        tokens = levels_of(backbone, pixels)["tokens:4"].unflatten(1, (4, 64))
        torch.testing.assert_close(tokens.mean(1), levels_of(mean, pixels)["last"], **CLOSE)

    def test_a_network_without_class_token_pools_by_itself(self) -> None:
        name = "vit_base_patch16_siglip_224"
        theirs = randomised(timm.create_model(name, img_size=32, depth=2, embed_dim=24, num_heads=2, num_classes=0))
        # The real constructor is too large for a test; the class is the same.
        from facetwise.models.backbones._timm_network import TimmNetwork

        images = torch.randn(2, 3, 32, 32)
        with torch.no_grad():
            levels = TimmNetwork(theirs, tokens="cls+mean", depths=2, patch_tokens=False)(images)
            cls = TimmNetwork(theirs, tokens="cls", depths=2, patch_tokens=False)(images)
            pooled, patches = theirs(images), theirs.forward_features(images)
        assert {name: row.shape[1] for name, row in levels.items()} == {"block1": 24, "last": 48}
        torch.testing.assert_close(levels["last"], torch.cat([pooled, patches.mean(1)], 1), **CLOSE)
        assert list(cls) == ["last"]
        torch.testing.assert_close(cls["last"], pooled, **CLOSE)

    def test_a_residual_network_is_the_statistics_of_its_stages(self, tmp_path: Path) -> None:
        theirs = randomised(timm.create_model("resnet18"))
        weights = saved(theirs.state_dict(), tmp_path / "resnet.safetensors")
        backbone = create_backbone("resnet18", weights=weights, size=64)
        pixels = pixels_for(backbone)
        images = images_for(backbone, pixels)
        modules = {"stage1": theirs.act1, "stage2": theirs.layer1, "stage3": theirs.layer2, "stage4": theirs.layer3}
        maps = hooked({**modules, "last": theirs.layer4}, lambda: theirs(images))
        found = levels_of(backbone, pixels)
        assert list(found) == list(maps)
        for level in modules:
            torch.testing.assert_close(found[level], mean_and_deviation(maps[level]), **CLOSE)
        with torch.no_grad():
            pooled = theirs.forward_head(theirs.forward_features(images), pre_logits=True)
        torch.testing.assert_close(found["last"], torch.cat([pooled, maps["last"].amax((2, 3))], 1), **CLOSE)
        assert float(maps["stage2"].std()) > 0.1  # the numbers are not all the same

    @pytest.mark.slow
    def test_maps_with_channels_last_are_turned_around(self) -> None:
        """Swin keeps its maps as rows, columns, channels; its last norm makes the last map another one."""
        backbone = create_backbone("timm:swin_tiny_patch4_window7_224", weights="random", depths=1)
        describer = backbone.describer()
        pixels = pixels_for(backbone, 1)
        with torch.no_grad():
            final = describer.network.network.forward_features(images_for(backbone, pixels))  # rows, columns, channels
        found = levels_of(backbone, pixels)
        assert final.shape[1:] == (7, 7, 768)
        torch.testing.assert_close(found["last"], torch.cat([final.mean((1, 2)), final.amax((1, 2))], 1), **CLOSE)


class TestTransformers:
    @pytest.mark.parametrize("kind", HF_KINDS)
    def test_a_folder_gives_what_transformers_gives(self, tmp_path: Path, kind: str) -> None:
        pytest.importorskip("transformers")
        theirs = made_hf_folder(kind, tmp_path)
        backbone = create_backbone(f"hf:{tmp_path}", depths=2)
        pixels = pixels_for(backbone)
        with torch.no_grad():
            given = theirs(pixel_values=images_for(backbone, pixels), output_hidden_states=True)
        found = levels_of(backbone, pixels)
        if kind == "dinov3_convnext":
            assert list(found) == ["stage1", "stage2", "stage3", "last"]
            for n in (1, 2, 3):
                torch.testing.assert_close(found[f"stage{n}"], mean_and_deviation(given.hidden_states[n]), **CLOSE)
            wanted = torch.cat([given.pooler_output, given.hidden_states[4].amax((2, 3))], 1)
            torch.testing.assert_close(found["last"], wanted, **CLOSE)
            return
        registers = {"dinov2_with_registers": 4, "dinov3_vit": 4}.get(kind, 0)
        has_class = kind != "siglip_vision_model"
        last = given.last_hidden_state
        if kind == "clip_vision_model":
            last = theirs.post_layernorm(last)  # transformers normalises the class token only, and elsewhere
        patches = last[:, int(has_class) + registers :]
        wanted = torch.cat([given.pooler_output, patches.mean(1)], 1)
        torch.testing.assert_close(found["last"], wanted, **CLOSE)
        norm = next(getattr(theirs, n) for n in ("layernorm", "norm", "post_layernorm") if hasattr(theirs, n))
        middle = norm(given.hidden_states[2])
        parts = [middle[:, 0]] if has_class else []
        wanted = torch.cat([*parts, middle[:, int(has_class) + registers :].mean(1)], 1)
        torch.testing.assert_close(found["block2"], wanted, **CLOSE)

    def test_the_picture_tower_of_a_model_with_two(self, tmp_path: Path) -> None:
        transformers = pytest.importorskip("transformers")
        small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        config = transformers.CLIPConfig(
            text_config={**small, "vocab_size": 50}, vision_config={**small, "image_size": 32, "patch_size": 8}
        )
        theirs = randomised(transformers.CLIPModel(config))
        theirs.save_pretrained(tmp_path)
        pixels_config = {"size": 32, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(pixels_config), encoding="utf-8")
        backbone = create_backbone(f"hf:{tmp_path}", depths=1)
        pixels = pixels_for(backbone)
        with torch.no_grad():
            given = theirs.vision_model(pixel_values=images_for(backbone, pixels))
        torch.testing.assert_close(levels_of(backbone, pixels)["last"][:, :16], given.pooler_output, **CLOSE)

    @pytest.mark.parametrize("kind", ["dinov2", "dinov3_vit", "clip_vision_model", "siglip_vision_model"])
    def test_another_size_interpolates_as_transformers_does(self, tmp_path: Path, kind: str) -> None:
        pytest.importorskip("transformers")
        theirs = made_hf_folder(kind, tmp_path)
        backbone = create_backbone(f"hf:{tmp_path}", depths=1, size=48, tokens="cls")
        pixels = pixels_for(backbone)
        told = {"interpolate_pos_encoding": True} if hasattr(theirs, "post_layernorm") else {}
        with torch.no_grad():
            given = theirs(pixel_values=images_for(backbone, pixels), **told)
        torch.testing.assert_close(levels_of(backbone, pixels)["last"], given.pooler_output, **CLOSE)


class TestOpenClip:
    @pytest.mark.parametrize("layout", ["safetensors", "gcl"])
    def test_the_image_tower(self, tmp_path: Path, layout: str) -> None:
        pytest.importorskip("open_clip")
        theirs = made_open_clip_model(tmp_path)
        if layout == "gcl":
            weights = str(tmp_path / "gcl.pt")
            wrapped = {f"module.{name}": value for name, value in theirs.state_dict().items()}
            torch.save({"epoch": 3, "name": "gcl", "state_dict": wrapped, "optimizer": {"state": {}}}, weights)
        else:
            weights = saved(theirs.state_dict(), tmp_path / "open_clip_model.safetensors")
        backbone = create_backbone("open_clip:facetwise-tiny", weights=weights, depths=2)
        pixels = pixels_for(backbone)
        images = images_for(backbone, pixels)
        blocks = {"block2": theirs.visual.transformer.resblocks[1], "last": theirs.visual.transformer.resblocks[3]}
        states = hooked(blocks, lambda: theirs.encode_image(images))
        with torch.no_grad():
            own = theirs.encode_image(images)
        found = levels_of(backbone, pixels)
        for level, state in states.items():
            tokens = theirs.visual.ln_post(state)
            row = torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1)
            wanted = torch.cat([row, own], 1) if level == "last" else row
            torch.testing.assert_close(found[level], wanted, **CLOSE)

    def test_another_size_interpolates(self, tmp_path: Path) -> None:
        open_clip = pytest.importorskip("open_clip")
        theirs = made_open_clip_model(tmp_path)
        weights = saved(theirs.state_dict(), tmp_path / "open_clip_model.safetensors")
        larger = open_clip.create_model("facetwise-tiny", load_weights=False, force_image_size=48)
        open_clip.load_checkpoint(larger, weights)
        backbone = create_backbone("open_clip:facetwise-tiny", weights=weights, depths=1, size=48)
        pixels = pixels_for(backbone)
        with torch.no_grad():
            own = larger.eval().encode_image(images_for(backbone, pixels))
        torch.testing.assert_close(levels_of(backbone, pixels)["last"][:, -12:], own, **CLOSE)


class TestAlexNet:
    @pytest.mark.slow
    def test_with_weights_of_torchvision_it_is_torchvisions(self, tmp_path: Path) -> None:
        torchvision = pytest.importorskip("torchvision")
        theirs = torchvision.models.alexnet(weights=None).eval()
        weights = saved(theirs.state_dict(), tmp_path / "alexnet.safetensors")
        backbone = create_backbone("alexnet-mtl", weights=weights)
        assert (backbone.width, backbone.preprocessing.size) == (2 * (64 + 192 + 384 + 256 + 256) + 4096, 224)
        pixels = pixels_for(backbone, 1)
        images = images_for(backbone, pixels)
        with torch.no_grad():
            wanted = theirs.classifier[:6](theirs.avgpool(theirs.features(images)).flatten(1))
            first = theirs.features[:2](images)
        found = levels_of(backbone, pixels)
        torch.testing.assert_close(found["last"], wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))
        torch.testing.assert_close(found["stage1"], mean_and_deviation(first), **CLOSE)

    @pytest.mark.slow
    def test_small_pictures_are_read_too(self) -> None:
        """CNN-MTL's public code fails at 64 pixels: no padding, no pooling, 9,216 inputs."""
        backbone = create_backbone("alexnet-mtl", weights="random", size=64)
        rows = backbone.describer()(pixels_for(backbone, 2))
        assert rows.shape == (2, backbone.width)
