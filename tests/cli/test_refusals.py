"""A Prefect server that answers, and does not do what it is asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.cli.conftest import Command

COMMANDS = [
    ("runs", "list"),
    ("runs", "show", "0f0f0f0f-0000-4000-8000-000000000000"),
    ("plans", "list"),
    ("plans", "delete", "news@1"),
    ("schedule", "list"),
    ("limits", "list"),
    ("interventions", "list"),
    ("automations", "list"),
    ("resume", "0f0f0f0f"),
    ("prune", "--older-than", "30d"),
    ("deploy", "PLAN"),
    ("plans", "save", "PLAN"),
    ("serve", "PLAN"),
    ("rehearse", "PLAN"),
]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan's file."""
    path = tmp_path / "news.yaml"
    path.write_text("name: news\ntasks: [{id: a, description: x}]\n")
    return path


@contextmanager
def _server(status: int, body: object) -> Iterator[str]:
    """The address of a server that says that it is well, and answers all else so."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_health = self.path == "/api/health"
            asks_for_token = self.path.startswith("/api/csrf-token")  # which a server need not have
            content = json.dumps(True if is_health else body).encode()
            self.send_response(200 if is_health else 404 if asks_for_token and status not in (401, 403) else status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/api"
    try:
        with temporary_settings({PREFECT_API_URL: url}):
            yield url
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_server_that_wants_a_login_says_how_to_give_it(command: tuple[str, ...], plan: Path, cli: Command) -> None:
    """Whichever command asks: no key is a fault of the settings, and not of this program."""
    with _server(401, {"exception_message": "Unauthorized"}) as url:
        done = cli(*(plan if word == "PLAN" else word for word in command))

    assert done.code == 5, done.err
    assert done.err.strip().splitlines()[-1] == (
        f"Error: The Prefect server at '{url.removesuffix('/api')}' wants a login, or another one (HTTP 401): set "
        f"PREFECT_API_KEY or PREFECT_API_AUTH_STRING."
    )


@pytest.mark.parametrize(
    ("status", "body", "code", "reason"),
    [
        (403, {"exception_message": "Forbidden"}, 5, "wants a login, or another one (HTTP 403)"),
        (
            422,
            {"detail": "limit must be less"},
            4,
            "answered HTTP 422 to POST /api/flow_runs/filter: limit must be less.",
        ),
        (409, {"detail": [{"msg": "no"}]}, 4, 'answered HTTP 409 to POST /api/flow_runs/filter: [{"msg": "no"}].'),
        (500, "", 5, "answered HTTP 500 to POST /api/flow_runs/filter: it does not say why."),
    ],
)
def test_whatever_a_server_answers_is_told_in_a_sentence(
    status: int, body: object, code: int, reason: str, cli: Command
) -> None:
    """With what was asked, and what it says about it; a fault of the server's own is no connection."""
    with _server(status, body):
        done = cli("runs", "list")

    assert (done.code, done.err.count("\n")) == (code, 1)
    assert reason in done.err


def test_doctor_tells_that_a_server_wants_a_login(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server says to everybody that it is well; that is not enough."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-4711")
    with _server(401, {"exception_message": "Unauthorized"}):
        done = cli("doctor")

    assert done.code == 5
    assert "WRONG  Prefect server: The Prefect server at 'http://127.0.0.1:" in done.out
    assert "(HTTP 401): set PREFECT_API_KEY or PREFECT_API_AUTH_STRING" in done.out
