"""What a scripted server does with one HTTP request. Everything here runs in the server's own thread."""

import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs

from agentic_prefect.models.schema_echo import EchoImpossible
from agentic_prefect.testing.admission import Delivery, admit, api_of, key_problem
from agentic_prefect.testing.play import Play, Turn
from agentic_prefect.testing.script import Answer, StatusFault
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
    """One HTTP request and its response."""

    turn: Turn | None = None
    """`None` for a request that is not for a model."""
    transmission: Transmission | None = None
    """The response, as soon as it is decided."""
    sent_status: int | None = None
    """The HTTP status, as soon as it went out."""


class Backend:
    """Turns requests into responses, and notes them."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.connections: set[OpenConnection] = set()

    def drop_forgotten(self) -> None:
        """Close the connections on which a request is in flight that came before the last reset."""
        for connection in list(self.connections):
            if connection.generation not in (None, self._play.journal.generation):
                connection.abort()

    def drop_all(self) -> None:
        """Close all connections."""
        for connection in list(self.connections):
            connection.abort()

    def open(self, delivery: Delivery) -> Exchange:
        """Note the request and choose its answer; the response is there when nothing is to be waited for."""
        api = api_of(delivery)
        if api is None:
            return Exchange(transmission=self._besides(delivery))
        number = self._play.journal.tally.count + 1
        request, refusal = admit(delivery, api, number=number, script=self._play.script)
        exchange = Exchange(turn=self._play.begin(request, refusal))
        assert exchange.turn is not None
        if (answer := exchange.turn.answer_at_once) is not None:
            exchange.transmission = _transmission(answer, exchange.turn)
        return exchange

    async def prepared(self, exchange: Exchange) -> Transmission:
        """The response, after everything that is to be computed or waited for before it."""
        if exchange.transmission is None:
            assert exchange.turn is not None
            exchange.transmission = _transmission(await self._play.decided(exchange.turn), exchange.turn)
        return exchange.transmission

    def close(self, exchange: Exchange, *, whole: bool) -> None:
        """Note the end of an exchange.

        Args:
            whole: The response is out, all of it.
        """
        if exchange.turn is not None:
            self._play.end(exchange.turn, status=exchange.sent_status, whole=whole)

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
                self._play.reset()
                self.drop_forgotten()
                return json_transmission({"status": "reset"})
            case "__release":
                self._play.release(int(query["count"][0]) if "count" in query else None)
                return json_transmission({"status": "released"})
            case _:
                message = f"Invalid URL ({delivery.method} {delivery.path})"
                return error_transmission(StatusFault(status=404, message=message), 0, now_s=time.time())

    def _models(self, delivery: Delivery) -> Transmission:
        if (fault := key_problem(delivery.headers, self._play.script)) is not None:
            return error_transmission(fault, 0, now_s=time.time())
        names = DEFAULT_MODELS if self._play.script.models is None else self._play.script.models
        models = [{"id": name, "object": "model", "created": CREATED_AT, "owned_by": "scripted"} for name in names]
        return json_transmission({"object": "list", "data": models})

    def _report(self) -> dict[str, Any]:
        records = [asdict(record) for record in self._play.journal.requests]
        for record in records:
            del record["api_key"]
        return {**asdict(self._play.journal.tally), "requests": records}


def _transmission(answer: Answer, turn: Turn) -> Transmission:
    now_s = time.time()
    try:
        return transmission_of(answer, turn.request, now_s=now_s)
    except EchoImpossible as error:
        fault = StatusFault(status=400, code="echo_impossible", message=str(error))
        return error_transmission(fault, turn.request.number, now_s=now_s)
