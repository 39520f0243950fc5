"""Where the command line writes, and how much."""

import sys
import termios
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console

PIPED_WIDTH: Final = 120
"""Columns for a pipe or a file, which have no width of their own."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Verbosity:
    """How much a command says besides its result."""

    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False
    """Say nothing but errors and the result."""
    verbose: Annotated[int, Parameter(name=("--verbose", "-v"), count=True)] = 0
    """Show Prefect's log as well; twice also the traceback of an error."""


NORMAL: Final = Verbosity()


def stdout() -> Console:
    """The console for results. Rich leaves colours out where it is no terminal, or NO_COLOR is set."""
    return _console(stderr=False)


def stderr() -> Console:
    """The console for progress, logs and errors."""
    return _console(stderr=True)


def wants_traceback(arguments: Sequence[str]) -> bool:
    """Whether `-vv` stands among the arguments; known before they are understood, so that every error can ask."""
    verbose = (word for word in arguments if word == "--verbose" or (word[:2] == "-v" and set(word[1:]) == {"v"}))
    return sum(1 if word == "--verbose" else len(word) - 1 for word in verbose) >= 2


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


@contextmanager
def no_echo() -> Generator[None]:
    """What is typed while the body runs is not shown; the terminal is as before afterwards."""
    before = termios.tcgetattr(sys.stdin)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def is_attended() -> bool:
    """Whether somebody can read and type here."""
    return sys.stdin.isatty() and sys.stderr.isatty()
