"""`facetwise config`: every option, its value, where it comes from; the file to start from; the JSON schemas."""

import json
from pathlib import Path

import pytest

from facetwise.cli import run
from facetwise.config import config_json_schema, data_json_schema, load_config


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_values_and_where_they_come_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").write_text("seed: 3\n\nclip: 2\n", encoding="utf-8")
    assert run(["config", "--config", "mine.yaml", "--set", "trunk.width=64", "--preset", "fast"]) == 0
    said = capsys.readouterr().out
    for line in ("seed: 3  # mine.yaml:1", "clip: 2.0  # mine.yaml:3", "trunk:  # --set trunk.width=64",
                 "batch_size: 0  # default", "preset: fast  # option"):  # fmt: skip
        assert line in said.splitlines()
    assert "# preset fast" in said
    Path("again.yaml").write_text(said, encoding="utf-8")
    assert load_config(Path("again.yaml")) == load_config(Path("mine.yaml"), ["trunk.width=64"], preset="fast")


def test_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--set", "epochs=3", "--json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["config"]["epochs"] == 3
    assert document["origins"] == {"epochs": "--set epochs=3"}
    assert said.err == ""


def test_a_file_to_start_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--write", "new/config.yaml", "--set", "epochs=3"]) == 0
    assert "facetwise train products.csv --config new/config.yaml" in capsys.readouterr().out
    assert load_config(Path("new/config.yaml")) == load_config(epochs=3)
    before = Path("new/config.yaml").read_text(encoding="utf-8")
    assert run(["config", "--write", "new/config.yaml"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert Path("new/config.yaml").read_text(encoding="utf-8") == before
    assert run(["config", "--write", "new/config.yaml", "--overwrite"]) == 0
    assert load_config(Path("new/config.yaml")) == load_config()


def test_schemas_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--json-schema"]) == 0
    assert json.loads(capsys.readouterr().out) == config_json_schema()
    assert run(["config", "--data-schema"]) == 0
    assert json.loads(capsys.readouterr().out) == data_json_schema()


def test_mistakes_have_their_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").write_text("seed: 3\nclipp: 2\n", encoding="utf-8")
    assert run(["config", "--config", "mine.yaml", "--set", "epochs=x", "--json"]) == 2
    places = [c["place"] for c in json.loads(capsys.readouterr().out)["error"]["complaints"]]
    assert places == ["--set epochs=x", "mine.yaml:2"]
