"""What a scripted server does with one HTTP request. Everything here runs in the server's own thread."""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs

from agentic_prefect.testing.admission import Delivery, admit, api_of, key_problem
from agentic_prefect.testing.matching import RuleBook
from agentic_prefect.testing.request import ScriptedRequest
from agentic_prefect.testing.schema_echo import EchoImpossible
from agentic_prefect.testing.script import ANSWER_TYPES, Answer, AnswerFunction, Script, StatusFault
from agentic_prefect.testing.server.journal import Journal, Ticket
from agentic_prefect.testing.transmission import (
    Transmission,
    error_transmission,
    json_transmission,
    transmission_of,
)
from agentic_prefect.testing.wire_text import CREATED_AT

DEFAULT_MODELS = ("scripted-model",)
"""What `GET /v1/models` lists when the script knows all names."""


class OpenConnection(Protocol):
    """A client's connection, as far as the backend cares."""

    @property
    def generation(self) -> int | None:
        """Of the request that is being answered; `None` when there is none."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


@dataclass(slots=True)
class Exchange:
    """One request and the answer that was chosen for it."""

    number: int
    ticket: Ticket | None
    """`None` for a request that is not for a model."""
    request: ScriptedRequest | None
    answer: Answer | AnswerFunction | None
    """`None` when `transmission` is already there."""
    transmission: Transmission | None = None
    gate: asyncio.Future[None] | None = None
    """Done when a held answer may go; `None` when it is known that the answer is not held."""
    sent_status: int | None = None
    """The HTTP status, as soon as it went out."""


class Backend:
    """Chooses answers, keeps the journal, holds what is to be held."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.rules = RuleBook(script)
        self.journal = Journal()
        self.connections: set[OpenConnection] = set()
        self._gates: dict[Ticket, asyncio.Future[None]] = {}

    def reset(self) -> None:
        """Back to the script as it was given, with an empty journal. May be called from every thread."""
        self.rules.reset()
        self.journal.reset()

    def drop_forgotten(self) -> None:
        """Close the connections on which a request is in flight that came before the last reset."""
        for connection in list(self.connections):
            if connection.generation not in (None, self.journal.generation):
                connection.abort()

    def drop_all(self) -> None:
        """Close all connections."""
        for connection in list(self.connections):
            connection.abort()

    def open(self, delivery: Delivery) -> Exchange:
        """Note the request and choose its answer."""
        api = api_of(delivery)
        if api is None:
            return Exchange(0, None, None, None, self._besides(delivery))
        number = self.journal.tally.count + 1
        request, fault = admit(delivery, api, number=number, script=self.script)
        ticket = self.journal.arrived(request)
        exchange = Exchange(number, ticket, request, fault or self.rules.choose(request))
        if not isinstance(exchange.answer, ANSWER_TYPES) or exchange.answer.held:
            # There from the start, so that a `release()` that follows on the request's arrival finds it.
            exchange.gate = self._gates[ticket] = asyncio.get_running_loop().create_future()
        return exchange

    def ready(self, exchange: Exchange) -> Transmission | None:
        """The response, when nothing is to be computed or waited for before it; else `None`."""
        answer = exchange.answer
        if isinstance(answer, ANSWER_TYPES) and not answer.held and not answer.delay_s:
            self.put(exchange, answer)
        return exchange.transmission

    async def prepared(self, exchange: Exchange) -> Transmission:
        """The response, after everything that is to be computed or waited for before it."""
        assert exchange.ticket is not None
        assert exchange.request is not None
        answer = exchange.answer
        if not isinstance(answer, ANSWER_TYPES):
            assert answer is not None
            answer = await _computed(answer, exchange.request)
        if answer.held and exchange.gate is not None:
            await exchange.gate
        self._gates.pop(exchange.ticket, None)
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        return self.put(exchange, answer)

    def put(self, exchange: Exchange, answer: Answer) -> Transmission:
        """Decide what goes out."""
        assert exchange.request is not None
        now_s = time.time()
        try:
            exchange.transmission = transmission_of(answer, exchange.request, now_s=now_s)
        except EchoImpossible as error:
            fault = StatusFault(status=400, code="echo_impossible", message=str(error))
            exchange.transmission = error_transmission(fault, exchange.number, now_s=now_s)
        return exchange.transmission

    def close(self, exchange: Exchange, *, whole: bool) -> None:
        """Note the end of an exchange.

        Args:
            whole: The response is out, all of it.
        """
        if exchange.ticket is None:
            return
        self._gates.pop(exchange.ticket, None)
        answered_at = time.monotonic() if whole else None
        self.journal.closed(exchange.ticket, status=exchange.sent_status, answered_at=answered_at)

    def release(self, count: int | None) -> None:
        """Let the `count` oldest held requests go; `None` is all that are held at this moment."""
        for ticket in list(self._gates)[:count]:
            gate = self._gates.pop(ticket)
            if not gate.done():
                gate.set_result(None)

    def _besides(self, delivery: Delivery) -> Transmission:
        """The response to a request that is not for a model."""
        query = parse_qs(delivery.query)
        match delivery.path.rsplit("/", 1)[-1]:
            case "health":
                return json_transmission({"status": "ok"})
            case "models":
                return self._models(delivery)
            case "__requests":
                return json_transmission(self._report())
            case "__reset":
                self.reset()
                self.drop_forgotten()
                return json_transmission({"status": "reset"})
            case "__release":
                self.release(int(query["count"][0]) if "count" in query else None)
                return json_transmission({"status": "released"})
            case _:
                message = f"Invalid URL ({delivery.method} {delivery.path})"
                return error_transmission(StatusFault(status=404, message=message), 0, now_s=time.time())

    def _models(self, delivery: Delivery) -> Transmission:
        if (fault := key_problem(delivery.headers, self.script)) is not None:
            return error_transmission(fault, 0, now_s=time.time())
        names = DEFAULT_MODELS if self.script.models is None else self.script.models
        models = [{"id": name, "object": "model", "created": CREATED_AT, "owned_by": "scripted"} for name in names]
        return json_transmission({"object": "list", "data": models})

    def _report(self) -> dict[str, Any]:
        records = [asdict(record) for record in self.journal.requests]
        for record in records:
            del record["api_key"]
        return {**asdict(self.journal.tally), "requests": records}


async def _computed(function: AnswerFunction, request: ScriptedRequest) -> Answer:
    """What the script's function answers; its error becomes an answer that no client tries again."""

    async def call() -> Answer:
        return function(request)

    [outcome] = await asyncio.gather(call(), return_exceptions=True)
    if isinstance(outcome, BaseException):
        return StatusFault(status=400, code="script_error", message=f"The script's answer function raised {outcome!r}.")
    return outcome
