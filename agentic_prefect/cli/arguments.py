"""Arguments that several commands share."""

from typing import Annotated, Any, Final

from cyclopts import Group, Parameter

INPUTS: Final = Group("Inputs", sort_key=1)


def no_option(_: Any, value: Any) -> None:
    """Refuse an option where a value belongs; a lone `-` is a value.

    Raises:
        ValueError: It begins like an option.
    """
    for text in (value,) if isinstance(value, str) else value or ():
        if isinstance(text, str) and text.startswith("-") and text != "-":
            raise ValueError(f"{text!r} is an option that this command does not have, or stands where a value belongs")


HYPHEN: Final = Parameter(allow_leading_hyphen=True, validator=no_option)
"""For values that may be `-`."""

PlanReference = Annotated[str, HYPHEN]
"""A plan's file, the name of a stored plan, or `-` for standard input."""
