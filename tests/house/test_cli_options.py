"""Commands and options are a promise: they change on purpose.

After a change on purpose: python tests/house/test_cli_options.py
"""

from pathlib import Path

import typer

from facetwise.cli import app

FROZEN = Path(__file__).with_name("cli_options.txt")


def _options() -> str:
    root = typer.main.get_command(app)
    lines = [f"facetwise {option}" for parameter in root.params for option in parameter.opts]
    for name, command in root.commands.items():
        for parameter in command.params:
            words = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar or parameter.name]
            lines += [f"facetwise {name} {' '.join(sorted(words))}"]
    return "".join(f"{line}\n" for line in sorted(lines))


def test_options_are_the_frozen_ones() -> None:
    assert _options() == FROZEN.read_text(encoding="utf-8"), (
        f"on purpose? then: python {FROZEN.parent.name}/{Path(__file__).name}"
    )


def test_every_option_of_train_is_a_field() -> None:
    """One name for one thing: command line, configuration and Python agree."""
    from facetwise.config import Config

    about_files = {
        "table",
        "images",
        "weights",
        "out",
        "schema",
        "config",
        "recipe",
        "settings",
        "test",
        "split_from",
        "features",
        "corrections",
    }
    about_the_run = {"overwrite", "resume", "quiet", "machine"}
    [train] = [command for name, command in typer.main.get_command(app).commands.items() if name == "train"]
    names = {parameter.name for parameter in train.params} - {"help"}
    assert names - about_files - about_the_run <= set(Config.model_fields)


if __name__ == "__main__":
    FROZEN.write_text(_options(), encoding="utf-8")
