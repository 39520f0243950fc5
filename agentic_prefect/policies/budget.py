"""What may still be spent: reserved before a call is sent, settled when its answer is there. Pure arithmetic."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from agentic_prefect.models.budget import Budget
from agentic_prefect.models.chat import Message
from agentic_prefect.models.usage import Usage

CHARS_PER_TOKEN = 4
"""The common rule of thumb for English text. Other scripts need more tokens, so it is an estimate, not a bound.

Source: https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them
"""

TOKENS_PER_IMAGE = 800
"""What a picture of a megapixel costs in full detail, about. Source: https://platform.openai.com/docs/guides/images"""

Limit = Literal["calls", "tokens", "usd"]


@dataclass(frozen=True, slots=True)
class Amount:
    """Calls, tokens and US dollars."""

    calls: int = 0
    tokens: int = 0
    usd: Decimal = Decimal(0)

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.usd - other.usd)


@dataclass(frozen=True, slots=True)
class Account:
    """How much is gone and how much is promised to calls under way."""

    spent: Amount = Amount()
    reserved: Amount = Amount()
    unpriced_calls: int = 0
    """Calls whose price is unknown: `spent.usd` is a lower bound if there are any."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """A call that does not fit into the budget."""

    what: Limit
    limit: Decimal
    spent: Decimal
    reserved: Decimal
    """Promised to calls under way."""
    asked: Decimal
    """What the call may need."""

    @property
    def is_final(self) -> bool:
        """Whether it would not even fit if the calls under way gave back all they reserved."""
        return self.spent + self.asked > self.limit


def raised(budget: Budget, more: Budget) -> Budget:
    """The budget with so much more in it; what it does not limit stays without a limit."""
    limits = ((name, getattr(budget, name), getattr(more, name)) for name in ("usd", "tokens", "calls"))
    # A float such as 0.1 means the decimal that somebody wrote.
    sums = {name: Decimal(str(old)) + Decimal(str(new)) for name, old, new in limits if old is not None and new}
    return budget.model_copy(
        update={name: float(value) if name == "usd" else int(value) for name, value in sums.items()}
    )


def estimate_tokens(text: str) -> int:
    """How many tokens `text` has, about: its characters by four, rounded up."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def prompt_tokens(messages: Iterable[Message]) -> int:
    """How many tokens messages have, about: their text, and `TOKENS_PER_IMAGE` for each picture."""
    return sum(estimate_tokens(each.content) + TOKENS_PER_IMAGE * len(each.images) for each in messages)


def reserve(budget: Budget, account: Account, estimate: Amount) -> Account | Overrun:
    """The account with `estimate` set aside, or why it does not fit.

    Args:
        estimate: What the call may need at most; its `usd` is 0 when the price is unknown, so that only the limits of
            calls and tokens hold.
    """
    total = account.spent + account.reserved + estimate
    limits: tuple[tuple[Limit, float | None], ...] = (
        ("calls", budget.calls),
        ("tokens", budget.tokens),
        ("usd", budget.usd),
    )
    for what, limit in limits:
        # A float such as 0.1 means the decimal that the author wrote.
        if limit is not None and getattr(total, what) > (bound := Decimal(str(limit))):
            parts = (Decimal(getattr(part, what)) for part in (account.spent, account.reserved, estimate))
            return Overrun(what, bound, *parts)
    return replace(account, reserved=account.reserved + estimate)


def settle(account: Account, estimate: Amount, usage: Usage) -> Account:
    """The account after a call: `estimate` is given back and `usage` is gone."""
    actual = Amount(calls=usage.calls, tokens=usage.total_tokens, usd=usage.cost_usd or Decimal(0))
    return Account(
        spent=account.spent + actual,
        reserved=account.reserved - estimate,
        unpriced_calls=account.unpriced_calls + (usage.calls if usage.cost_usd is None else 0),
    )


def release(account: Account, estimate: Amount) -> Account:
    """The account after a call that was never sent."""
    return replace(account, reserved=account.reserved - estimate)
