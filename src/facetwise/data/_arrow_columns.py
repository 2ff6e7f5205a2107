"""Columns of Arrow, coded: every different value is looked at once, and no cell by Python."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from facetwise.data._coded import Coded, recoded

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["code_array"]


def code_array(array: "pa.Array | pa.ChunkedArray", spell: Callable[[Any], str]) -> Coded:
    """A column by its different texts, without blanks around them.

    Args:
        array: Text, numbers, true and false, or a dictionary of these all of whose entries occur.
        spell: A value, or None where there is none, as text.

    >>> import pyarrow as pa
    >>> coded = code_array(pa.array([" b", "a", None, "b"]), lambda value: value or "")
    >>> coded.values, coded.codes.tolist()
    (('', 'a', 'b'), [2, 1, 0, 2])
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode(null_encoding="encode")
    if isinstance(array, pa.ChunkedArray):
        array = array.unify_dictionaries().combine_chunks()
    # By its memory: `to_numpy` imports pandas where it is installed, which takes longer than all the rest.
    places = array.indices
    codes = np.frombuffer(places.buffers()[1], dtype=places.type.to_pandas_dtype(), count=len(places) + places.offset)
    return recoded([spell(value) for value in array.dictionary.to_pylist()], codes[places.offset :])
