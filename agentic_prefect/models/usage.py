"""What model calls consumed, in tokens, calls and US dollars."""

from decimal import Decimal

from pydantic import Field

from agentic_prefect.models.base import Frozen


class Usage(Frozen):
    """Tokens, calls and cost of some model calls; values add up with `+`."""

    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    """Part of `input_tokens` that the provider served from its prompt cache."""
    calls: int = Field(default=0, ge=0)
    """Requests sent to a model, failed ones included."""
    cost_usd: Decimal | None = Decimal(0)
    """US dollars; `None` when a call's model has no known price, which is not the same as free."""

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        """The sum; one unknown cost makes the sum unknown."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            calls=self.calls + other.calls,
            cost_usd=(self.cost_usd or Decimal(0)) + (other.cost_usd or Decimal(0)) if known else None,
        )
