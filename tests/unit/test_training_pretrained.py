"""A run given away: the same answers elsewhere, no name of a training picture, a card that is true, words offline."""

import json
import re
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest

import facetwise as fw
from facetwise.errors import BundleError, RunError, UnavailableError, UserError
from facetwise.reports import Carded, model_card
from facetwise.schema import Attribute, Kind, Schema
from made_shop import SHOP, draw_shop
from tiny_backbone import stand_in

EVIL = "a|b\n# `x` <script>alert(1)</script> [l](javascript:1)"


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch, tmp_path_factory.getbasetemp() / "shop-cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    draw_shop(folder / "shop")
    return folder


@pytest.fixture
def run(folder: Path) -> fw.Run:
    if not (folder / "run").exists():
        fw.train(folder / "shop" / "table.csv", out=folder / "run", **SHOP)
    return fw.load(folder / "run")


def test_it_answers_the_same_and_knows_no_picture_by_name(run: fw.Run, folder: Path, tmp_path: Path) -> None:
    where = run.save_pretrained(tmp_path / "given", name="me/shop", licence="mit")
    there = fw.from_pretrained(where)
    pictures = [folder / "shop" / f"{number:03d}.png" for number in range(12)]
    assert there.predict(pictures).rows == run.predict(pictures).rows
    assert there.metrics == run.metrics
    said = b"".join(path.read_bytes() for path in where.rglob("*") if path.is_file())
    assert str(folder).encode() not in said
    assert re.search(rb"\d{3}\.png", said) is None
    assert {path.suffix for path in where.rglob("*") if path.is_file()} == {".json", ".safetensors", ".yaml", ".md"}
    kept = run.save_pretrained(tmp_path / "with_names", evidence=True)
    assert fw.from_pretrained(kept).evidence(pictures[:1])[0][0].image.endswith(".png")
    with pytest.raises(RunError, match="or somewhere else"):
        there.prepared  # noqa: B018
    with pytest.raises(UserError, match="an empty or a new folder"):
        run.save_pretrained(where)


def test_a_changed_byte_is_refused(run: fw.Run, tmp_path: Path) -> None:
    where = run.save_pretrained(tmp_path / "given")
    heads = where / "bundle" / "heads.safetensors"
    raw = bytearray(heads.read_bytes())
    raw[-1] ^= 1
    heads.write_bytes(bytes(raw))
    with pytest.raises(BundleError, match="the digest differs"):
        fw.from_pretrained(where).bundle  # noqa: B018


def test_the_code_of_the_card_runs(run: fw.Run, folder: Path, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    where = run.save_pretrained(tmp_path / "given")
    card = (where / "README.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes((folder / "shop" / "003.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(code, {})  # noqa: S102  (our own card)
    row = run.predict([folder / "shop" / "003.png"]).rows[0]
    assert str(row["sort"].value) in capsys.readouterr().out


def test_the_card_says_what_was_measured(run: fw.Run, tmp_path: Path) -> None:
    card = (run.save_pretrained(tmp_path / "given", licence="mit") / "README.md").read_text(encoding="utf-8")
    found, floor = run.metrics["attributes"]["sort"], run.metrics["floors"]["majority"]["attributes"]["sort"]
    low, high = found["intervals"]["accuracy"]
    assert f"{found['accuracy']:.3f} ({low:.3f} to {high:.3f}), floor {floor['accuracy']:.3f}" in card
    assert all(f"| {attribute.column} |" in card for attribute in run.schema.attributes)
    assert "CC0-1.0" in card
    assert 'license: "mit"' in card
    assert run.bundle.data["content"][:16] in card


def test_names_from_a_table_are_inert_in_the_card(run: fw.Run) -> None:
    schema = Schema(
        images=("image",),
        attributes=(Attribute(column=EVIL, id="a00", kind=Kind.CATEGORICAL, classes=(EVIL + "1", EVIL + "2")),),
    )
    card = model_card(
        Carded(
            name=EVIL, schema=schema, metrics={**run.metrics, "attributes": {}}, backbone=run.bundle.backbone,
            model=run.bundle.model, data={}, facetwise="1", licence=EVIL, flags={EVIL: ("few",)}, evidence=False,
            neighbours=3,
        )
    )  # fmt: skip
    words = re.sub(r"```.*?```", "", card.split("---", 2)[2], flags=re.DOTALL)
    assert "<script" not in words
    assert re.search(r"(?<!\\)\]\(", words) is None
    front = card.split("---")[1]
    assert [line.split(":")[0] for line in front.strip().splitlines()] == [
        "library_name", "pipeline_tag", "tags", "license",
    ]  # fmt: skip
    [row] = [line for line in card.splitlines() if "categorical" in line and line.startswith("|")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_the_hub_is_asked_for_our_files_alone(run: fw.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    where = run.save_pretrained(tmp_path / "given")

    def fetched(repository: str, **options: Any) -> str:
        asked.update(options, repository=repository)
        return str(where)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    assert fw.from_pretrained("me/shop", revision="v1").schema == run.schema
    assert asked["repository"] == "me/shop"
    assert asked["revision"] == "v1"
    assert not [pattern for pattern in asked["allow_patterns"] if pattern in ("*", "**") or pattern.endswith(".bin")]


def test_what_is_pushed(run: fw.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []

    class Hub:
        def __init__(self, token: str | None = None) -> None:
            done.append(token)

        def create_repo(self, repository: str, **options: Any) -> None:
            done.append((repository, options))

        def upload_folder(self, *, repo_id: str, folder_path: Path, **_: Any) -> str:
            done.append(sorted(path.relative_to(folder_path).as_posix() for path in folder_path.rglob("*.*")))
            done.append(json.loads((folder_path / "run.json").read_text(encoding="utf-8"))["table"])
            return f"https://hub/{repo_id}"

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    assert run.push_to_hub("me/shop", token="t") == "https://hub/me/shop"  # noqa: S106
    assert done[:2] == ["t", ("me/shop", {"private": True, "exist_ok": True})]
    assert "bundle/bundle.json" in done[2]
    assert "README.md" in done[2]
    assert done[3] is None


def test_without_a_network_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: fw.Run) -> None:
    from huggingface_hub import errors

    def lost(*_: Any, **__: Any) -> None:
        raise errors.LocalEntryNotFoundError("no way out")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lost)
    with pytest.raises(UnavailableError, match=r"Found no way there.*save_pretrained"):
        fw.from_pretrained("me/shop")
    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda *_, **__: (_ for _ in ()).throw(ConnectionError()))
    with pytest.raises(UnavailableError, match="pushing me/shop"):
        run.push_to_hub("me/shop")
    for nothing in ("nowhere", "../me/shop", tmp_path / "a", "./shop"):
        with pytest.raises(UserError, match="a folder, or OWNER/NAME"):
            fw.from_pretrained(nothing)


def test_weights_under_terms_of_their_own_are_not_pushed(run: fw.Run) -> None:
    from dataclasses import replace

    tuned = replace(
        run.bundle, network={"w": np.zeros(1, np.float32)},
        backbone={**run.bundle.backbone, "licence": "LicenseRef-terms", "name": "tiny"},
    )  # fmt: skip
    run.__dict__["bundle"] = tuned
    with pytest.raises(UserError, match="LicenseRef-terms"):
        run.push_to_hub("me/shop")
