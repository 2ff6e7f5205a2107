"""What reaches the terminal: clean names, plain numbers, one JSON document, and exit codes."""

import json
from pathlib import Path

import pytest

from facetwise.cli import run
from facetwise.cli._answers import answer
from facetwise.cli._options import listed
from facetwise.cli._progress import Reporter
from facetwise.cli._screen import Screen, clean, number, percent
from facetwise.errors import UserError
from facetwise.events import Event
from facetwise.inference import Answers, Cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a[31mb"),
        ("a\rb\nc\td", "a b c d"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("naïve 靴 👞", "naïve 靴 👞"),
        ("a\x9bb\x00c", "abc"),
    ],
)
def test_control_characters_never_reach_the_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_what_could_not_be_measured_is_no_zero() -> None:
    assert number(None) == number(float("nan")) == percent(None) == "n/a"
    assert number(0.0) == "0.000"


def test_markup_in_a_name_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().table(["column"], [["[bold]x[/bold] :smile:"]])
    assert "[bold]x[/bold] :smile:" in capsys.readouterr().out


def test_with_json_words_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(machine=True)
    screen.say("a remark")
    screen.result("a result for people")
    screen.document({"score": float("nan"), "rows": (1, 2)})
    said = capsys.readouterr()
    assert json.loads(said.out) == {"score": None, "rows": [1, 2]}
    assert said.err == "a remark\n"


def test_quiet_says_only_results(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(quiet=True)
    with Reporter(screen) as report:
        report(Event("stage", "features"))
        report(Event("progress", "pictures", 1, 1))
        report(Event("notice", "a class is rare"))
    screen.say("a remark")
    screen.next(["facetwise", "env"])
    screen.result("42")
    assert capsys.readouterr().out == "42\n"


def test_a_log_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter(Screen()) as report:
        for done in range(1, 101):
            report(Event("progress", "pictures", done, 100))
        report(Event("epoch", "epoch 2", 2, 2, {"val_loss": 0.5, "score": 0.25, "best": ["best_score"]}))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "100/100 pictures" in lines[0]
    assert "2/2  validation loss 0.500  score 0.250 *" in lines[1]


def test_every_command_is_described_in_one_whole_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.split("Commands:")[1].splitlines()[1:]
    told = lines[: lines.index("")]
    assert len(told) > 20
    assert [line for line in told if not line.endswith(".") or line.endswith("...") or len(line) > 80] == []


def test_a_wink_has_no_speed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    with Reporter(Screen()) as report:
        for name, seconds in (("cached", 0.01), ("computed", 4.0)):
            report(Event("progress", name, 1, 600))
            clock[0] += seconds
            report(Event("progress", name, 600, 600))
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "600/600 cached", "600/600 computed  (150.0/s)"
    ]  # fmt: skip


def test_answers_keep_three_states_apart() -> None:
    row = {
        "issue": None,
        "a": Cell(["x", "y"], "value", 0.5),
        "b": Cell(None, "abstained", 0.4),
        "c": Cell(None, "not_applicable", 0.9),
        "d": Cell(12.345678, "value", None),
    }
    assert [answer(row[column]) for column in "abcd"] == ["x|y", "?", "-", "12.35"]
    counts = Answers(tuple("abcd"), [row, {"issue": "truncated"}]).counts()
    assert counts == {"value": 2, "abstained": 1, "not_applicable": 1, "unreadable": 1}


def test_lists_split_at_commas_but_not_in_quotes() -> None:
    assert listed(None) is None
    assert listed(["a, b", '"c, d"']) == ["a", "b", "c, d"]


def _fail(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def extract(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("facetwise.api.extract", extract)


def test_a_users_mistake_is_two_and_has_no_traceback(monkeypatch, capsys) -> None:
    _fail(UserError("no such run\x1b[2J"), monkeypatch)
    assert run(["extract", "nowhere"]) == 2
    assert capsys.readouterr().err == "facetwise: no such run[2J\n"


def test_a_bar_is_drawn_on_a_terminal_only(monkeypatch) -> None:
    """Colours can be forced into a log, bars cannot."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Screen().live


def test_colours_are_for_terminals_and_can_be_refused(monkeypatch, capsys) -> None:
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    Screen().say("a warning", style="red")
    assert capsys.readouterr().out == "a warning\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    Screen().say("a warning", style="red")
    assert "\x1b[31m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    Screen().say("a warning", style="red")
    assert "\x1b[31m" not in capsys.readouterr().out


def test_a_command_to_copy_is_quoted(capsys) -> None:
    Screen().next(["facetwise", "evaluate", Path("my runs/a; rm -rf x")])
    assert "  facetwise evaluate 'my runs/a; rm -rf x'\n" in capsys.readouterr().out


HOSTILE = "\x1b[2J\x9b31m[red]x[/red] [link=http://a]\u202egpj\x07\u2066"


def test_hostile_names_are_inert_wherever_they_are_printed(capsys) -> None:
    screen = Screen()
    with Reporter(screen) as report:
        for kind in ("stage", "progress", "epoch", "notice", "summary"):
            report(Event(kind, HOSTILE, 1, 1))
    screen.say(HOSTILE)
    screen.title(HOSTILE)
    screen.warn(HOSTILE)
    screen.next([HOSTILE])
    screen.result(HOSTILE)
    screen.table([HOSTILE], [[HOSTILE]])
    Screen(machine=True).document({HOSTILE: [HOSTILE]})
    said = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\x07", "\u202e", "\u2066"} & set(said)
    assert said.count("[red]x[/red]") == 14
    document = json.loads(said[said.index("{\n") :])
    assert document == {HOSTILE: [HOSTILE]}, "and a program reads the very name"


@pytest.mark.parametrize(
    ("words", "code"), [([], 0), (["--help"], 0), (["--version"], 0), (["trian"], 2), (["train"], 2)]
)
def test_exit_codes(words: list[str], code: int, capsys) -> None:
    assert run(words) == code
    assert capsys.readouterr()
