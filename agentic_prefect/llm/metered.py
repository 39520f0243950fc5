"""Models whose calls are paid for out of a budget."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from agentic_prefect.errors import AgenticError
from agentic_prefect.llm.ledger import Ledger
from agentic_prefect.models.chat import ChatRequest, ChatResponse
from agentic_prefect.models.usage import Usage
from agentic_prefect.policies.budget import Amount, estimate_tokens, prompt_tokens
from agentic_prefect.ports import ChatModel, ModelDirectory, ResolvedModel

ASSUMED_OUTPUT_TOKENS = 1024
"""What a call without `max_output_tokens` is expected to answer at most. It can answer more: set the limit where the
budget has to hold to the token."""

Price = Callable[[str, Usage], Decimal | None]
"""US dollars that the model of that name costs for that usage; `None` when nobody knows."""


class MeteredModel:
    """A model that asks a ledger before each call and tells it afterwards, and that adds the price to what it used.

    A failed call is booked with what its error says it used, one call otherwise; a cancelled one as one call, since
    nobody says what it cost.

    Args:
        inner: Does the work.
        ledger: Shared by all that spend from the same budget.
        price: What calls of this connection cost.
    """

    def __init__(self, inner: ChatModel, *, ledger: Ledger, price: Price) -> None:
        self._inner, self._ledger, self._price = inner, ledger, price

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """One answer of the inner model, its usage priced.

        Raises:
            BudgetExceeded: The call could overrun the budget; it was not sent.
            AgenticError: What the inner model raises, its usage priced.
        """
        estimate = self._estimate(request)
        await self._ledger.reserve(estimate)
        usage = Usage(calls=1)
        try:
            response = await self._inner.complete(request)
            usage = self._priced(response.model, request.model, response.usage)
        except AgenticError as error:
            usage = error.usage = self._priced(request.model, request.model, error.usage or usage)
            raise
        finally:
            self._ledger.settle(estimate, usage)
        return response.model_copy(update={"usage": usage})

    def _estimate(self, request: ChatRequest) -> Amount:
        """What a request needs at most: its prompt and schema, and the longest answer that it allows."""
        prompt = prompt_tokens(request.messages)
        if request.output is not None:
            prompt += estimate_tokens(json.dumps(request.output.json_schema))
        answer = request.settings.max_output_tokens or ASSUMED_OUTPUT_TOKENS
        amount = Amount(calls=1, tokens=prompt + answer)
        if not self._ledger.limits_usd:
            return amount
        usd = self._price(request.model, Usage(input_tokens=prompt, output_tokens=answer, calls=1))
        return replace(amount, usd=usd or Decimal(0))

    def _priced(self, answered_by: str, asked: str, usage: Usage) -> Usage:
        """`usage` with its cost; a cost that is known already stays, and what used no tokens costs nothing."""
        if usage.cost_usd is not None:
            return usage
        if usage.total_tokens == 0:
            return usage.model_copy(update={"cost_usd": Decimal(0)})
        cost = self._price(answered_by, usage)
        return usage.model_copy(update={"cost_usd": self._price(asked, usage) if cost is None else cost})


class MeteredModels:
    """Finds models like `inner`, each of them metered.

    Args:
        inner: Finds the models.
        ledger: Whose budget they spend.
        price: US dollars for the usage of a model at a connection, by its name; `None` when nobody knows.
    """

    def __init__(
        self, inner: ModelDirectory, *, ledger: Ledger, price: Callable[[str, str, Usage], Decimal | None]
    ) -> None:
        self._inner, self._ledger, self._price = inner, ledger, price

    def resolve(self, name: str | None) -> ResolvedModel:
        """The model that `inner` finds, metered."""
        found = self._inner.resolve(name)
        metered = MeteredModel(
            found.chat, ledger=self._ledger, price=lambda model, usage: self._price(found.connection, model, usage)
        )
        return replace(found, chat=metered)
