"""The bytes on the socket: keep-alive, requests sent ahead, what is cut off, and what is not HTTP."""

import json
import socket
from collections.abc import Iterator

import pytest

from agentic_prefect.testing import Fault, Reply, ScriptedServer


@pytest.fixture
def wire(server: ScriptedServer) -> Iterator[socket.socket]:
    """A bare connection to the server."""
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=5) as wire:
        yield wire


def request(text: str, *, extra: str = "", stream: bool = False) -> bytes:
    """The bytes of one chat request."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{extra}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def read_response(wire: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of one response with a length."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += wire.recv(1)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    body = b""
    while len(body) < length and (got := wire.recv(length - len(body))):
        body += got
    return head, body


def read_all(wire: socket.socket) -> bytes:
    """Everything until the server closes."""
    return b"".join(iter(lambda: wire.recv(65536), b""))


def said(body: bytes) -> str:
    """What the model said."""
    return json.loads(body)["choices"][0]["message"]["content"]


def test_keep_alive(server: ScriptedServer, wire: socket.socket) -> None:
    """One connection serves request after request, errors included."""
    server.on(None, Reply.text("a"), Fault.server_error(), Reply.text("b"))

    heads: list[bytes] = []
    for _ in range(3):
        wire.sendall(request("Hello"))
        heads.append(read_response(wire)[0].split(b"\r\n")[0])

    assert heads == [b"HTTP/1.1 200 OK", b"HTTP/1.1 500 Internal Server Error", b"HTTP/1.1 200 OK"]


def test_requests_sent_ahead_are_answered_in_order(server: ScriptedServer, wire: socket.socket) -> None:
    """A client need not wait for one answer before it sends the next request, even when the first is slow."""
    server.on("slow", Reply.text("first").delayed(0.02))
    server.on(None, Reply.text("then"))

    wire.sendall(request("slow") + request("b") + request("c"))

    assert [said(read_response(wire)[1]) for _ in range(3)] == ["first", "then", "then"]
    assert server.max_in_flight == 1


def test_many_requests_sent_ahead(server: ScriptedServer, wire: socket.socket) -> None:
    """A long row of requests in one piece is no deeper than a short one."""
    server.on(None, Reply.text("a"))

    wire.sendall(request("Hello") * 300)

    assert {said(read_response(wire)[1]) for _ in range(300)} == {"a"}


def test_a_request_in_pieces(wire: socket.socket) -> None:
    """A request may arrive byte by byte."""
    for byte in request("Hello"):
        wire.send(bytes([byte]))

    assert b"200 OK" in read_response(wire)[0]


def test_the_client_asks_first(wire: socket.socket) -> None:
    """A client that expects `100 Continue` before it sends a body gets it."""
    head, _, body = request("Hello", extra="expect: 100-continue\r\n").partition(b"\r\n\r\n")
    wire.sendall(head + b"\r\n\r\n")
    interim = wire.recv(100)
    wire.sendall(body)

    assert interim.startswith(b"HTTP/1.1 100 ")
    assert b"200 OK" in read_response(wire)[0]


def test_connection_close(wire: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    """A client that asks for it gets its connection closed after the answer."""
    wire.sendall(request("Hello", extra="connection: close\r\n"))

    read_response(wire)

    assert wire.recv(1) == b""
    assert not caplog.records, "closed on purpose, not by an error in the server's thread"


def test_dropped_before_any_byte(server: ScriptedServer, wire: socket.socket) -> None:
    """Not one byte comes before the connection closes."""
    server.on(None, Fault.drop())
    wire.sendall(request("Hello"))

    assert read_all(wire) == b""


def test_dropped_after_the_head(server: ScriptedServer, wire: socket.socket) -> None:
    """Status and headers come, and nothing of the body."""
    server.on(None, Fault.drop("head"))
    wire.sendall(request("Hello"))

    head, _, body = read_all(wire).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b""


def test_dropped_in_the_middle(server: ScriptedServer, wire: socket.socket) -> None:
    """Half of what `Content-Length` promises comes."""
    server.on(None, Fault.drop("half"))
    wire.sendall(request("Hello"))

    head, _, body = read_all(wire).partition(b"\r\n\r\n")

    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert len(body) == promised // 2


def test_a_stream_dropped_in_the_middle_has_no_end_mark(server: ScriptedServer, wire: socket.socket) -> None:
    """A stream that breaks off has neither its last event nor the end of its chunks."""
    server.on(None, Fault.drop("half"))
    wire.sendall(request("Hello", stream=True))

    got = read_all(wire)

    assert got.count(b"data: {") == 3
    assert b"[DONE]" not in got
    assert not got.endswith(b"0\r\n\r\n")


def test_a_hang_in_the_middle_sends_half(server: ScriptedServer, wire: socket.socket) -> None:
    """A response that hangs in its middle has sent its first half and leaves the connection open."""
    server.on(None, Fault.hang("half"))
    wire.sendall(request("Hello"))
    head = b""
    while b"\r\n\r\n" not in head:
        head += wire.recv(1)
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    half = wire.recv(promised // 2, socket.MSG_WAITALL)
    wire.settimeout(0.02)

    assert len(half) == promised // 2
    with pytest.raises(TimeoutError):
        wire.recv(1)


def test_what_is_not_http(wire: socket.socket) -> None:
    """Garbage is answered with 400, and the connection closes."""
    wire.sendall(b"\x16\x03\x01 this is no request\r\n\r\n")

    assert read_all(wire).startswith(b"HTTP/1.1 400 Bad Request\r\n")
