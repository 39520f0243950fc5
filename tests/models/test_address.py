"""What can be told from an address."""

import pytest

from agentic_prefect.models.address import base_url_of, is_loopback, is_openai
from agentic_prefect.models.connection import Connection

LOOPBACK = [
    ("http://127.0.0.1:8080/v1", True),
    ("http://127.9.9.9/v1", True),
    ("http://[::1]:8080/v1", True),
    ("http://localhost:11434/v1", True),
    ("http://model.localhost/v1", True),
    ("http://192.168.1.5/v1", False),
    ("https://localhost.example.com/v1", False),
    ("https://api.openai.com/v1", False),
    ("nonsense", False),
    ("http://[broken/v1", False),
]

OPENAI = [
    ("https://api.openai.com/v1", True),
    ("https://eu.api.openai.com/v1", True),
    ("https://mine.openai.azure.com/openai/v1", True),
    ("https://openai.example.com/v1", False),
    ("https://api.openai.com.example.com/v1", False),
    ("https://notapi.openai.com.evil.example/v1", False),
    ("http://127.0.0.1/api.openai.com", False),
]


@pytest.mark.parametrize(("base_url", "expected"), LOOPBACK)
def test_is_loopback(base_url: str, expected: bool) -> None:
    """Only addresses on this machine may go without a key."""
    assert is_loopback(base_url) is expected


@pytest.mark.parametrize(("base_url", "expected"), OPENAI)
def test_is_openai(base_url: str, expected: bool) -> None:
    """OpenAI is told by its host alone."""
    assert is_openai(base_url) is expected


def test_base_url_of() -> None:
    """No address is OpenAI's; a slash at the end makes no difference."""
    assert base_url_of(Connection()) == "https://api.openai.com/v1"
    assert base_url_of(Connection(base_url="http://localhost/v1/")) == "http://localhost/v1"
