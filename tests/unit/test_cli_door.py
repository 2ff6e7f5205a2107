"""Every way in which a command can end: its exit code, its words, and nothing else."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from facetwise.cli import run
from facetwise.cli._door import enter
from facetwise.errors import Complaint, ConfigError, Interrupted, UserError


def _raises(error: BaseException) -> Callable[..., Any]:
    def command(*_: object, **__: object) -> None:
        raise error

    return command


def _caught_by_library(*_: object, **__: object) -> None:
    """What typer makes of a closed pipe."""
    try:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    except BrokenPipeError:
        sys.exit(1)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UserError("there is no table"), 2, ["facetwise: there is no table"]),
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), 2, ["'runs/a'", "No space left", "make room"]),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 2, ["Permission denied", "permission"]),
        (MemoryError(), 2, ["memory", "--levels last"]),
        (KeyboardInterrupt(), 130, ["stopped"]),
        (Interrupted("stopped after epoch 3; the same command continues", code=143), 143, ["epoch 3"]),
        (typer.Exit(5), 5, []),
        (SystemExit(3), 3, []),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0, []),
    ],
)
def test_what_a_user_can_mend_is_said_in_a_line(
    error: BaseException, code: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = _raises(error)
    if isinstance(error, (KeyboardInterrupt, typer.Exit)):  # the application turns these into exit codes by itself
        app = typer.Typer()

        @app.command()
        def fails() -> None:
            raise error

        command = app
    assert enter(command, ["--"]) == code
    said = capsys.readouterr()
    assert [word for word in words if word not in said.err] == []
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) == (1 if words else 0)
    assert said.out == ""


def test_a_pipe_that_the_library_saw_closed_is_no_error() -> None:
    assert enter(_caught_by_library, []) == 0


def test_a_bug_of_ours_is_one_of_ours(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert enter(_raises(ZeroDivisionError("division by zero")), ["train"]) == 1
    said = capsys.readouterr()
    assert "a bug of ours" in said.err
    assert "ZeroDivisionError: division by zero" in said.err
    assert "facetwise env" in said.err
    assert "Traceback" not in said.err
    [kept] = tmp_path.glob("facetwise-*.txt")
    assert str(kept) in said.err
    assert "Traceback" in kept.read_text(encoding="utf-8")


def test_without_a_place_for_it_the_traceback_is_shown(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert enter(_raises(ValueError("x")), []) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(UserError("mine"), 2), (ZeroDivisionError("ours"), 1)])
@pytest.mark.parametrize("words", [["--debug", "train"], ["train", "--debug"]])
def test_debug_shows_the_traceback(error: Exception, code: int, words: list[str], capsys) -> None:
    seen: list[list[str]] = []

    def command(given: list[str], **_: object) -> None:
        seen.append(given)
        raise error

    assert enter(command, words) == code
    assert "Traceback" in capsys.readouterr().err
    assert seen == [["train"]]


def test_debug_after_two_dashes_is_a_name() -> None:
    seen: list[list[str]] = []
    assert enter(lambda given, **_: seen.append(given), ["predict", "--", "--debug"]) == 0
    assert seen == [["predict", "--", "--debug"]]


def test_common_options_may_come_first() -> None:
    seen: list[list[str]] = []
    enter(lambda given, **_: seen.append(given), ["--json", "-q", "train", "a.csv"])
    assert seen == [["train", "a.csv", "--json", "-q"]]


def test_with_json_a_failure_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = Complaint(rule="epochs is at least 1", found="\x9b0", fix="write 20", place="c.yaml:3")
    assert enter(_raises(ConfigError([wrong])), ["train", "--json"]) == 2
    said = capsys.readouterr()
    about = json.loads(said.out)["error"]
    assert (about["kind"], about["code"]) == ("ConfigError", 2)
    assert about["complaints"] == [
        {"place": "c.yaml:3", "row": None, "column": None, "rule": "epochs is at least 1", "found": "\x9b0",
         "fix": "write 20"}
    ]  # fmt: skip
    assert "\x9b" not in said.out + said.err


def test_messages_are_inert_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (UserError("\x1b[2Jgone \x9b31m [red]x[/red] \u202egpj"), ValueError("\x1b]0;title\x07")):
        enter(_raises(error), ["--debug"])
    said = capsys.readouterr().err
    assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(said)
    assert "[red]x[/red]" in said


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["trian"], "did you mean train?"),
        (["train", "a.csv", "--epoch", "3"], "did you mean --epochs?"),
        (["train", "--table", "a.csv"], "facetwise train TABLE"),
        (["predict", "--model", "a", "b"], "facetwise predict RUN SOURCE..."),
        (["train", "a.csv", "--weight-decay", "0.1"], "--set weight_decay=VALUE"),
        (["train", "a.csv", "--width", "0.1"], "--set trunk.width=VALUE"),
        (["train", "a.csv", "--epochs", "many"], "--epochs: this is a whole number"),
        (["train", "a.csv", "--learning-rate", "fast"], "--learning-rate: this is a number"),
        (["demo", "--items", "3"], "--items: this is at least 60"),
        (["train", "my", "table.csv"], "quotes"),
        (["train", "a.csv", "--epochs"], "--epochs VALUE"),
        (["predict", "run"], "SOURCE... is missing"),
        (["demo", "--\x1b[31m"], "no option"),
    ],
)
def test_mistyped_words_are_answered(words: list[str], answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    said = capsys.readouterr()
    assert answer in said.err
    assert "--help" in said.err
    assert "\x1b" not in said.err
    assert said.out == ""


PRINTS = """
import sys
from facetwise.cli._door import enter
def command(*_, **__):
    for number in range(100_000):
        print(number, "👗")
sys.exit(enter(command, []))
"""


def test_a_closed_pipe_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""


def test_a_terminal_without_the_letter_shows_its_number() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    code = PRINTS.replace("100_000", "1")
    outcome = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert outcome.stdout == "0 \\U0001f457\n"
