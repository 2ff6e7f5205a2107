"""A schema file to plain data: no aliases, no tags of other programs, no key twice; and the line of every key.

Ten lines of aliases can stand for 10⁹ labels, and of a key that is written twice YAML keeps the last in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from facetwise.errors import Complaint, SchemaError

__all__ = ["Loaded", "load_text"]

# A schema of 10⁵ classes has 3 MB; a file beyond this is something else.
_MOST_CHARACTERS = 1 << 26
# attributes > attribute > parent > of > class
_DEEPEST = 8


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Plain data, and the line on which each key stands, by keys such as `attributes[3].kind`."""

    data: Any
    lines: Mapping[str, int] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """Plain data only, every value written out."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node, unless it is an alias, or too deep for a schema."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem=f"the alias *{event.anchor}: write it out", problem_mark=event.start_mark
            )
        self.depth += 1
        if self.depth > _DEEPEST:
            raise yaml.MarkedYAMLError(problem="more brackets than a schema has", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _lines(node: Any, key: str, lines: dict[str, int], twice: list[tuple[str, int]]) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name, value in node.value:
            own = f"{key}.{name.value}" if key else str(name.value)
            line = name.start_mark.line + 1
            if isinstance(name, yaml.ScalarNode) and name.value in seen:
                twice.append((own, line))
            seen.add(str(name.value))
            lines[own] = line
            _lines(value, own, lines, twice)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            own = f"{key}[{place}]"
            if not isinstance(value, yaml.ScalarNode):
                lines[own] = value.start_mark.line + 1
                _lines(value, own, lines, twice)


def load_text(text: str, *, place: str) -> Loaded:
    """Read YAML.

    Args:
        text: The file.
        place: What messages call it.

    Raises:
        SchemaError: It is not YAML, or holds aliases, foreign tags, or keys twice.

    >>> load_text('a: {b: "x"}', place="schema.yaml").lines
    {'a': 1, 'a.b': 1}
    """

    def refuse(where: str, found: str, fix: str) -> SchemaError:
        return SchemaError([Complaint(place=where, rule="the file is YAML of a schema", found=found, fix=fix)])

    if len(text) > _MOST_CHARACTERS:
        raise refuse(place, f"{len(text):,} characters", "name the schema, not the table")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[str, int] = {}
            twice: list[tuple[str, int]] = []
            if node is not None:
                _lines(node, "", lines, twice)
            data = None if node is None or twice else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{place}:{mark.line + 1}" if mark is not None else place
        problem = (error.problem or error.context or "something else").removeprefix("found ")
        raise refuse(where, problem[:200], "correct this line, or the one above it") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        found = " ".join(str(error).split())[:200]
        raise refuse(place, found, "put labels in quotes, and correct what it names") from error
    if twice:
        rule, fix = "a key stands once", "remove one of the two"
        raise SchemaError(
            [
                Complaint(place=f"{place}:{line}: {key}", rule=rule, found="it twice", fix=fix)
                for key, line in twice[:100]
            ]
        )
    return Loaded(data=data, lines=lines)
