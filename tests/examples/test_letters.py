"""What the checks of a letter call."""

import pytest

from agentic_prefect.examples.letters import has_no_placeholders


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dear Ada, see you [soon].", ["'[soon]' is still to be filled in"]),
        (
            "Dear {{ name }}, lorem ipsum",
            ["'{{ name }}' is still to be filled in", "'lorem ipsum' is still to be filled in"],
        ),
        ("Dear Ada, all is well.", []),
    ],
)
def test_placeholders_are_found(text: str, found: list[str]) -> None:
    """What waits to be filled in is named."""
    assert has_no_placeholders(text) == found
