"""YAML without surprises: every mistake has its line, nothing in the text names code or grows beyond its size."""

import sys
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from facetwise.config import Config, config_to_yaml, load_config
from facetwise.config._yaml import MAX_BYTES, parse_yaml, read_yaml, shown
from facetwise.errors import ConfigError


def _said(text: str) -> str:
    return "\n".join(map(str, parse_yaml(text, place="c.yaml").complaints))


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("epochs: 1\nepochs: 2", 2, "stands once"),
        ("trunk:\n  width: 1\n  name: shared\n  width: 2", 4, "in line 2"),
        ("a: 1\nb:\n\t- c", 3, "tabs"),
        ("a: 1\nb: c: d", 2, "quotes"),
        ("a: 1\n\nb: [1,", 3, "YAML"),
        ("a: 'x\n\nb: 1", 3, "YAML"),
        ("---\na: 1\n---\nb: 2", 3, "one document"),
        ("a: &x [1]\nb: *x", 2, "aliases"),
        ("a: {b: 1}\n<<: {c: 2}", 2, "merge"),
        ("x: 1\n? [a]\n: b", 2, "a key is text"),
        ("x: 1\n? {a: 1}\n: b", 2, "a key is text"),
        ("a: 1\nb: !!int '3'", 2, "tags"),
        ("a: 1\nb: !custom 3", 2, "tags"),
        (f"a: 1\nseed: {'9' * 5000}", 2, "5,000 digits"),
        (f"a: {'[' * 100}", 1, "levels"),
        ("a: 1\nb: \x07", 2, "U+0007"),
    ],
)
def test_every_mistake_has_its_line(text: str, line: int, word: str) -> None:
    said = _said(text)
    assert said.startswith(f"c.yaml:{line}: ")
    assert word in said
    assert "\n" not in said, "one clear message"


def test_keys_are_text_as_they_are_spelled() -> None:
    assert parse_yaml("NO: 1\n12: 2\n1.50: 3\n~: 4", place="").data == {"NO": 1, "12": 2, "1.50": 3, "~": 4}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("1.", 1.0), ("-.5", -0.5), ("+3", 3), ("5_000", 5000), ("010", 10), ("0", 0),
        ("yes", True), ("Off", False), ("~", None), ("", None), ("12:30", "12:30"), ("2020-01-01", "2020-01-01"),
        ("'1'", "1"), ('"yes"', "yes"), ("0x10", "0x10"), ("1.2.3", "1.2.3"), ("١٢", "١٢"), ("!!str 5", "5"),
    ],
)  # fmt: skip
def test_scalars(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}", place="").data["a"]
    assert found == value
    assert type(found) is type(value)


LAUGHS = "a0: &a0 [lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


def test_a_bomb_of_aliases_is_refused_at_its_first() -> None:
    tracemalloc.start()
    said = _said(LAUGHS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert said.startswith("c.yaml:2: a configuration has no aliases")
    assert peak < 5_000_000


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 50_000])
def test_deep_nesting_neither_crashes_nor_hangs(text: str) -> None:
    assert _said(text)


CANARIES = [
    "trunk: !!python/object/apply:os.system ['touch {}']",
    "!!python/object/new:type\nargs: ['z', !!python/tuple [], {{'extend': !!python/name:exec }}]\n"
    'listitems: \'open("{}", "w")\'',
    "trunk: {{_target_: os.system, command: 'touch {}'}}",
    "trunk: {{name: shared, class_path: os.system, init_args: {{command: 'touch {}'}}}}",
    "_target_: pathlib.Path.touch\n_args_: ['{}']",
    "backbone: {{name: lite0, trust_remote_code: true, path: '{}'}}",
    "a: !!python/module:os\nb: '{}'",
]


@pytest.mark.parametrize("text", CANARIES)
def test_a_file_runs_no_code(text: str, tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "c.yaml"
    path.write_text(text.format(canary), encoding="utf-8")
    modules = set(sys.modules)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert not canary.exists()
    assert "code" in str(caught.value)
    assert not {"subprocess", "code"} & (set(sys.modules) - modules)


@pytest.mark.parametrize("setting", ["_target_=os.system", "trunk=!!python/name:os.system ''", "trunk.class_path=os"])
def test_a_setting_runs_no_code(setting: str) -> None:
    with pytest.raises(ConfigError, match="code") as caught:
        load_config(settings=[setting])
    assert f"--set {setting}" in str(caught.value)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    for raw, word in [
        (b"epochs: 3\nname: \xff\n", "c.yaml:2: the file is text in UTF-8"),
        ("epochs: 3".encode("utf-16"), "UTF-8"),
        (b"a: 1\n" * (MAX_BYTES // 5 + 1), "1 MB"),
    ]:
        path.write_bytes(raw)
        [complaint] = read_yaml(path).complaints
        assert word in str(complaint)
    assert "cannot" in str(read_yaml(tmp_path).complaints[0]) or "directory" in str(read_yaml(tmp_path).complaints[0])
    assert "can be read" in str(read_yaml(Path("\0")).complaints[0])


def test_a_mark_of_byte_order_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbfepochs: 3\r\nseed: 4\r\n")
    assert read_yaml(path).data == {"epochs": 3, "seed": 4}


def test_values_are_shown_short() -> None:
    assert len(shown("x" * 10_000)) <= 80
    assert len(shown([["x" * 1000] * 1000])) <= 80
    assert "digits" in shown(10**100_000)
    endless: list[object] = []
    endless.append(endless)
    assert shown(endless)


@given(st.text(max_size=300))
def test_any_text_is_data_or_complaints(text: str) -> None:
    document = parse_yaml(text, place="c.yaml")
    assert all(str(complaint) for complaint in document.complaints)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from([*Config.model_fields, "nonsense", "_target_"]), PLAIN, max_size=5))
def test_any_tree_is_a_configuration_or_complaints(tree: dict[str, object]) -> None:
    try:
        text = config_to_yaml(load_config(**tree))
    except ConfigError as error:
        said = str(error)
    else:
        said = text
        assert parse_yaml(text, place="").complaints == []
    assert said


@given(PLAIN.filter(lambda tree: isinstance(tree, dict)))
def test_what_yaml_writes_is_read(tree: dict[str, object]) -> None:
    """Against the library's own safe reading, where both agree on what is text."""
    text = yaml.safe_dump(tree, allow_unicode=True)
    document = parse_yaml(text, place="")
    if not document.complaints:
        # By their spelling: a text that reads as NaN differs from itself as a number.
        assert repr(_as_texts(document.data)) == repr(_as_texts(yaml.safe_load(text)))


def _as_texts(data: object) -> object:
    """Leaves as numbers where they can be; 1e5 is a number to one version of YAML and text to the other."""
    if isinstance(data, dict):
        return {str(key): _as_texts(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_as_texts(value) for value in data]
    try:
        return float(data) if isinstance(data, (str, int, float)) and not isinstance(data, bool) else data
    except ValueError:
        return data
