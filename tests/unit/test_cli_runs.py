"""What a user has named is looked at before any work."""

from pathlib import Path

import pytest

from facetwise.cli import run


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (["fill", "table.csv", "--run", "nothing", "--out", "filled.xlsx"], ".csv, .tsv, .parquet or .jsonl"),
        (["predict", "nothing", "photos", "--explain", "colour", "--gallery", "a.png"], "--gallery FILE.html"),
        (["predict", "nothing", "photos", "--out", "filled.tsv"], ".csv, .parquet or .jsonl"),
    ],
)
def test_the_suffix_of_out_is_refused_before_the_run_is_read(
    words: list[str], kinds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert kinds in said
    assert words[-1] in said
    assert "nothing" not in said
