"""One client's connection: HTTP/1.1 with keep-alive, and full control over what is not sent."""

import asyncio
import time
from http import HTTPStatus

import h11

from agentic_prefect.testing.admission import Delivery
from agentic_prefect.testing.server.backend import Backend, Exchange
from agentic_prefect.testing.transmission import Transmission

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class Connection(asyncio.Protocol):
    """Reads requests and carries transmissions out, one after the other.

    Args:
        backend: Answers the requests, and knows the connection while it is open.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._http = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body: list[bytes] = []
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def generation(self) -> int | None:
        """Of the request that is being answered; `None` when there is none."""
        return None if self._exchange is None or self._exchange.turn is None else self._exchange.turn.ticket.generation

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._backend.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._backend.connections.discard(self)
        if self._task is not None:
            self._task.cancel()
        self._end_exchange(whole=False)

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._read()

    def _read(self) -> None:
        """Handle everything that has arrived, until a request is under way or more is needed."""
        try:
            while self._exchange is None and not self._transport.is_closing():
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                self._on(event)
        except h11.RemoteProtocolError:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._transport.close()

    def _on(self, event: object) -> None:
        match event:
            case h11.Request():
                self._head = event
                if self._http.they_are_waiting_for_100_continue:
                    self._transport.write(
                        self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
                    )
            case h11.Data():
                self._body.append(bytes(event.data))
            case h11.EndOfMessage():
                self._answer()
            case _:
                self._transport.close()

    def _answer(self) -> None:
        self._exchange = exchange = self._backend.open(self._delivery())
        transmission = exchange.transmission
        if transmission is None or transmission.pace_s:
            self._task = asyncio.get_running_loop().create_task(self._send_in_time(exchange))
            self._task.add_done_callback(self._on_sent)
        else:
            self._send(exchange, transmission)

    def _delivery(self) -> Delivery:
        assert self._head is not None
        path, _, query = self._head.target.decode("latin-1").partition("?")
        delivery = Delivery(
            method=self._head.method.decode("latin-1"),
            path=path,
            query=query,
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in self._head.headers},
            body=b"".join(self._body),
            received_at=time.monotonic(),
        )
        self._head, self._body = None, []
        return delivery

    def _on_sent(self, task: asyncio.Task[None]) -> None:
        """A fault of the server itself ends the connection, so that no client waits for ever."""
        if not task.cancelled() and task.exception() is not None:
            self.abort()
            task.get_loop().call_exception_handler(
                {"message": "A scripted answer failed", "exception": task.exception()}
            )

    async def _send_in_time(self, exchange: Exchange) -> None:
        transmission = await self._backend.prepared(exchange)
        if not transmission.pace_s:
            self._task = None
            self._send(exchange, transmission)
            return
        self._transport.write(self._opening(exchange, transmission))
        *first, last = transmission.parts or (b"",)
        for part in first:
            self._transport.write(self._data(part))
            await asyncio.sleep(transmission.pace_s)
        self._task = None
        self._finish(exchange, transmission, self._data(last))

    def _send(self, exchange: Exchange, transmission: Transmission) -> None:
        """Everything in one write."""
        written = [self._opening(exchange, transmission), *(self._data(part) for part in transmission.parts)]
        self._finish(exchange, transmission, b"".join(written))

    def _opening(self, exchange: Exchange, transmission: Transmission) -> bytes:
        exchange.sent_status = transmission.status
        if transmission.status is None:
            return b""
        reason = REASONS.get(transmission.status, b"Unknown")
        head = h11.Response(status_code=transmission.status, headers=list(transmission.headers), reason=reason)
        return self._http.send(head) or b""

    def _data(self, part: bytes) -> bytes:
        return self._http.send(h11.Data(data=part)) or b""

    def _finish(self, exchange: Exchange, transmission: Transmission, last: bytes) -> None:
        """Write the last bytes. The journal comes first: a client that has its answer finds it noted there."""
        match transmission.ending:
            case "hang":
                self._transport.write(last)
            case "drop":
                self._end_exchange(whole=False)
                self._transport.write(last)
                self._transport.close()
            case "whole":
                last += self._http.send(h11.EndOfMessage()) or b""
                self._end_exchange(whole=True)
                self._transport.write(last)
                self._next_cycle()

    def _end_exchange(self, *, whole: bool) -> None:
        if self._exchange is not None:
            self._backend.close(self._exchange, whole=whole)
            self._exchange = None

    def _next_cycle(self) -> None:
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
            return
        self._http.start_next_cycle()
        if self._http.trailing_data[0]:
            # Not from here: a long row of requests sent ahead would go one call deeper each.
            asyncio.get_running_loop().call_soon(self._read)
