"""Arguments by name: a component gets what its signature asks for, and options are checked against it."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from facetwise.errors import Complaint, nearest

__all__ = ["about_options", "fitting"]

Made = TypeVar("Made")
# What a value may be where the signature says so: a whole number is a number too.
_PLAIN: dict[object, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}


def fitting(component: Callable[..., Made], given: Mapping[str, object], options: Mapping[str, object]) -> Made:
    """Build a component from what it asks for among the given, and all of the options.

    >>> fitting(complex, {"real": 1.0, "seed": 3}, {"imag": 2.0})
    (1+2j)
    """
    asked = inspect.signature(component).parameters
    return component(**{name: value for name, value in given.items() if name in asked}, **options)


def about_options(stage: str, component: type, options: Mapping[str, object]) -> list[Complaint]:
    """Complaints about options that a component does not know, and values of another type than it says.

    >>> class Thing:
    ...     def __init__(self, *, width: int = 4, kind: Literal["a", "b"] = "a") -> None: ...
    >>> for complaint in about_options("trunk", Thing, {"widht": 3, "width": "3", "kind": "c"}):
    ...     print(complaint)
    config: trunk.widht: this is an option. Found 'widht'. Fix: did you mean width?
    config: trunk.width: this is a int. Found '3'. Fix: write a value such as 4.
    config: trunk.kind: one of a, b. Found 'c'. Fix: write a value such as 'a'.
    """
    hints = get_type_hints(component.__init__)
    known = {
        name: parameter.default
        for name, parameter in inspect.signature(component).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    complaints: list[Complaint] = []
    for option, value in options.items():
        place = f"config: {stage}.{option}"
        if option not in known:
            rule = "this is an option"
            complaints.append(Complaint(place=place, rule=rule, found=repr(option), fix=nearest(option, known)))
        elif rule := _broken(hints[option], value):
            fix = f"write a value such as {known[option]!r}"
            complaints.append(Complaint(place=place, rule=rule, found=repr(value), fix=fix))
    return complaints


def _broken(hint: Any, value: object) -> str | None:
    """The rule that a value breaks."""
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return None if value in choices else f"one of {', '.join(map(str, choices))}"
    types = _PLAIN.get(hint, (object,))
    # True is an int to Python, and never meant as one.
    fits = isinstance(value, types) and not (isinstance(value, bool) and bool not in types and object not in types)
    return None if fits else f"this is a {hint.__name__}"
