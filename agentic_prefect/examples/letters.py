"""What the checks of a letter call."""

import re

_PLACEHOLDER = re.compile(r"\[[^\]\n]{1,60}\]|\{\{[^}]{0,60}\}\}|\bLorem ipsum\b", re.IGNORECASE)


def has_no_placeholders(output: object) -> list[str]:
    """What in a letter still waits to be filled in, such as `[your name]`."""
    return [f"{found!r} is still to be filled in" for found in _PLACEHOLDER.findall(str(output))]
