"""What a newcomer types wrongly, and the answers: each can be mended from the message alone.

The answers are kept in wrong_commands.txt, to be read with a newcomer's eye. After a change on purpose:
python tests/e2e/test_cli_wrong_commands.py
"""

import contextlib
import csv
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from facetwise.cli import run
from facetwise.data.catalogue import draw_catalogue

FROZEN = Path(__file__).with_name("wrong_commands.txt")
COMMANDS = (
    # The ten.
    "train product.csv",
    "train images",
    "train products.csv --epoch 5",
    "train products.csv --set trunk.widht=512",
    "train products.csv --images pictures",
    "train products.csv --category kategory",
    "train products.csv --backbone dinov2-bse",
    "predict images images/0000.jpg",
    "predict runs/first images --out filled.csv",
    "evaluate products.csv",
    # And more.
    "trian products.csv",
    "train --table products.csv",
    "train products.csv --epochs -1",
    "train products.csv --epochs many",
    "train products.csv --weight-decay 0.1",
    "train products.csv --val-ratio 15",
    "train products.csv --preset fats",
    "train products.csv --config cofnig.yaml",
    "train products.csv --config broken.yaml --set sed=3",
    "train products.csv --out runs/notes",
    "train unlabelled.csv",
    "predict runs/frist images/0000.jpg",
    "predict images/0000.jpg runs/first",
    "predict runs/first",
    "evaluate runs/half",
    "evaluate runs/first --split tset",
    "extract imges",
    "inspect images/0000.jpg",
    "config --write broken.yaml",
)
BROKEN = """\
epochs: many
trunk:
  name: shared
  widht: 512
losses:
  ordinal: cornn
batch-size: 64
"""


def make_folder(folder: Path) -> None:
    """A small catalogue, a finished run, one that is not finished, and files in the way."""
    table = draw_catalogue(folder, items=60)
    (folder / "answers.csv").unlink(missing_ok=True)
    with table.open(newline="", encoding="utf-8") as file:
        images = [row["image"] for row in csv.DictReader(file)]
    (folder / "unlabelled.csv").write_text("\n".join(["image", *images]) + "\n", encoding="utf-8")
    (folder / "filled.csv").write_text("mine\n", encoding="utf-8")
    (folder / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    (folder / "config.yaml").write_text("epochs: 3\n", encoding="utf-8")
    for name in ("runs/first/bundle/bundle.json", "runs/half/run.json", "runs/notes/notes.txt"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("{}", encoding="utf-8")


def answers(folder: Path) -> str:
    """Every command with its exit code and what it says, paths of this machine removed."""
    said = []
    for command in COMMANDS:
        out, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = run(command.split())
        shutil.rmtree(folder / "runs" / "products", ignore_errors=True)
        assert "Traceback" not in error.getvalue(), command
        words = error.getvalue().replace(str(folder), "FOLDER").replace(str(folder.resolve()), "FOLDER")
        said.append(f"$ facetwise {command}\n{words.rstrip()}\n(exit code {code})\n")
    return "\n".join(said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    make_folder(folder)
    return folder


def test_answers_are_the_frozen_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FACETWISE_CACHE", str(folder / "cache"))
    said = answers(folder)
    assert said == FROZEN.read_text(encoding="utf-8"), f"on purpose? then: python tests/e2e/{Path(__file__).name}"


def test_every_answer_is_one_that_a_user_can_act_on() -> None:
    blocks = FROZEN.read_text(encoding="utf-8").split("\n\n")
    assert len(blocks) == len(COMMANDS)
    for block in blocks:
        assert block.rstrip().endswith("(exit code 2)"), block
        assert any(word in block for word in ("Fix: ", "did you mean", "Name another")), block
        assert len(block) < 1200, block


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        os.environ["FACETWISE_CACHE"] = str(Path(name) / "cache")
        make_folder(Path(name))
        os.chdir(name)
        text = answers(Path(name))
        os.chdir("/")
    FROZEN.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
