"""What a schema says in words, as the rows of a linear head: classes that nobody has shown a picture of."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facetwise.schema import Attribute, Block, Coding, Kind, Layout, Schema

__all__ = ["WordRows", "prompts_of", "rows_from_words"]

# Where a schema says nothing; the shortest of the templates of Radford et al. 2021, with the category behind.
PLAIN, WITH_CATEGORY = "a photo of a {value}", "a photo of a {value} {category}"
# What stands for the value where none is meant.
ANYTHING = "thing"
# Log-odds that an attribute applies where words cannot tell: 0.98.
APPLIES = 4.0


@dataclass(frozen=True, kw_only=True)
class WordRows:
    """z = s W h + b for pictures' embeddings h of unit length.

    Args:
        weight: (logit, width) float32, s inside.
        bias: (logit,) float32.
        texts: How many different texts were read.
    """

    weight: np.ndarray
    bias: np.ndarray
    texts: int


def _categories(schema: Schema, attribute: Attribute) -> Sequence[str]:
    """What the pictures may show that an attribute is asked of."""
    category = schema.category_attribute
    if category is None or category.column == attribute.column:
        return ()
    known = (*(attribute.applies_to or ()), *attribute.undecided)
    return known or category.classes


def _filled(template: str, value: str, attribute: Attribute, categories: Sequence[str]) -> Iterator[str]:
    for category in categories if "{category}" in template else ("",):
        words = {"value": value, "attribute": _spoken(attribute.column), "category": _spoken(category)}
        told = re.sub(r"\{(\w+)\}", lambda place, words=words: words[place[1]], template)
        yield re.sub(r"\s+", " ", told).strip()


def _spoken(name: str) -> str:
    """
    >>> _spoken("sleeve_length")
    'sleeve length'
    """
    return re.sub(r"[_\s]+", " ", name).strip()


def prompts_of(schema: Schema, column: str, name: str | None) -> tuple[str, ...]:
    """The texts that describe a class of an attribute, or (None) a picture of which it says nothing.

    A text is made for every category that the attribute applies to, where it speaks of the category.

    >>> colour = Attribute(column="base_colour", id="a00", kind=Kind.CATEGORICAL, classes=("light_blue", "red"))
    >>> schema = Schema(images=("image",), attributes=(colour,))
    >>> prompts_of(schema, "base_colour", "light_blue"), prompts_of(schema, "base_colour", None)
    (('a photo of a light blue',), ('a photo of a thing',))
    """
    attribute = schema.attribute(column)
    told, categories = dict(attribute.prompts), _categories(schema, attribute)
    own = WITH_CATEGORY if categories else PLAIN
    templates = told.get("" if name is None else name) or told.get("") or (own,)
    if name is None:
        # The category alone, where the text speaks of it.
        value = "" if any("{category}" in one for one in templates) else ANYTHING
    elif attribute.kind is Kind.BINARY and name not in told:
        # "yes" and "no" say nothing; the column does.
        value = _spoken(column)
    else:
        value = _spoken(name)
    return tuple(dict.fromkeys(text for one in templates for text in _filled(one, value, attribute, categories)))


def rows_from_words(
    schema: Schema, read: Callable[[Sequence[str]], np.ndarray], *, scale: float, width: int
) -> WordRows:
    r"""The zero-shot classifier of every attribute, packed as the schema lays it out.

    t_c is the mean of the unit vectors of the texts of class c, scaled to unit length; h a picture's vector; s the
    scale that both towers were trained with.

    * one of several: z_c = s h·t_c, so that softmax is that of the paper;
    * yes or no: z = s h·(t_yes - t_no), which is the softmax over the two; where no texts are given for "no", those of
      the same template without the value stand for it;
    * several at once: z_c = s h·(t_c - t_0), t_0 the template without a value: each class against "not said";
    * an order: z_k = s h·(mean_{j>k} t_j - t_k) + log(number of classes above k), which bounds the log-odds of "above
      k" against "k" under the softmax from below, and is exact where the classes above are equally probable;
    * whether it applies, where the attribute has a logit for that: a constant, because words do not tell.

    Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", section 3.1.4
    (averaged prompts) and figure 3. The contrasts for several-valued and ordered attributes are ours.

    Args:
        schema: The vocabulary, without numbers.
        read: Texts to vectors of unit length.
        scale: s.
        width: Of the vectors.
    """
    layout = schema.layout()
    wanted: dict[tuple[str, str | None], tuple[str, ...]] = {}
    for attribute in schema.attributes:
        for name in (*attribute.classes, None):
            wanted[attribute.id, name] = prompts_of(schema, attribute.column, name)
    texts = list(dict.fromkeys(text for some in wanted.values() for text in some))
    place = {text: number for number, text in enumerate(texts)}
    vectors = np.asarray(read(texts), dtype=np.float64)
    meant = {key: _unit(vectors[[place[text] for text in some]].mean(axis=0)) for key, some in wanted.items()}
    weight, bias = np.zeros((layout.num_logits, width)), np.zeros(layout.num_logits)
    for attribute, block in zip(schema.attributes, layout.blocks, strict=True):
        rows, offsets = _block(attribute, block, meant, layout)
        weight[block.logits], bias[block.logits] = rows, offsets
        if block.applicability is not None:
            bias[block.applicability] = APPLIES
    return WordRows(
        weight=(scale * weight).astype(np.float32), bias=bias.astype(np.float32), texts=len(texts)
    )  # fmt: skip


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _block(
    attribute: Attribute, block: Block, meant: Mapping[tuple[str, str | None], np.ndarray], layout: Layout
) -> tuple[np.ndarray, np.ndarray]:
    """(logit, width) and (logit,) of one attribute's own logits, before the scale."""
    count, identity = block.stop - block.start, attribute.id
    nothing = np.zeros(count)
    width = len(next(iter(meant.values())))
    if not count:
        return np.zeros((0, width)), nothing
    if block.coding is Coding.SOFTMAX:
        # A lone class of an ancestor is described as the ancestor describes it.
        leaves = [layout.names[column].split("/", 2)[1:] for column in range(block.start, block.stop)]
        return np.stack([meant[owner, name] for owner, name in leaves]), nothing
    own = [meant[identity, name] for name in attribute.classes]
    if attribute.kind is Kind.BINARY:
        negative = own[0] if attribute.classes[0] in dict(attribute.prompts) else meant[identity, None]
        return (own[1] - negative)[None], nothing
    if attribute.kind is Kind.MULTILABEL:
        return np.stack(own) - meant[identity, None], nothing
    above = [np.mean(own[k + 1 :], axis=0) - own[k] for k in range(count)]
    return np.stack(above), np.log(np.arange(count, 0, -1, dtype=np.float64))
