"""All of docs/coming-from.md runs: commands on ready features in place of their backbone, Python as it stands."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from facetwise.cli import run
from made_table import TINY, write_table

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "coming-from.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]
OPTIONS = [text for text in re.findall(r"`([^`\n]+)`", TEXT) if re.fullmatch(r"[a-z_]+(\.[a-z_]+)*=[^\"]+", text)]
PROGRAMS = [text for kind, text in BLOCKS if kind == "python"]


def test_all_five_systems_are_there() -> None:
    assert len(re.findall("^## ", TEXT, re.MULTILINE)) == 5
    assert len(COMMANDS) == 8
    assert len(PROGRAMS) == 4


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_trains(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    table, features = write_table(tmp_path)
    program, *words = shlex.split(line)
    assert program == "facetwise"
    shutil.copy(table, tmp_path / words[1])
    at = words.index("--backbone")
    kept = [*words[:at], *words[at + 2 :]]
    small = [word for setting in TINY if not setting.startswith("trunk.") for word in ("--set", setting)]
    code = run([*kept, "--features", str(features), *small, "--set", "epochs=1"])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert (tmp_path / kept[kept.index("--out") + 1] / "bundle").is_dir()
    # The name of the backbone is known too, whether or not its weights are here.
    assert run(["config", "--set", f"backbone={words[at + 1]}"]) == 0


def test_options_in_tables_exist(capsys) -> None:
    assert len(OPTIONS) > 15
    for option in OPTIONS:
        assert run(["config", "--set", option]) == 0, f"{option}: {capsys.readouterr().err}"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda text: text.splitlines()[0])
def test_the_program_runs(program: str) -> None:
    exec(compile(program, "coming-from.md", "exec"), {})  # noqa: S102  (our own document)
