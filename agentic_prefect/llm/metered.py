"""Models whose calls are paid for out of a budget."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from agentic_prefect.errors import AgenticError
from agentic_prefect.llm.ledger import Ledger
from agentic_prefect.llm.waits import Waiting, before_another, not_waiting, usage_of_cancelled, used_if_cancelled
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

    A failed call is booked with what its error says it used, one call otherwise; a cancelled one as the requests that
    were sent, since nobody says what they cost. Where a server refuses how a request is put, each further one has to
    fit, too.

    Args:
        inner: Does the work.
        ledger: Shared by all that spend from the same budget.
        price: What calls of this connection cost.
        waiting: Entered around each wait for calls under way.
    """

    def __init__(self, inner: ChatModel, *, ledger: Ledger, price: Price, waiting: Waiting = not_waiting) -> None:
        self._inner, self._ledger, self._price, self._waiting = inner, ledger, price, waiting

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """One answer of the inner model, its usage priced.

        Raises:
            BudgetExceeded: The call could overrun the budget; it was not sent.
            AgenticError: What the inner model raises, its usage priced.
        """
        reserved = _Reservation(self._ledger, self._estimate(request), self._waiting)
        with used_if_cancelled(Usage()):
            await reserved.make()
        usage = Usage(calls=1)
        try:
            response = await self._inner.complete(before_another(request, reserved.renew))
            usage = self._priced(response.model, request.model, response.usage)
        except AgenticError as error:
            usage = error.usage = self._priced(request.model, request.model, error.usage or usage)
            raise
        except asyncio.CancelledError as error:
            usage = usage_of_cancelled(error)
            raise
        finally:
            reserved.settle(usage)
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


class _Reservation:
    """What is set aside for the request that is under way, of those that are sent for one call."""

    def __init__(self, ledger: Ledger, estimate: Amount, waiting: Waiting) -> None:
        self._ledger, self._estimate, self._waiting = ledger, estimate, waiting
        self._held = Amount()
        self._refused = 0

    async def make(self) -> None:
        with self._waiting(""):
            await self._ledger.reserve(self._estimate)
        self._held = self._estimate

    async def renew(self) -> None:
        """The request under way was refused, which took no tokens, and another one is due."""
        self._ledger.settle(self._held, Usage(calls=1))
        self._held = Amount()
        self._refused += 1
        await self.make()

    def settle(self, usage: Usage) -> None:
        """Book what the call took in all, except for what is booked already."""
        left = usage.model_copy(update={"calls": max(0, usage.calls - self._refused)})
        self._ledger.settle(self._held, left)


class MeteredModels:
    """Finds models like `inner`, each of them metered.

    Args:
        inner: Finds the models.
        ledger: Whose budget they spend.
        price: US dollars for the usage of a model at a connection, by its name; `None` when nobody knows.
        waiting: Entered around each wait for calls under way.
    """

    def __init__(
        self,
        inner: ModelDirectory,
        *,
        ledger: Ledger,
        price: Callable[[str, str, Usage], Decimal | None],
        waiting: Waiting = not_waiting,
    ) -> None:
        self._inner, self._ledger, self._price, self._waiting = inner, ledger, price, waiting

    def resolve(self, name: str | None) -> ResolvedModel:
        """The model that `inner` finds, metered."""
        found = self._inner.resolve(name)
        metered = MeteredModel(
            found.chat,
            ledger=self._ledger,
            price=lambda model, usage: self._price(found.connection, model, usage),
            waiting=self._waiting,
        )
        return replace(found, chat=metered)
