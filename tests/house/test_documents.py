"""What the documents tell people to type exists."""

import re
import shlex

import pytest
import typer
from house_sources import ROOT

from facetwise.cli import app

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "benchmarks/README.md")


def _commands(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [part.strip() for line in lines for part in line.split("&&") if part.strip()]


LINES = [(document, line) for document in DOCUMENTS for line in _commands(document)]


def test_the_readme_has_commands() -> None:
    assert ("README.md", "make demo") in LINES
    assert ("README.md", "make test") in LINES


@pytest.mark.parametrize(("document", "line"), [entry for entry in LINES if entry[1].startswith("facetwise")])
def test_commands_and_options_exist(document: str, line: str) -> None:
    _, name, *words = shlex.split(line)
    commands = typer.main.get_command(app).commands
    assert name in commands, f"{document}: {line}"
    known = {option for parameter in commands[name].params for option in parameter.opts}
    assert [word for word in words if word.startswith("--") and word not in known] == []


def test_training_reads_the_schema_that_inspect_has_written() -> None:
    lines = [line for document, line in LINES if document == "README.md"]
    told = next(place for place, line in enumerate(lines) if line.startswith("facetwise inspect products.csv"))
    assert lines[told + 1].startswith("facetwise train products.csv")
    assert "--schema schema.yaml" in lines[told + 1]


@pytest.mark.parametrize(("document", "line"), [entry for entry in LINES if entry[1].startswith("make ")])
def test_targets_exist(document: str, line: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in (word for word in shlex.split(line)[1:] if "=" not in word):
        assert re.search(rf"^{re.escape(target)}:", makefile, flags=re.MULTILINE), f"{document}: {line}"


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md", "CREDITS.md"])
def test_links_between_documents_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert [target for target in targets if not ((ROOT / document).parent / target).exists()] == []


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    for heading in ("1. Definitions.", "9. Accepting Warranty or Additional Liability.", "END OF TERMS AND CONDITIONS"):
        assert heading in text
