"""Runs a scripted server until it is told to stop: `python -m agentic_prefect.testing.server --script script.json`.

The first line on stdout is the server's base URL; the file that was asked for is there by then. Besides the model
endpoints it has `/__requests` (what it was asked, as JSON), `/__reset` and `/__release?count=N`.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from pydantic import ValidationError

from agentic_prefect.testing.script import Script
from agentic_prefect.testing.server.scripted_server import ScriptedServer


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after a stop, 2 when the script cannot be read or the port is taken.
    """
    options = _parser().parse_args(arguments)
    try:
        script = Script() if options.script is None else Script.model_validate_json(options.script.read_bytes())
        server = ScriptedServer(script, port=options.port).start()
    except (OSError, ValidationError) as error:
        sys.stderr.write(f"The scripted server cannot start: {error}\n")
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    with server:
        if options.ready_file is not None:
            _publish(server.base_url, options.ready_file)
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agentic_prefect.testing.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", type=Path, help="JSON file with the rules; without it every request gets an echo")
    parser.add_argument("--ready-file", type=Path, help="gets the base URL as soon as requests can come")
    return parser


def _publish(base_url: str, file: Path) -> None:
    """Write the address in one piece, so that whoever polls never reads half of it."""
    draft = file.with_name(f"{file.name}.part")
    draft.write_text(f"{base_url}\n")
    draft.replace(file)


if __name__ == "__main__":
    sys.exit(main())
