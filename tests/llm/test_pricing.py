"""Prices."""

import socket
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal

import pytest

from agentic_prefect.llm.pricing import price
from agentic_prefect.models.usage import Usage

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Case:
    """A model somewhere, and whether its price is known."""

    id: str
    model: str
    base_url: str
    known: bool


CASES = [
    Case("OpenAI", "gpt-5-mini", OPENAI, True),
    Case("a dated name", "gpt-5-mini-2025-08-07", OPENAI, True),
    Case("Azure", "gpt-5-mini", "https://mine.openai.azure.com/openai/v1", True),
    Case("OpenRouter", "openai/gpt-4o", "https://openrouter.ai/api/v1", True),
    Case("a model that nobody knows", "gpt-99", OPENAI, False),
    Case("a provider that nobody knows", "gpt-5-mini", "https://llm.example/v1", False),
    Case("this machine", "gpt-5-mini", "http://127.0.0.1:8080/v1", False),
    Case("no model", "", OPENAI, False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_price_is_known_or_none(case: Case) -> None:
    """What is not on the list costs an unknown amount, not nothing."""
    cost = price(case.model, Usage(input_tokens=1000, output_tokens=100, calls=1), base_url=case.base_url)

    assert (cost is not None) is case.known


def test_price_adds_up() -> None:
    """Input, cached input and output have prices of their own."""

    def cost(**tokens: int) -> Decimal:
        found = price("gpt-5-mini", Usage.model_validate(tokens), base_url=OPENAI)
        assert found is not None
        return found

    fresh, cached, said = cost(input_tokens=1000), cost(input_tokens=1000, cached_tokens=1000), cost(output_tokens=1000)

    assert 0 < cached < fresh < said
    assert cost(input_tokens=2000, cached_tokens=1000, output_tokens=1000) == fresh + cached + said


def test_more_cached_than_read() -> None:
    """Token numbers that contradict each other do not fail a call that was answered."""
    assert price("gpt-5-mini", Usage(input_tokens=10, cached_tokens=99, calls=1), base_url=OPENAI) is not None


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices come from the list that is installed."""

    def refuse(*_: object) -> None:
        raise AssertionError("a price was asked for over the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert price("gpt-5-nano", Usage(input_tokens=10, calls=1), base_url=OPENAI) is not None


def test_local_models_do_not_load_the_list() -> None:
    """A run that only talks to this machine does not pay for loading prices."""
    code = (
        "import sys; from agentic_prefect.llm.pricing import price; from agentic_prefect.models.usage import Usage;"
        "price('m', Usage(input_tokens=1), base_url='http://localhost/v1'); print('genai_prices' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
