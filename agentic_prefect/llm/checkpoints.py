"""Models whose answered calls are checkpoints: after a failure, or in another run, they are not made again."""

import hashlib
from dataclasses import replace

from agentic_prefect.errors import InvalidOutput
from agentic_prefect.llm.waits import used_if_cancelled
from agentic_prefect.models.chat import ChatRequest, ChatResponse, KeptAnswer
from agentic_prefect.models.usage import Usage
from agentic_prefect.ports import ChatModel, ModelDirectory, PaidCalls, ResolvedModel


class CheckpointedModel:
    """A model that answers from what was paid for before, as long as it is asked the same.

    What was answered is written down before the next request is sent, so that a task that needs a single call writes
    nothing.

    Args:
        inner: Answers what is new.
        paid: The calls of the task.
        connection: The name of the connection; another provider's answer is another answer.
    """

    def __init__(self, inner: ChatModel, paid: PaidCalls, connection: str) -> None:
        self._inner, self._paid, self._connection = inner, paid, connection

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The kept answer, which costs nothing, or one of the inner model.

        Raises:
            AgenticError: What the inner model raises, or raised then.
        """
        digest = _digest(self._connection, request)
        with used_if_cancelled(Usage()):
            kept = await self._paid.recall(digest)
            if kept is not None:
                return _again(kept)
            await self._paid.keep()
        try:
            response = await self._inner.complete(request)
        except InvalidOutput as error:
            self._paid.record(
                KeptAnswer(request=digest, trouble=error.message, problems=error.problems, text=error.answer)
            )
            raise
        self._paid.record(KeptAnswer(request=digest, response=response))
        return response


class CheckpointedModels:
    """Finds models like `inner`, the answered calls of one task kept."""

    def __init__(self, inner: ModelDirectory, paid: PaidCalls) -> None:
        self._inner, self._paid = inner, paid

    def resolve(self, name: str | None) -> ResolvedModel:
        """The model that `inner` finds, checkpointed."""
        found = self._inner.resolve(name)
        return replace(found, chat=CheckpointedModel(found.chat, self._paid, found.connection))


def _again(kept: KeptAnswer) -> ChatResponse:
    if kept.response is not None:
        return kept.response.model_copy(update={"usage": Usage()})
    error = InvalidOutput(kept.trouble, kept.problems, kept.text)
    error.usage = Usage()
    raise error


def _digest(connection: str, request: ChatRequest) -> str:
    """SHA-256 (hex) of all that could change the answer."""
    content = request.model_dump_json(exclude={"timeout_s", "task_id"})
    return hashlib.sha256(f"{connection}\n{content}".encode()).hexdigest()
