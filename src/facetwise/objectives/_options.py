"""Options of losses and reweighting rules, checked before anything is trained."""

from facetwise.errors import Complaint, ConfigError

__all__ = ["check_options"]


def check_options(owner: type, **options: tuple[object, bool, str]) -> None:
    """Complain about every option that breaks its rule, at once.

    Args:
        owner: Whose options they are.
        options: Per name the value, whether it is good, and the rule it should keep.

    Raises:
        ConfigError: Some option is not good.

    >>> check_options(dict, beta=(0.5, True, "is between 0 and 1"))
    """
    complaints = [
        Complaint(place=f"{owner.__name__}: {name}", rule=f"{name} {rule}", found=repr(value), fix="correct the value")
        for name, (value, good, rule) in options.items()
        if not good
    ]
    if complaints:
        raise ConfigError(complaints)
