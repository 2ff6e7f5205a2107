"""Write what the code says about itself into docs/: `python scripts/write_reference.py`.

docs/reference/config.md   every option of `facetwise train` and of every component
docs/reference/cli.md      every command
docs/schema/*.json         JSON schemas of the configuration and of schema.yaml, for editors
"""

import inspect
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from facetwise.cli import app
from facetwise.config import (
    COMPONENT_LISTS,
    COMPONENTS,
    PRESETS,
    OptionType,
    config_json_schema,
    data_json_schema,
    describe_fields,
    option_tables,
)

DOCS = Path(__file__).parents[1] / "docs"
_CONFIG = """\
# Options of `train`

*Written by `python scripts/write_reference.py` from the code; do not edit.*

Every option is a field of one tree. Write it into a YAML file (`--config FILE`), set it on the command line
(`--set trunk.width=512`), or pass it from Python (`train(..., epochs=30)`); the names are the same. What is said later
wins: defaults, preset, file, keywords and command-line options, `--set`. An unknown key is an error, with its line.

```bash
facetwise config                             # every option, its value, and where the value comes from
facetwise config --write config.yaml         # a commented file to start from
facetwise train products.csv --config config.yaml --set epochs=30
```

Three fields hold more than one value:

```bash
facetwise train products.csv --set losses_of.gender=focal --set 'losses_of."heel.height".gamma=2'
facetwise train products.csv --set 'adapters=[gate, {name: shared, width: 256}]'
facetwise train products.csv --set 'attributes=[colour, "size, EU"]'
```

`losses_of` names a loss, with its options, of one column; a column with a dot, a quote or an equals sign goes in double
quotes, and those in single ones, for the shell. `adapters` is set as a whole, in order.

An editor that knows JSON schema completes and checks the file: put
`# yaml-language-server: $schema=config.schema.json` on its first line, and beside it the output of
`facetwise config --json-schema`.
"""
_PLACES = {
    "adapters": "Adapters",
    "backbone": "Backbones", "trunk": "Trunks", "head": "Heads", "reweighting": "Reweighting", "balancing": "Balancing",
    "sampler": "Samplers",
}  # fmt: skip


def _tables() -> dict[str, dict[str, type]]:
    return runpy.run_path(str(Path(__file__).with_name("write_options.py")))["TABLES"]


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _value(value: object) -> str:
    if value in (None, [], {}):
        return "nothing"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(island: type, option: str) -> str:
    """The line about an option under Args, in the docstring of its class or of one above."""
    return next((said for one in island.__mro__ if (said := _argument(inspect.getdoc(one) or "", option))), "")


def _argument(doc: str, option: str) -> str:
    lines, found = doc.splitlines(), ""
    if "Args:" not in lines:
        return ""
    for line in lines[lines.index("Args:") + 1 :]:
        if line and not line.startswith("    "):
            break
        head = line.partition(":")[0]
        if line.startswith("    ") and line[4] != " " and option in [name.strip() for name in head.split(",")]:
            found = line.partition(":")[2]
        elif found and line.startswith("        "):
            found += f" {line.strip()}"
        elif found:
            break
    return found.strip()


def _kind(about: OptionType) -> str:
    if about.choices:
        return f"one of {', '.join(about.choices)}" + (", or nothing" if "None" in about.kinds else "")
    words = {"int": "whole number", "float": "number", "bool": "true or false", "str": "text", "None": "nothing"}
    return " or ".join(words.get(kind, kind) for kind in about.kinds)


def _components() -> list[str]:
    lines: list[str] = []
    islands, options = _tables(), option_tables()
    everywhere = {**COMPONENT_LISTS, **COMPONENTS}
    for key, table in everywhere.items():
        place = _PLACES.get(key) or f"Losses of {key.partition('.')[2]} attributes"
        lines += ["", f"## {place}", "", f"`{key}`: one of the following.", "", "| name | what it is |", "|---|---|"]
        # A class under several names is told once, under its first.
        names = {island: name for name, island in reversed(islands[table].items())}
        first = [name for name, island in islands[table].items() if names[island] == name]
        for name in first:
            words = f"`{name}NAME`" if name.endswith(":") else f"`{name}`"
            lines.append(f"| {words} | {_cell(inspect.cleandoc(islands[table][name].__doc__ or '').splitlines()[0])} |")
        if short := [f"`{name}`" for name in islands[table] if name not in first]:
            lines += ["", f"Short names: {', '.join(short)}."]
        above = "" if key in COMPONENT_LISTS else f"{key}."
        rows = [
            f"| `{name}` | `{above}{option}` | {_kind(about)} | {_value(about.default)} | "
            f"{_cell(_meaning(islands[table][name], option))} |"
            for name in first
            for option, about in options[table][name].items()
        ]
        if rows:
            lines += ["", "| of | option | type | default | meaning |", "|---|---|---|---|---|", *rows]
    return lines


def config_page() -> str:
    """docs/reference/config.md."""
    lines = [_CONFIG, "## Fields", "", "| option | meaning | type | default | limits |", "|---|---|---|---|---|"]
    for facts in describe_fields():
        default = _value(facts.default)
        lines.append(f"| `{facts.key}` | {_cell(facts.meaning)} | {facts.type} | {default} | {facts.limits or '-'} |")
    lines += ["", "## Presets", "", "What each sets; the figures are in [presets](../presets.md).", ""]
    lines += ["| preset | sets |", "|---|---|"]
    for name, values in PRESETS.items():
        said = ", ".join(f"`{key}: {_flat(value)}`" for key, value in values.items()) or "nothing: the defaults"
        lines.append(f"| `{name}` | {said} |")
    return "\n".join([*lines, *_components()]) + "\n"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value) if value["options"] else value["name"]
    return str(value)


def cli_page() -> str:
    """docs/reference/cli.md."""
    root: Any = typer.main.get_command(app)
    lines = ["# Commands", "", "*Written by `python scripts/write_reference.py` from the code; do not edit.*", ""]
    lines += [
        "`--debug` may stand anywhere and shows tracebacks. `--quiet` leaves results and errors. `--json` puts one",
        "JSON document on standard output and everything else on standard error; a failure is a document with `error`.",
        "Exit codes: 0 done; 2 you can mend it, and the message says how; 1 a bug of ours; 130 interrupted; 143",
        "terminated.",
    ]
    for name, command in root.commands.items():
        words = [p.metavar or p.name for p in command.params if p.param_type_name == "argument"]
        lines += ["", f"## facetwise {name}", "", inspect.cleandoc(command.help or ""), ""]
        lines += [
            "```text",
            f"facetwise {name} {' '.join([*words, '[OPTIONS]'])}",
            "```",
            "",
            "| | | |",
            "|---|---|---|",
        ]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            option = parameter.param_type_name == "option"
            said = ", ".join(parameter.opts) if option else parameter.metavar or parameter.name
            value = parameter.metavar if option and not parameter.is_flag and parameter.metavar else ""
            default = parameter.default
            shown = f" Default: `{default}`." if option and isinstance(default, str | int | float | Path) else ""
            shown = "" if isinstance(default, bool) else shown
            lines.append(
                f"| `{said}{f' {value}' if value else ''}` | {_cell(parameter.help or '')} | {shown.strip()} |"
            )
    return "\n".join(lines) + "\n"


def _json(document: Callable[[], dict[str, Any]]) -> Callable[[], str]:
    return lambda: json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "reference/config.md": config_page,
    "reference/cli.md": cli_page,
    "schema/config.schema.json": _json(config_json_schema),
    "schema/schema.schema.json": _json(data_json_schema),
}

if __name__ == "__main__":
    for page, render in PAGES.items():
        target = DOCS / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(render(), encoding="utf-8")
