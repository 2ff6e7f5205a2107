"""Mistyped commands and options, answered with the words to type."""

import re
from typing import Any

import typer

from facetwise.errors import nearest

__all__ = ["explain_usage"]

# The library behind typer changes its module's name between versions; its classes keep their places.
_UsageError = typer.BadParameter.__mro__[1]
_ClickError = _UsageError.__mro__[1]
# What people call the things that are given without a word in front.
_FORMS = {
    "TABLE": {"table", "data", "csv", "dataset", "input", "file"},
    "RUN": {"run", "model", "checkpoint-folder", "bundle", "weights"},
    "SOURCE": {"source", "input", "image", "picture", "pictures", "images"},
}
# What the library says about a value, and what we say.
_WORDS = (
    (r"^Invalid value for '(\S+)(?: / \S+)?': ", r"\1: "),
    (r"Input should be a valid integer.*", "this is a whole number. Fix: write one, such as 5"),
    (r"Input should be a valid number.*", "this is a number. Fix: write one, such as 0.5"),
    (r"Input should be (greater than or equal to|at least) (\S+?)\.?$", r"this is at least \2. Fix: write \2 or more"),
    (r"Input should be (less than or equal to|at most) (\S+?)\.?$", r"this is at most \2. Fix: write \2 or less"),
)


def explain_usage(error: BaseException) -> str | None:
    """What to type instead; None where the error is about something else, nothing where the help is the answer."""
    if not isinstance(error, _ClickError):
        return None
    context = getattr(error, "ctx", None)
    command = getattr(context, "command", None)
    path = getattr(context, "command_path", None) or "facetwise"
    text = str(error.format_message()).strip()  # ty: ignore
    if not text:  # a command without any word prints its help
        return ""
    if type(error).__name__ == "BadOptionUsage":
        option = str(getattr(error, "option_name", ""))
        text = f"{option} has no value. Fix: write {option} VALUE"
    elif "unexpected extra argument" in text:
        text = f"{text.rpartition('(')[2].rstrip(').')!r} is one word too many. Fix: {path} {_arguments(command)}; "
        text += "a name with spaces goes in quotes"
    elif (option := getattr(error, "option_name", None)) is not None and command is not None:
        text = _unknown_option(str(option), command, path)
    elif type(error).__name__ == "MissingParameter" and (parameter := getattr(error, "param", None)) is not None:
        name = parameter.metavar or parameter.name
        text = f"{name} is missing. Fix: {path} {_arguments(command)}"
    elif "commands" in dir(command) and text.startswith("No such command"):
        word = text.split("'")[1] if "'" in text else ""
        known = [name for name, one in command.commands.items() if not one.hidden]  # ty: ignore
        text = f"{word!r} is no command. Fix: {nearest(word, known)}"
    for theirs, ours in _WORDS:
        text = re.sub(theirs, ours, text)
    if text[-1] not in ".?!":
        text += "."
    return f"{path}: {text}\nEvery option: {path} --help"


def _arguments(command: Any) -> str:
    names = [p.metavar or p.name for p in getattr(command, "params", []) if p.param_type_name == "argument"]
    return " ".join(names)


def _unknown_option(option: str, command: Any, path: str) -> str:
    word = option.lstrip("-")
    said = f"{option!r} is no option"
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    known = [name for parameter in command.params for name in parameter.opts if name.startswith("--")]
    for parameter in arguments:
        name = (parameter.metavar or parameter.name).strip("[].")
        if word in _FORMS.get(name, ()) and option not in known:
            return f"{said}. Fix: {name} stands without a word before it: {path} {_arguments(command)}"
    if "--set" in known and (field := _field(word)):
        return f"{said}. Fix: write --set {field}=VALUE"
    return f"{said}. Fix: {nearest(option, known)}"


def _field(word: str) -> str | None:
    """The field of the configuration that has this name, in full."""
    from facetwise.config import describe_fields, option_tables

    name = word.replace("-", "_")
    for facts in describe_fields():
        if name == facts.key:
            return facts.key
        if facts.table and name in option_tables().get(facts.table, {}).get(facts.default, {}):
            return f"{facts.key}.{name}"
    return None
