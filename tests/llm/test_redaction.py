"""Keys are taken out of text."""

import pytest

from agentic_prefect.llm.redaction import redacted

CASES = [
    ("Incorrect API key provided: sk-proj-Ab12_Cd34-Ef56.", "Incorrect API key provided: [redacted]."),
    ("Incorrect API key provided: sk-abc*****wxyz", "Incorrect API key provided: [redacted]"),
    ("Authorization: Bearer eyJhbGciOi.payload-x_y", "Authorization: Bearer [redacted]"),
    ('{"api_key": "0123456789abcdef0123"}', '{"api_key": "[redacted]"}'),
    ("key AIzaSyA1234567890abcdefghijk used", "key [redacted] used"),
    ("gsk-0123456789abcdef", "[redacted]"),
    ("a risk-free task-oriented desk-bound answer", "a risk-free task-oriented desk-bound answer"),
    ("max_tokens must be 1 or more", "max_tokens must be 1 or more"),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text[:24] for text, _ in CASES])
def test_redacted(text: str, expected: str) -> None:
    """What looks like a key is masked, everything else stays."""
    assert redacted(text) == expected


def test_known_secret() -> None:
    """A secret that is known is masked whatever it looks like."""
    assert redacted("you sent hunter2", "hunter2", "") == "you sent [redacted]"
