"""The answered model calls of a task, kept in Prefect's result storage beside the task's result."""

import asyncio
import logging
from typing import Any, Final
from uuid import uuid4

from prefect.context import TaskRunContext
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer
from pydantic import ValidationError

from agentic_prefect.models.base import Frozen
from agentic_prefect.models.chat import KeptAnswer

MOST_CALLS: Final = 1000
"""So many are read at most; `max_turns` allows no more."""

_log = logging.getLogger(__name__)


class _Record(Frozen):
    """One call as it is stored. Each has a file of its own, so that a process that dies while it writes one harms no
    other.
    """

    version: int = 1
    series: str
    """The calls that belong together; those of an earlier series may still lie behind them."""
    answer: KeptAnswer | None
    """`None` ends a series whose answers are of no use."""


class StoredCalls:
    """The answered calls of one task, over all its attempts.

    Args:
        key: Where the task's result is kept; `None` keeps the calls for this run's attempts only.
        look: Whether an earlier run may have left some.
    """

    def __init__(self, key: str | None, *, look: bool) -> None:
        self._key, self._look = key, look
        self._looking = asyncio.Lock()
        self._series = ""
        self._answers: list[KeptAnswer] = []
        self._left: list[KeptAnswer] = []
        """Those that the attempt under way has not taken over."""
        self._written = 0

    def begin(self) -> None:
        """An attempt starts: what was answered before it may be taken over, each answer once."""
        self._left = list(self._answers)

    async def recall(self, request: str) -> KeptAnswer | None:
        """The first answer to a request that was not taken over yet.

        A storage that is out of order costs no more than a second payment.
        """
        # Whoever asks while the calls are being read waits for them, too.
        async with self._looking:
            if self._look:
                (trouble,) = await asyncio.gather(self._load(), return_exceptions=True)
                self._look = False
                if isinstance(trouble, Exception):
                    _log.warning("Kept calls could not be read (%s: %s).", type(trouble).__name__, trouble)
        for place, answer in enumerate(self._left):
            if answer.request == request:
                return self._left.pop(place)
        return None

    def record(self, answer: KeptAnswer) -> None:
        """Take note of an answer."""
        self._answers.append(answer)

    async def keep(self) -> None:
        """Write down what was recorded. A storage that is out of order costs no more than a second payment, later."""
        while self._written < len(self._answers):
            self._written += 1
            await self._write(self._written, self._answers[self._written - 1])

    async def forget(self) -> None:
        """Let no attempt and no run take over what was answered so far."""
        is_written = self._written > 0
        self._answers, self._left, self._written, self._series = [], [], 0, ""
        if is_written:
            await self._write(1, None)

    async def _load(self) -> None:
        store = self._store()
        if store is None:
            return
        series, answers = "", list[KeptAnswer]()
        for number in range(1, MOST_CALLS + 1):
            record = await _read(store, self._place(number))
            if record is None or record.answer is None or (number > 1 and record.series != series):
                break
            series = record.series
            answers.append(record.answer)
        self._series, self._answers = series, answers
        self._left, self._written = list(answers), len(answers)

    async def _write(self, number: int, answer: KeptAnswer | None) -> None:
        store = self._store()
        if store is None:
            return
        self._series = self._series or uuid4().hex
        record = _Record(series=self._series, answer=answer).model_dump(mode="json")
        (trouble,) = await asyncio.gather(store.awrite(record, self._place(number)), return_exceptions=True)
        if isinstance(trouble, Exception):
            _log.warning("An answered call could not be kept (%s: %s).", type(trouble).__name__, trouble)

    def _place(self, number: int) -> str:
        return f"{self._key}-call-{number}"

    def _store(self) -> ResultStore | None:
        context = TaskRunContext.get()
        if self._key is None or context is None:
            return None
        return ResultStore(
            result_storage=context.result_store.result_storage,
            serializer=JSONSerializer(),
            cache_result_in_memory=False,
        )


async def _read(store: ResultStore, place: str) -> _Record | None:
    if not await store.aexists(place):
        return None
    stored: Any = (await store.aread(place)).result
    try:
        return _Record.model_validate(stored)
    except ValidationError:
        return None  # of another version of this package
