"""Stops an attempt that keeps asking its model without getting anywhere."""

import hashlib
from collections import Counter
from dataclasses import replace
from typing import NoReturn

from agentic_prefect.errors import InvalidOutput, Runaway
from agentic_prefect.models.chat import ChatRequest, ChatResponse
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import ChatModel, ModelDirectory, ResolvedModel

MOST_ALIKE = 3
"""So often the same request may be answered, or the same answer be given, within one attempt. Some servers answer a
repair with what they had said before once; who does so three times does not get on."""


class Turns:
    """The turns of one attempt: each request that is sent, and what came back.

    Only answered requests are compared: one that was refused for a rate limit or timed out and is sent anew is no loop.

    Args:
        task_id: Whose attempt it is, for messages.
        most: How often the model may be asked; `None` is no limit.
    """

    def __init__(self, task_id: str, most: int | None) -> None:
        self._task_id, self._most = task_id, most
        self._taken = 0
        self._asked, self._said = Counter[bytes](), Counter[bytes]()

    def take(self, request: ChatRequest) -> None:
        """Count a request that is about to be sent.

        Raises:
            Runaway: It is one too many; it is not sent.
        """
        if self._most is not None and self._taken >= self._most:
            raise _runaway(
                f"Task {self._task_id!r} has asked its model {self._taken} times in this attempt, as often as "
                f"`max_turns` allows. Raise `max_turns`, or make the task smaller."
            )
        if self._asked[_digest_of(request)] >= MOST_ALIKE:
            self._stop_circling("sent the same request")
        if max(self._said.values(), default=0) >= MOST_ALIKE:
            self._stop_circling("been given the same answer")
        self._taken += 1

    def answered(self, request: ChatRequest, text: str) -> None:
        """Take note of an answer, of whatever form."""
        self._asked[_digest_of(request)] += 1
        self._said[_digest(text.strip())] += 1

    def _stop_circling(self, what: str) -> NoReturn:
        raise _runaway(
            f"Task {self._task_id!r} goes round in circles: it has {what} {MOST_ALIKE} times in this attempt. "
            f"Say more clearly in its description what is wanted, or name another model."
        )


class CountedModel:
    """A model whose requests are turns of an attempt."""

    def __init__(self, inner: ChatModel, turns: Turns) -> None:
        self._inner, self._turns = inner, turns

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """One answer of the inner model.

        Raises:
            Runaway: The attempt was stopped; nothing was sent.
        """
        self._turns.take(request)
        try:
            response = await self._inner.complete(request)
        except InvalidOutput as error:
            self._turns.answered(request, error.answer)
            raise
        self._turns.answered(request, response.text)
        return response


class CountedModels:
    """Finds models like `inner`, their requests counted as turns of one attempt."""

    def __init__(self, inner: ModelDirectory, turns: Turns) -> None:
        self._inner, self._turns = inner, turns

    def resolve(self, name: str | None) -> ResolvedModel:
        """The model that `inner` finds, counted."""
        found = self._inner.resolve(name)
        return replace(found, chat=CountedModel(found.chat, self._turns))


def _digest_of(request: ChatRequest) -> bytes:
    return _digest(request.model_dump_json(exclude={"timeout_s"}))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _runaway(message: str) -> Runaway:
    error = Runaway(message)
    error.usage = Usage()
    return error
