"""Strangers' files, quickly: the corpus, and some hundred mutations of it. The long search is `fuzz.py`."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from targets import CORPUS, TARGETS, schema, table, use_table
from words import WORDS

from facetwise.data import Table, read_table
from facetwise.errors import UserError
from fuzz import mutate, run

FILES = [(target, path) for target in TARGETS for path in sorted((CORPUS / target).iterdir())]


@pytest.mark.parametrize(("target", "path"), FILES, ids=lambda value: value if isinstance(value, str) else value.name)
def test_the_corpus(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_some_mutations(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(target, 120, seed=7, keep=False) == []
    assert "120 cases" in capsys.readouterr().out


def test_the_search_notices_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A target that fails on a comma is found out; else the million cases would prove nothing."""

    def broken(data: bytes) -> None:
        assert b",," not in data

    monkeypatch.setitem(TARGETS, "table", broken)
    [wrong] = run("table", 2_000, seed=1, keep=False)
    assert wrong.startswith("AssertionError at test_fuzz.py")


TEXTS = st.text(max_size=12) | st.sampled_from(
    [word.decode("latin-1") for word in WORDS["table"]]
    + ["", "a", "b", "a|b", "1", "2.5", "yes", "no", "x.jpg", "train"]
)
NAMES = st.text(max_size=8) | st.sampled_from(["image", "image_2", "split", "bbox", "sample_weight", "id", "weight"])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_tables_of_any_texts_go_all_the_way_or_complain(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 40))
    pool = data.draw(st.lists(TEXTS, min_size=1, max_size=6))
    names = data.draw(st.lists(NAMES, min_size=1, max_size=5, unique_by=str.strip))
    cells = st.lists(st.sampled_from(pool), min_size=rows, max_size=rows)
    columns = {name: data.draw(cells) for name in names}
    try:
        made = read_table(columns)
    except UserError:
        return
    assert isinstance(made, Table)
    use_table(made)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_complaint(data: bytes) -> None:
    table(data)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_schema_or_a_complaint(text: str) -> None:
    schema(text.encode("utf-8", errors="surrogatepass"))


def test_mutations_differ_and_are_bounded() -> None:
    import random

    generator = random.Random(0)  # noqa: S311 (no secret depends on it)
    made = {mutate(generator, [b"image,colour\n1.jpg,red\n"], WORDS["table"]) for _ in range(200)}
    assert len(made) > 150
    assert max(map(len, made)) < 4_097
