"""Start, stop and look at the local model. One engine per cache folder, shared by whoever asks for it."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from agentic_prefect.llm.local import engine
from agentic_prefect.llm.local.engine import (
    DEFAULT_CONTEXT_TOKENS,
    DEFAULT_SLOTS,
    EngineSettings,
    arguments_of,
    spare_threads,
)
from agentic_prefect.llm.local.exclusive import exclusive
from agentic_prefect.llm.local.process import answers, is_alive, launch, terminate, wait_until
from agentic_prefect.llm.local.status import EngineRecord, LocalModelStatus, read_record, write_record
from agentic_prefect.llm.local.unavailable import (
    FETCH_WEIGHTS,
    INSTALL_ENGINE,
    LocalModelUnavailable,
    ModelFileUnusable,
)
from agentic_prefect.llm.local.weights import DEFAULT_MODEL, fetched, weights_path

START_TIMEOUT_S: Final = 120.0

_STOP_GRACE_S: Final = 10.0
_GGUF_MAGIC: Final = b"GGUF"
_LOG_LINES: Final = 3


def status(cache_dir: Path) -> LocalModelStatus:
    """What runs, found out by asking the process itself; changes nothing."""
    record = read_record(_record_path(cache_dir))
    if record is None:
        return _describe(cache_dir, "stopped")
    if not is_alive(record.pid, token=record.token):
        return _describe(cache_dir, "stale", record, detail=f"its process {record.pid} is gone")
    if not answers(record.url):
        return _describe(cache_dir, "stale", record, detail=f"its process {record.pid} does not answer at {record.url}")
    return _describe(cache_dir, "running", record)


def start(
    cache_dir: Path,
    *,
    model_file: Path | None = None,
    slots: int = DEFAULT_SLOTS,
    context_tokens: int = DEFAULT_CONTEXT_TOKENS,
    threads: int | None = None,
    timeout_s: float = START_TIMEOUT_S,
) -> LocalModelStatus:
    """Have the model answer: start the engine in the background, or find the one that runs already, as it was started.

    Args:
        cache_dir: Where `fetch` put the default model; the engine's log and record lie there too.
        model_file: A GGUF file; `None` is the default model, which must have been fetched.
        slots: Calls answered at the same time, 1 or more.
        context_tokens: Prompt and answer of one call together, 256 or more.
        threads: `None` is one fewer than the cores.
        timeout_s: Seconds to wait for the model to be loaded.

    Raises:
        LocalModelUnavailable: The engine or the file is missing, another model runs, or the engine ended or did not
            answer in time; then the message holds its last words.
    """
    settings = _settings(cache_dir, model_file, slots=slots, context_tokens=context_tokens, threads=threads)
    return _ensure(cache_dir, settings, timeout_s=timeout_s)[0]


def stop(cache_dir: Path) -> LocalModelStatus:
    """End the engine if one runs, and forget it. A process that is not ours is left alone, whatever its pid.

    Raises:
        LocalModelUnavailable: The engine belongs to another user.
    """
    with _alone(cache_dir):
        _clear(cache_dir)
    return status(cache_dir)


@contextmanager
def running_local(cache_dir: Path, *, model_file: Path | None = None) -> Generator[LocalModelStatus]:
    """Have the model answer while the body runs. What ran before goes on; what was started for this is ended.

    Raises:
        LocalModelUnavailable: As for `start`.
    """
    settings = _settings(cache_dir, model_file)
    current, launched = _ensure(cache_dir, settings, timeout_s=START_TIMEOUT_S)
    try:
        yield current
    finally:
        # Somebody may have ended it and started another in the meantime, which is theirs.
        if launched and status(cache_dir).pid == current.pid:
            stop(cache_dir)


def _ensure(cache_dir: Path, settings: EngineSettings, *, timeout_s: float) -> tuple[LocalModelStatus, bool]:
    """The running engine, and whether it was launched by this very call."""
    if not engine.is_installed():
        raise LocalModelUnavailable("The engine of the local model, xllamacpp, is not installed", INSTALL_ENGINE)
    with _alone(cache_dir):
        current = status(cache_dir)
        if not current.running:
            _clear(cache_dir)
            return _start(cache_dir, settings, timeout_s=timeout_s), True
    if current.model_path != settings.model_path:
        raise LocalModelUnavailable(
            f"The local engine runs {current.model!r} from {str(current.model_path)!r}, "
            f"and {str(settings.model_path)!r} was asked for",
            "End it first with `agentic-prefect local stop`",
        )
    return current, False


def _start(cache_dir: Path, settings: EngineSettings, *, timeout_s: float) -> LocalModelStatus:
    """Launch the engine and wait until it answers. It is ended again when it does not, or when the wait is broken."""
    token = uuid4().hex
    log_path, address_file = cache_dir / "engine.log", cache_dir / f"engine-{token}.address"
    arguments = [*arguments_of(settings), "--address-file", str(address_file), "--token", token]
    process = launch(engine.__name__, arguments, log_path=log_path)
    started = False
    try:
        wait_until(lambda: address_file.exists() or process.poll() is not None, timeout_s=timeout_s)
        url = address_file.read_text(encoding="utf-8") if address_file.exists() else ""
        well = bool(url) and wait_until(lambda: answers(url) or process.poll() is not None, timeout_s=timeout_s)
        if not well or process.poll() is not None:
            raise _no_answer(process, settings, log_path, timeout_s=timeout_s)
        record = EngineRecord(
            pid=process.pid,
            token=token,
            url=url,
            model=settings.name,
            model_path=settings.model_path,
            sha256=DEFAULT_MODEL.sha256 if settings.model_path == weights_path(cache_dir).resolve() else None,
            started_at=datetime.now(UTC),
            log_path=log_path,
        )
        write_record(_record_path(cache_dir), record)
        started = True
    finally:
        address_file.unlink(missing_ok=True)
        if not started:
            terminate(process.pid, token=token, grace_s=_STOP_GRACE_S)
    return _describe(cache_dir, "running", record)


def _no_answer(
    process: subprocess.Popen[bytes], settings: EngineSettings, log_path: Path, *, timeout_s: float
) -> LocalModelUnavailable:
    code = process.poll()
    fate = f"did not answer in {timeout_s:g} s" if code is None else f"ended with exit code {code}"
    words = _last_words(log_path)
    return LocalModelUnavailable(
        f"The engine {fate} while loading {str(settings.model_path)!r}{f': {words}' if words else ''}",
        f"Its whole log is in {str(log_path)!r}; {FETCH_WEIGHTS[0].lower()}{FETCH_WEIGHTS[1:]}",
    )


def _last_words(log_path: Path) -> str:
    """The first errors in the engine's log, which name the cause, or else its last lines."""
    lines = [line.strip() for line in log_path.read_text(encoding="utf-8", errors="replace").splitlines() if line]
    # llama.cpp's lines are `time level message`; the level of an error is E.
    errors = [line.partition(" E ")[2] for line in lines if " E " in line]
    return " | ".join(errors[:_LOG_LINES] or lines[-_LOG_LINES:])


def _settings(
    cache_dir: Path,
    model_file: Path | None,
    *,
    slots: int = DEFAULT_SLOTS,
    context_tokens: int = DEFAULT_CONTEXT_TOKENS,
    threads: int | None = None,
) -> EngineSettings:
    return EngineSettings(
        model_path=_model_path(cache_dir, model_file),
        name=model_file.stem if model_file else DEFAULT_MODEL.name,
        slots=slots,
        context_tokens=context_tokens,
        threads=spare_threads() if threads is None else threads,
    )


def _model_path(cache_dir: Path, model_file: Path | None) -> Path:
    if model_file is None:
        path = fetched(cache_dir)
        if path is None:
            raise LocalModelUnavailable(f"The default model {DEFAULT_MODEL.name!r} was not fetched", FETCH_WEIGHTS)
        return path.resolve()
    try:
        with model_file.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as error:
        raise ModelFileUnusable(
            f"The model file {str(model_file)!r} cannot be read: {error.strerror}",
            "Name a GGUF file that is there, or none for the default model",
        ) from error
    if magic != _GGUF_MAGIC:
        raise ModelFileUnusable(
            f"The file {str(model_file)!r} is no GGUF file: it begins with {magic!r}, not {_GGUF_MAGIC!r}",
            "Name a model in llama.cpp's GGUF format, or none for the default model",
        )
    return model_file.resolve()


def _clear(cache_dir: Path) -> None:
    """End the recorded engine if it lives, and drop its record."""
    record = read_record(_record_path(cache_dir))
    if record is not None:
        try:
            terminate(record.pid, token=record.token, grace_s=_STOP_GRACE_S)
        except PermissionError as error:
            raise LocalModelUnavailable(
                f"The local engine, process {record.pid}, belongs to another user and cannot be ended",
                "Let its owner end it, or set XDG_CACHE_HOME to a folder of your own",
            ) from error
    _record_path(cache_dir).unlink(missing_ok=True)


@contextmanager
def _alone(cache_dir: Path) -> Generator[None]:
    """Only one process starts or stops at a time."""
    try:
        with exclusive(cache_dir / "engine.lock", timeout_s=START_TIMEOUT_S + _STOP_GRACE_S):
            yield
    except TimeoutError as error:
        raise LocalModelUnavailable(str(error).rstrip("."), "Try again later") from error
    except OSError as error:
        raise LocalModelUnavailable(
            f"The folder {str(cache_dir)!r} cannot be written to: {error}",
            "Make it writable, or set XDG_CACHE_HOME to another",
        ) from error


def _describe(
    cache_dir: Path, state: str, record: EngineRecord | None = None, *, detail: str | None = None
) -> LocalModelStatus:
    known = record.model_dump(exclude={"token", "url"}) if record else {}
    return LocalModelStatus.model_validate(
        {
            "state": state,
            "engine_installed": engine.is_installed(),
            "weights_path": fetched(cache_dir),
            "base_url": f"{record.url}/v1" if record and state == "running" else None,
            "detail": detail,
            **known,
        }
    )


def _record_path(cache_dir: Path) -> Path:
    return cache_dir / "engine.json"
