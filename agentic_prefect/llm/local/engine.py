"""The engine's process: `python -m agentic_prefect.llm.local.engine --model FILE` serves a GGUF file until it is ended.

It answers on the loopback interface alone, without a key: whoever has an account on this machine can ask it.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pydantic import Field

from agentic_prefect.models.base import Frozen

LOOPBACK: Final = "127.0.0.1"
DEFAULT_SLOTS: Final = 4
DEFAULT_CONTEXT_TOKENS: Final = 4096
DEFAULT_SEED: Final = 7

_BROWSER_ORIGINS: Final = "localhost"
"""llama.cpp's word for pages served from this machine; its default lets every web page ask the model."""


class EngineSettings(Frozen):
    """What the engine serves and how much of the machine it takes."""

    model_path: Path
    name: str
    """The model's name in answers."""
    port: int = Field(default=0, ge=0, le=65535)
    """0 takes a free one."""
    slots: int = Field(default=DEFAULT_SLOTS, ge=1)
    """Calls answered at the same time; more than that wait in the engine."""
    context_tokens: int = Field(default=DEFAULT_CONTEXT_TOKENS, ge=256)
    """Prompt and answer of one call together. Memory for all slots is taken at the start."""
    threads: int = Field(ge=1)
    seed: int = DEFAULT_SEED
    default_answer_tokens: int = Field(default=512, ge=1)
    """The limit of a call that sets none: a small model may otherwise repeat itself until its context is full."""


def spare_threads() -> int:
    """One thread fewer than the cores this process may use, at least 1: the caller's own work needs a core too."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def is_installed() -> bool:
    """Whether the `local` extra is there, found out without loading its 100 MB."""
    return find_spec("xllamacpp") is not None


def serve(settings: EngineSettings, *, address_file: Path | None, stop: threading.Event) -> None:
    """Serve until `stop` is set. The address goes to standard output and into `address_file` once calls are answered.

    Raises:
        RuntimeError: llama.cpp cannot load the file or take the port; it has said why on standard error.
    """
    # An optional extra without type stubs: all the rest works, and this module can be imported, where it is missing.
    engine: Any = import_module("xllamacpp")
    server = engine.Server(_parameters(engine.CommonParams(), settings))
    address: str = server.listening_address
    if address_file is not None:
        # Renamed into place, so that a reader sees all of it or nothing.
        unfinished = address_file.with_suffix(".new")
        unfinished.write_text(address, encoding="utf-8")
        unfinished.replace(address_file)
    print(f"{settings.name} answers at {address}/v1", flush=True)
    stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the model that the command line names; 0 after SIGTERM or Ctrl-C, 1 when it could not be served."""
    options = _parser().parse_args(arguments)
    settings = EngineSettings(
        model_path=options.model.resolve(),
        name=options.name or options.model.stem,
        port=options.port,
        slots=options.slots,
        context_tokens=options.context_tokens,
        threads=options.threads,
        seed=options.seed,
    )
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        serve(settings, address_file=options.address_file, stop=stop)
    except RuntimeError as error:
        print(f"{str(settings.model_path)!r} cannot be served: {error}", file=sys.stderr)
        return 1
    return 0


def arguments_of(settings: EngineSettings) -> list[str]:
    """The command line that makes `main` serve these settings."""
    return [
        *("--model", str(settings.model_path)),
        *("--name", settings.name),
        *("--port", str(settings.port)),
        *("--slots", str(settings.slots)),
        *("--context-tokens", str(settings.context_tokens)),
        *("--threads", str(settings.threads)),
        *("--seed", str(settings.seed)),
    ]


def _parameters(parameters: Any, settings: EngineSettings) -> Any:
    parameters.model.path = str(settings.model_path)
    parameters.model_alias = {settings.name}
    parameters.hostnames = [LOOPBACK]
    parameters.port = settings.port
    parameters.cors_origins = _BROWSER_ORIGINS
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.offline = True
    parameters.n_gpu_layers = 0
    parameters.n_parallel = settings.slots
    parameters.n_ctx = settings.slots * settings.context_tokens
    parameters.n_predict = settings.default_answer_tokens
    # A store of old prompts beside the slots' own; its default may grow to 8 GiB.
    parameters.cache_ram_mib = 0
    parameters.cpuparams.n_threads = settings.threads
    parameters.cpuparams_batch.n_threads = settings.threads
    parameters.sampling.temp = 0.0
    parameters.sampling.seed = settings.seed
    return parameters


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agentic_prefect.llm.local.engine", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--name", default="", help="the model's name in answers; default: the file's")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--slots", type=int, default=DEFAULT_SLOTS, help="calls answered at the same time")
    parser.add_argument("--context-tokens", type=int, default=DEFAULT_CONTEXT_TOKENS, help="of one call")
    parser.add_argument("--threads", type=int, default=spare_threads())
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--address-file", type=Path, default=None, help="where to write the address when ready")
    parser.add_argument("--token", default="", help="not used; marks the process for whoever started it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
